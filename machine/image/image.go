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

	"machined-go/boot/sys"
)

// PoolPath is where images are kept and made.
const PoolPath = "/var/lib/machines"

// What lies in the pool and is no image, though it is a directory: the layers
// that images share, and what of them came from registries. They are hidden, but
// "machinectl clean" has to leave them.
const (
	LayersName = ".layers"
	BlobsName  = ".blobs"
)

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
	Stack     = "mstack" // layers that are merged at boot, systemd.mstack(7)
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
	// What is the image's alone, and shared with no snapshot.
	UsageExclusive, LimitExclusive uint64
}

// searchPath is where images are looked for; the first of a name wins.
var searchPath = []string{
	"/etc/machines", "/run/machines", PoolPath, "/var/lib/container", "/usr/local/lib/machines", "/usr/lib/machines",
}

// Suffixes of files and directories that are images. A directory with the last
// holds versions of one image (systemd.v(7)).
const (
	rawSuffix     = ".raw"
	stackSuffix   = ".mstack"
	versionSuffix = ".v"
)

// suffixes are what a file may have behind an image's name; the first there is
// wins, in the order of systemd.
var suffixes = []string{
	"", rawSuffix, stackSuffix, versionSuffix, rawSuffix + versionSuffix, stackSuffix + versionSuffix,
}

// ValidName tells whether an image may have this name: a file name, UTF-8, no
// control characters, not beginning with ".#" (which marks temporary files), and
// not that of a place for parts of images.
func ValidName(name string) bool {
	switch {
	case name == "", name == ".", name == "..", name == LayersName, name == BlobsName, len(name) > 255, strings.HasPrefix(name, ".#"):
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
		for _, suffix := range suffixes {
			if img, err := probe(dir, name+suffix); err == nil && img.Name == name {
				return img, nil
			}
		}
	}
	return Image{}, fmt.Errorf("find image %q: %w", name, ErrNotFound)
}

// At looks at the image at a path, wherever that is; ErrNotFound if there is none.
func At(path string) (Image, error) {
	img, err := probe(filepath.Dir(path), filepath.Base(path))
	if errors.Is(err, os.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return img, fmt.Errorf("look at image %q: %w", path, err)
	}
	return img, nil
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
		img = Image{Type: Directory}
		img.bound(sys.NoQuota())
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
	if stem, ok := strings.CutSuffix(file, versionSuffix); ok && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return versioned(path, stem)
	}
	name := strings.TrimSuffix(file, rawSuffix)
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		name = strings.TrimSuffix(file, stackSuffix)
	}
	return kind(name, path, &st)
}

// versioned is the image of which the directory at path holds versions.
func versioned(path, stem string) (Image, error) {
	name, suffix := stem, ""
	for _, s := range []string{rawSuffix, stackSuffix} {
		if base, ok := strings.CutSuffix(stem, s); ok {
			name, suffix = base, s
			break
		}
	}
	if !ValidName(name) {
		return Image{}, ErrNotFound
	}
	file := newest(path, name, suffix)
	if file == "" {
		return Image{}, ErrNotFound
	}
	path = filepath.Join(path, file)
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Image{}, err
	}
	if isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR; isDir == (suffix == rawSuffix) {
		return Image{}, ErrNotFound
	}
	return kind(name, path, &st)
}

// kind is the image that a file or directory is; its suffix must suit.
func kind(name, path string, st *unix.Stat_t) (Image, error) {
	isRaw := strings.HasSuffix(path, rawSuffix)
	if !ValidName(name) {
		return Image{}, ErrNotFound
	}
	switch t := st.Mode & unix.S_IFMT; {
	case t == unix.S_IFDIR && strings.HasSuffix(path, stackSuffix):
		return stack(name, path)
	case t == unix.S_IFDIR && !isRaw:
		img, err := directory(path)
		img.Name = name
		return img, err
	case t == unix.S_IFREG && isRaw:
		return raw(name, path, st), nil
	case t == unix.S_IFBLK:
		return block(name, path, st)
	}
	return Image{}, ErrNotFound
}
