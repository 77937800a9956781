// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"machined-go/machine/image"
)

// imageInterface is the table of io.systemd.MachineImage (systemd 257 and
// newer).
func imageInterface() *iface {
	return &iface{
		name: imageIf,
		types: []typedef{
			{"AcquireMetadata", "no, yes, graceful"},
		},
		methods: []method{
			{name: "List", in: "name: ?string, acquireMetadata: ?AcquireMetadata, " + interactive,
				out: "name: string, path: ?string, type: string, class: string, readOnly: bool, creationTimestamp: ?int, " +
					"modificationTimestamp: ?int, usage: ?int, usageExclusive: ?int, limit: ?int, limitExclusive: ?int, " +
					"hostname: ?string, machineId: ?string, machineInfo: ?[]string, OSRelease: ?[]string",
				long: true, run: listImages},
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
		i, err := image.Find(name)
		if err != nil {
			return nil, fail(imageIf + ".NoSuchImage")
		}
		return imageCard(&i), nil
	}
	if !c.more {
		return nil, fail(serviceIf + ".ExpectedMore")
	}
	all, err := image.List()
	if err != nil {
		return nil, err
	}
	var b []byte
	for i := range all {
		b = appendReply(b, imageCard(&all[i]), i < len(all)-1)
	}
	c.answered = true
	return nil, c.raw(b)
}

func imageCard(i *image.Image) object {
	var o object
	o.str("name", i.Name)
	o.str("path", i.Path)
	o.str("type", i.Type)
	o.str("class", "machine")
	o.boolean("readOnly", i.ReadOnly)
	o.number("creationTimestamp", i.Created, i.Created != 0)
	o.number("modificationTimestamp", i.Modified, i.Modified != 0)
	o.number("usage", i.Usage, i.Usage != image.Unknown)
	o.number("usageExclusive", i.Usage, i.Usage != image.Unknown)
	o.number("limit", i.Limit, i.Limit != image.Unknown)
	o.number("limitExclusive", i.Limit, i.Limit != image.Unknown)
	return o
}
