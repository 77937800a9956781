// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// beyond tells of errors for which a tree, not the boot, is to blame: its file is a link, its /etc is no directory or cannot be
// written. nspawn too leaves such files as they are.
func beyond(err error) bool {
	for _, e := range []error{unix.ELOOP, unix.EROFS, unix.ENOENT, unix.ENOTDIR, unix.EISDIR, unix.EACCES, unix.EPERM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// edit is create with all capabilities that concern files, whoever the tree's directory belongs to.
func (r *Root) edit(name string, f func(dir int, base string) error) error {
	return sys.AsCapableFileOwner(r.in.Owner, func() error { return r.at(name, f) })
}

// Delete removes a file of the tree, if there is one.
type Delete struct{ Path string }

func (o Delete) String() string { return words("remove", o.Path, "of the tree") }

func (o Delete) apply(r *Root) error {
	err := r.edit(o.Path, func(dir int, base string) error { return unix.Unlinkat(dir, base, 0) })
	if beyond(err) {
		return nil
	}
	return err
}

// maxCopy bounds what is copied of a small file.
const maxCopy = 1 << 20

// Copy gives a file of the tree the content of one of the host. With Replace the file is made anew; otherwise a symbolic link that
// lies there stays.
type Copy struct {
	Source, Target string
	Replace        bool
}

func (o Copy) String() string { return words("copy host", o.Source, "to", o.Target) }

func (o Copy) host() []string { return []string{o.Source} }

func (o Copy) apply(r *Root) error {
	source, err := r.source(o.Source)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := read(source)
	if err != nil {
		return fmt.Errorf("read %s: %w", o.Source, err)
	}
	err = r.edit(o.Target, func(dir int, base string) error {
		if o.Replace {
			return replace(dir, base, text)
		}
		return overwrite(dir, base, text)
	})
	if beyond(err) {
		return nil
	}
	return err
}

// read reads a regular file that is open as a path.
func read(fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > maxCopy {
		return nil, fmt.Errorf("it is no regular file of at most %d bytes", maxCopy)
	}
	return os.ReadFile(sys.FDPath(fd))
}

// replace puts a new file in place of what is there.
func replace(dir int, base string, text []byte) error {
	temporary := ".#" + base + ".new"
	_ = unix.Unlinkat(dir, temporary, 0)
	fd, err := unix.Openat(dir, temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	if err = fill(fd, text); err == nil {
		err = unix.Renameat(dir, temporary, dir, base)
	}
	if err != nil {
		_ = unix.Unlinkat(dir, temporary, 0)
	}
	return err
}

// overwrite writes to the file that is there, if it is a regular one, or makes it.
func overwrite(dir int, base string, text []byte) error {
	fd, err := unix.Openat(dir, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err == nil {
		return fill(fd, text)
	}
	if err != unix.EEXIST {
		return err
	}
	// Looked at before it is opened: what opening a device does, nobody knows.
	place, err := unix.Openat(dir, base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(place)
	var st unix.Stat_t
	if err := unix.Fstat(place, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return unix.ELOOP
	}
	if fd, err = unix.Open(sys.FDPath(place), unix.O_WRONLY|unix.O_TRUNC|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	return fill(fd, text)
}

func fill(fd int, text []byte) error {
	f := os.NewFile(uintptr(fd), "file")
	_, err := f.Write(text)
	return errors.Join(err, f.Close())
}

// Zone makes /etc/localtime lead to a time zone, if the tree has its file; otherwise it does something else.
type Zone struct {
	Name string
	Else Bind
}

func (o Zone) String() string { return words("set time zone", o.Name) }

func (o Zone) host() []string { return o.Else.host() }

func (o Zone) apply(r *Root) error {
	const link, zones = "/etc/localtime", "/usr/share/zoneinfo/"
	if now, err := r.readlink(link); err == nil && (now == ".."+zones+o.Name || now == zones+o.Name) {
		return nil
	}
	if _, err := r.stat(path.Join(zones, o.Name)); err != nil {
		if err = o.Else.apply(r); beyond(err) {
			return nil
		}
		return err
	}
	err := r.edit(link, func(dir int, base string) error {
		if err := unix.Unlinkat(dir, base, 0); err != nil && err != unix.ENOENT {
			return err
		}
		return unix.Symlinkat(".."+zones+o.Name, dir, base)
	})
	if beyond(err) {
		return nil
	}
	return err
}
