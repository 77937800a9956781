// SPDX-License-Identifier: Apache-2.0

// Package image finds the images that can be booted, tells what there is to
// know of each, and locks them as systemd's own tools do, so that theirs and
// ours keep out of each other's way.
//
// Nothing is cached: an image is there the moment its files are.
package image

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// PoolPath is where images are kept and made.
const PoolPath = "/var/lib/machines"

// HostName is the image that stands for the host's own tree.
const HostName = ".host"

// Unknown is the value of a size that cannot be told.
const Unknown = uint64(math.MaxUint64)

// Types of images.
const (
	Directory = "directory"
	Subvolume = "subvolume"
	Raw       = "raw"
	Block     = "block"
)

// ErrNotFound says that there is no image of the wanted name.
var ErrNotFound = errors.New("no such image")

// Image is one image, as it was found.
type Image struct {
	Name     string
	Path     string // absolute
	Type     string
	ReadOnly bool
	Created  uint64 // µs since 1970, 0 if unknown
	Modified uint64 // likewise
	Usage    uint64 // bytes, Unknown if so
	Limit    uint64 // likewise
}

// searchPath is where images are looked for; the first of a name wins.
var searchPath = []string{
	"/etc/machines", "/run/machines", PoolPath, "/var/lib/container", "/usr/local/lib/machines", "/usr/lib/machines",
}

// ValidName tells whether an image may have this name: a file name, UTF-8, no
// control characters, not beginning with ".#" (which marks temporary files).
func ValidName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > 255 || strings.HasPrefix(name, ".#") {
		return false
	}
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return r == '/' || unicode.IsControl(r) })
}

// Hidden tells whether clients leave the image out of their lists.
func (i *Image) Hidden() bool { return strings.HasPrefix(i.Name, ".") }

// Find finds an image by its name; ErrNotFound if there is none.
func Find(name string) (Image, error) { return find(searchPath, name) }

func find(dirs []string, name string) (Image, error) {
	if !ValidName(name) {
		return Image{}, fmt.Errorf("find image %q: name is not valid: %w", name, unix.EINVAL)
	}
	if name == HostName {
		return host(), nil
	}
	for _, dir := range dirs {
		for _, file := range []string{name, name + ".raw"} {
			if img, err := probe(dir, file); err == nil && img.Name == name {
				return img, nil
			}
		}
	}
	return Image{}, fmt.Errorf("find image %q: %w", name, ErrNotFound)
}

// List gives all images, hidden ones and the host's tree among them.
func List() ([]Image, error) { return list(searchPath) }

func list(dirs []string) ([]Image, error) {
	images := []Image{host()}
	seen := map[string]bool{HostName: true}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			return nil, fmt.Errorf("list images: %w", err)
		}
		for _, e := range entries {
			img, err := probe(dir, e.Name())
			if err != nil || seen[img.Name] {
				continue
			}
			seen[img.Name] = true
			images = append(images, img)
		}
	}
	return images, nil
}

func host() Image {
	img, err := directory("/")
	if err != nil {
		img = Image{Type: Directory, Usage: Unknown, Limit: Unknown}
	}
	img.Name, img.Path = HostName, "/"
	return img
}

// probe looks at one entry of a search directory. Symbolic links are followed,
// so that images can be linked into the pool.
func probe(dir, file string) (Image, error) {
	if !ValidName(file) {
		return Image{}, ErrNotFound
	}
	path := filepath.Join(dir, file)
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Image{}, err
	}
	base, isRaw := strings.CutSuffix(file, ".raw")
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if ext := filepath.Ext(file); ext == ".raw" || ext == ".v" || ext == ".mstack" {
			return Image{}, ErrNotFound
		}
		img, err := directory(path)
		img.Name = file
		return img, err
	case unix.S_IFREG:
		if !isRaw || base == "" {
			return Image{}, ErrNotFound
		}
		return raw(base, path, &st), nil
	case unix.S_IFBLK:
		return block(base, path, &st)
	}
	return Image{}, ErrNotFound
}
