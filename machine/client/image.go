// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"math"
	"time"

	"github.com/godbus/dbus/v5"
)

// Unknown is the number of bytes when the manager cannot tell.
const Unknown = math.MaxUint64

// Image is what can be booted, as systemd's image discovery finds it.
type Image struct {
	Name     string
	Type     string // "directory", "subvolume", "raw", "block", "mstack"
	ReadOnly bool
	Created  time.Time // zero if unknown
	Modified time.Time // zero if unknown
	Usage    uint64    // bytes, or Unknown
	Path     string    // where it lies; only Client.Image fills it in
}

// Images gives all images, hidden ones and ".host" among them.
func (c *Client) Images(ctx context.Context) ([]Image, error) {
	var rows []struct {
		Name, Type        string
		ReadOnly          bool
		Created, Modified uint64
		Usage             uint64
		Object            dbus.ObjectPath
	}
	err := c.call(ctx, manager(), "ListImages").Store(&rows)
	if err != nil {
		return nil, failed("list images", "", err)
	}
	list := make([]Image, 0, len(rows))
	for _, row := range rows {
		list = append(list, Image{
			Name: row.Name, Type: row.Type, ReadOnly: row.ReadOnly,
			Created: stamp(row.Created), Modified: stamp(row.Modified), Usage: row.Usage,
		})
	}
	return list, nil
}

// Image gives one image. ErrNoSuchImage if there is none of that name.
func (c *Client) Image(ctx context.Context, name string) (*Image, error) {
	t := target{machine1Name, objectPath("image", name), machine1Image}
	all, err := c.properties(ctx, t)
	if gone(err) {
		return nil, &Error{"look up image", name, "", ErrNoSuchImage.Error(), ErrNoSuchImage}
	}
	if err != nil {
		return nil, failed("look up image", name, err)
	}
	image := &Image{Usage: Unknown}
	var created, modified uint64
	err = decode(all, map[string]any{
		"Name": &image.Name, "Type": &image.Type, "Path": &image.Path, "ReadOnly": &image.ReadOnly,
		"CreationTimestamp": &created, "ModificationTimestamp": &modified, "Usage": &image.Usage,
	})
	image.Created, image.Modified = stamp(created), stamp(modified)
	return image, failed("read image", name, err)
}
