// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"github.com/godbus/dbus/v5"

	"machined-go/machine/image"
)

// imageInterface is the table of an Image object.
func imageInterface() *iface {
	get := func(name, sig string, f func(i *image.Image) any) property {
		return property{name: name, sig: sig, emits: "false", get: value(func(c *call) any { return f(&c.image) })}
	}
	return &iface{
		name: "org.freedesktop.machine1.Image",
		props: []property{
			get("Name", "s", func(i *image.Image) any { return i.Name }),
			get("Path", "s", func(i *image.Image) any { return validText(i.Path) }),
			get("Type", "s", func(i *image.Image) any { return i.Type }),
			get("ReadOnly", "b", func(i *image.Image) any { return i.ReadOnly }),
			get("CreationTimestamp", "t", func(i *image.Image) any { return i.Created }),
			get("ModificationTimestamp", "t", func(i *image.Image) any { return i.Modified }),
			get("Usage", "t", func(i *image.Image) any { return i.Usage }),
			get("Limit", "t", func(i *image.Image) any { return i.Limit }),
			get("UsageExclusive", "t", func(i *image.Image) any { return i.UsageExclusive }),
			get("LimitExclusive", "t", func(i *image.Image) any { return i.LimitExclusive }),
		},
		methods: imageMethods(),
	}
}

func getImage(c *call) ([]any, error) {
	if err := c.imageByName(c.str(0)); err != nil {
		return nil, failf(errMachine+"NoSuchImage", "No image '%s' known", validText(c.str(0)))
	}
	return reply(imagePath(c.image.Name))
}

// listedImage is one row of ListImages.
type listedImage struct {
	Name, Type               string
	ReadOnly                 bool
	Created, Modified, Usage uint64
	Path                     dbus.ObjectPath
}

func listImages(*call) ([]any, error) {
	images, err := image.List()
	if err != nil {
		return nil, err
	}
	rows := make([]listedImage, len(images))
	for i, m := range images {
		rows[i] = listedImage{m.Name, m.Type, m.ReadOnly, m.Created, m.Modified, m.Usage, imagePath(m.Name)}
	}
	return reply(rows)
}

func (c *call) imageLabels() []string {
	images, err := image.List()
	if err != nil {
		return nil
	}
	labels := make([]string, len(images))
	for i, m := range images {
		labels[i] = label(m.Name)
	}
	return labels
}
