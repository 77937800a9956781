// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"encoding/hex"

	"machined-go/machine"
	"machined-go/machine/image"
)

// imageInterface is the table of io.systemd.MachineImage (systemd 257 and
// newer).
func imageInterface() *iface {
	return &iface{
		name: imageIf,
		types: []typedef{
			{"AcquireMetadata", "no, yes, graceful"},
			{"CleanPoolMode", "all, hidden"},
		},
		methods: []method{
			{name: "List", in: "name: ?string, acquireMetadata: ?AcquireMetadata, " + interactive,
				out: "name: string, path: ?string, type: string, class: string, readOnly: bool, creationTimestamp: ?int, " +
					"modificationTimestamp: ?int, usage: ?int, usageExclusive: ?int, limit: ?int, limitExclusive: ?int, " +
					"hostname: ?string, machineId: ?string, machineInfo: ?[]string, OSRelease: ?[]string",
				long: true, run: listImages},
			imageRow("Update", "name: string, "+interactive+", newName: ?string, readOnly: ?bool, limit: ?int", "update", updateImage),
			imageRow("Clone", "name: string, "+interactive+", newName: string, readOnly: ?bool", "clone", cloneImage),
			imageRow("Remove", "name: string, "+interactive, "remove", func(c *call, i *image.Image) error { return i.Remove(c.ctx) }),
			{name: "SetPoolLimit", in: interactive + ", limit: int", since: 258, long: true, check: checkLimit, run: setPoolLimit,
				guard: guard{action: machine.ActionMachines}},
			{name: "CleanPool", in: interactive + ", mode: CleanPoolMode", out: "name: string, usageExclusive: ?int", since: 258,
				slow: true, more: true, run: cleanPool, guard: guard{action: machine.ActionMachines}},
		},
		errors: []typedef{{name: "NoSuchImage"}, {name: "TooManyOperations"}, {name: "NotSupported"}},
	}
}

// listImages tells of one image, or of all to a caller that said "more".
func listImages(c *call) (object, error) {
	if c.given("name") {
		name := c.str("name")
		if !image.ValidName(name) {
			return nil, invalidParameter("name")
		}
		i, err := findImage(name)
		if err != nil {
			return nil, err
		}
		return c.imageCard(&i)
	}
	if err := wantMore(c); err != nil {
		return nil, err
	}
	all, err := image.List()
	if err != nil {
		return nil, err
	}
	var b []byte
	for i := range all {
		o, err := c.imageCard(&all[i])
		if err != nil {
			return nil, err
		}
		b = appendReply(b, o, i < len(all)-1)
	}
	c.answered = true
	return nil, c.raw(b)
}

// wantMore refuses a caller that can take one reply only.
func wantMore(c *call) error {
	if !c.more {
		return fail(serviceIf + ".ExpectedMore")
	}
	return nil
}

// imageCard is all that is to be told of an image, with what it says of itself
// if the caller wants it. With "graceful" what cannot be had is left out.
func (c *call) imageCard(i *image.Image) (object, error) {
	o := imageFacts(i)
	if !c.metadata() {
		return o, nil
	}
	err := c.allow(guard{action: machine.ActionInspectImages, details: func(*call) map[string]string {
		return map[string]string{"image": i.Name}
	}})
	if err != nil {
		return nil, err
	}
	m, err := i.Metadata()
	if err != nil {
		if c.str("acquireMetadata") == "graceful" {
			err = nil
		}
		return o, err
	}
	o.text("hostname", m.Hostname)
	o.text("machineId", hex.EncodeToString(m.MachineID))
	if len(m.MachineInfo) > 0 {
		o.strs("machineInfo", assignments(m.MachineInfo))
	}
	if len(m.OSRelease) > 0 {
		o.strs("OSRelease", assignments(m.OSRelease))
	}
	return o, nil
}

func imageFacts(i *image.Image) object {
	var o object
	o.str("name", i.Name)
	o.str("path", i.Path)
	o.str("type", i.Type)
	o.str("class", "machine")
	o.boolean("readOnly", i.ReadOnly)
	o.number("creationTimestamp", i.Created, i.Created != 0)
	o.number("modificationTimestamp", i.Modified, i.Modified != 0)
	o.number("usage", i.Usage, i.Usage != image.Unknown)
	o.number("usageExclusive", i.UsageExclusive, i.UsageExclusive != image.Unknown)
	o.number("limit", i.Limit, i.Limit != image.Unknown)
	o.number("limitExclusive", i.LimitExclusive, i.LimitExclusive != image.Unknown)
	return o
}
