// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"errors"
	"math"
	"strconv"

	"golang.org/x/sys/unix"

	"machined-go/machine"
	"machined-go/machine/image"
)

// imageRow makes a method that changes an image.
func imageRow(name string, in fields, verb string, run func(c *call, i *image.Image) error) method {
	return method{name: name, in: in, slow: true, check: checkImage,
		guard: guard{action: machine.ActionImages, verb: verb, details: imageDetails},
		run: func(c *call) (object, error) {
			i, err := findImage(c.str("name"))
			if err != nil {
				return nil, err
			}
			return nil, run(c, &i)
		}}
}

func checkImage(c *call) error {
	for _, name := range []string{"name", "newName"} {
		if c.given(name) && !image.ValidName(c.str(name)) {
			return invalidParameter(name)
		}
	}
	if err := checkLimit(c); err != nil {
		return err
	}
	_, err := findImage(c.str("name"))
	return err
}

// checkLimit refuses what no file can have as its size, but for "no limit".
func checkLimit(c *call) error {
	n, given, err := c.number("limit", 0, image.Unknown)
	if err == nil && given && n > math.MaxInt64 && n != image.Unknown {
		err = invalidParameter("limit")
	}
	return err
}

func imageDetails(c *call) map[string]string {
	d := map[string]string{"image": c.str("name")}
	if c.given("newName") {
		d["new_name"] = c.str("newName")
	}
	if c.given("readOnly") {
		d["read_only"] = strconv.FormatBool(c.flag("readOnly"))
	}
	return d
}

func findImage(name string) (image.Image, error) {
	i, err := image.Find(name)
	if errors.Is(err, image.ErrNotFound) {
		err = fail(imageIf + ".NoSuchImage")
	}
	return i, err
}

// updateImage makes all changes that are wished for. Each is tried, as the
// others say nothing of it; the first error is told.
func updateImage(c *call, i *image.Image) error {
	var errs []error
	if name := c.str("newName"); name != "" {
		if err := i.Rename(name); err != nil {
			errs = append(errs, err)
		} else if *i, err = image.Find(name); err != nil {
			return err
		}
	}
	if c.given("readOnly") {
		errs = append(errs, i.MarkReadOnly(c.flag("readOnly")))
	}
	if limit, given, _ := c.number("limit", 0, image.Unknown); given {
		err := i.SetLimit(limit)
		if errors.Is(err, unix.EOPNOTSUPP) {
			err = system(unix.EOPNOTSUPP)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func cloneImage(c *call, i *image.Image) error {
	return i.Clone(c.ctx, c.str("newName"), c.flag("readOnly"), nil)
}

func setPoolLimit(c *call) (object, error) {
	limit, _, _ := c.number("limit", 0, image.Unknown)
	return nil, image.SetPoolLimit(limit)
}

// cleanPool removes images and tells of each.
func cleanPool(c *call) (o object, err error) {
	removed, err := image.Clean(c.ctx, c.str("mode") == "all")
	if err != nil {
		return nil, err
	}
	if len(removed) == 0 {
		return nil, fail(imageIf + ".NoSuchImage")
	}
	var b []byte
	for i, r := range removed {
		var o object
		o.str("name", r.Name)
		o.number("usageExclusive", r.Usage, r.Usage != image.Unknown)
		b = appendReply(b, o, i < len(removed)-1)
	}
	c.answered = true
	return nil, c.raw(b)
}
