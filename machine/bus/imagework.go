// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"strconv"

	"machined-go/machine"
	"machined-go/machine/image"
)

// imageMethods have arguments without names, as systemd gives them none.
func imageMethods() []method {
	manage := func(verb string, details func(*call) map[string]string) guard {
		return guard{action: machine.ActionImages, verb: verb, details: details}
	}
	return []method{
		{name: "Remove", slow: true, guard: manage("remove", nil),
			run: func(c *call) ([]any, error) { return none(c.image.Remove(c.ctx)) }},
		{name: "Rename", in: "s", long: true, guard: manage("rename", newName), check: checkNewName,
			run: func(c *call) ([]any, error) { return none(c.image.Rename(c.str(0))) }},
		{name: "Clone", in: "s, b", slow: true, guard: manage("clone", newName), check: checkNewName,
			run: func(c *call) ([]any, error) { return none(c.image.Clone(c.ctx, c.str(0), c.bool(1), nil)) }},
		{name: "MarkReadOnly", in: "b", long: true, guard: manage("mark_read_only", readOnlyMode),
			run: func(c *call) ([]any, error) { return none(c.image.MarkReadOnly(c.bool(0))) }},
		{name: "SetLimit", in: "t", long: true, guard: manage("set_limit", nil), check: checkLimit,
			run: func(c *call) ([]any, error) { return none(c.image.SetLimit(c.u64(0))) }},
		told("GetHostname", "s", func(m image.Metadata) any { return m.Hostname }),
		told("GetMachineID", "ay", func(m image.Metadata) any { return m.MachineID }),
		told("GetMachineInfo", "a{ss}", func(m image.Metadata) any { return m.MachineInfo }),
		told("GetOSRelease", "a{ss}", func(m image.Metadata) any { return m.OSRelease }),
	}
}

// told makes the method that tells one thing an image says of itself, to
// everybody: so does stock, 262 included, but for Varlink.
func told(name string, out args, get func(image.Metadata) any) method {
	return method{name: name, out: out, long: true, run: func(c *call) ([]any, error) {
		m, err := c.image.Metadata()
		if err != nil {
			return nil, err
		}
		return reply(get(m))
	}}
}

func newName(c *call) map[string]string { return map[string]string{"new_name": validText(c.str(0))} }

// readOnlyMode is what polkit is told of MarkReadOnly, in stock's words.
func readOnlyMode(c *call) map[string]string {
	return map[string]string{"read_only": strconv.FormatBool(c.bool(0))}
}

func checkNewName(c *call) error {
	if !image.ValidName(c.str(0)) {
		return failf(errBus+"InvalidArgs", "Image name '%s' is invalid.", validText(c.str(0)))
	}
	return nil
}

// checkLimit refuses what no file can have as its size, but for "no limit".
func checkLimit(c *call) error {
	if size := c.u64(0); size>>63 != 0 && size != image.Unknown {
		return failf(errBus+"InvalidArgs", "New limit out of range")
	}
	return nil
}

func setPoolLimit(c *call) ([]any, error) { return none(image.SetPoolLimit(c.u64(0))) }

func checkCleanPool(c *call) error {
	if mode := c.str(0); mode != "all" && mode != "hidden" {
		return failf(errBus+"InvalidArgs", "Unknown mode '%s'.", validText(mode))
	}
	return nil
}

// cleaned is one row of CleanPool.
type cleaned struct {
	Name  string
	Usage uint64
}

func cleanPool(c *call) ([]any, error) {
	removed, err := image.Clean(c.ctx, c.str(0) == "all")
	if err != nil {
		return nil, err
	}
	rows := make([]cleaned, len(removed))
	for i, r := range removed {
		rows[i] = cleaned{r.Name, r.Usage}
	}
	return reply(rows)
}

// imageByName finds an image and puts it into the call.
func (c *call) imageByName(name string) (err error) {
	if !image.ValidName(name) {
		return failf(errBus+"InvalidArgs", "Image name '%s' is invalid.", validText(name))
	}
	c.image, err = image.Find(name)
	if errors.Is(err, image.ErrNotFound) {
		return failf(errMachine+"NoSuchImage", "No image '%s' known", name)
	}
	return err
}
