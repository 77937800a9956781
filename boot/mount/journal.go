// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// JournalInGuest makes a link of the host lead to the journal in the tree. With Try it is no error if it cannot be had.
type JournalInGuest struct {
	Link, Dir string // on the host
	Inside    string
	Try       bool
}

func (o JournalInGuest) String() string {
	return words("link host", o.Link, "to the journal in the tree")
}

// prepare makes the link. An empty directory gives way to it, a link to elsewhere too.
func (o JournalInGuest) prepare(*Root) error {
	if to, err := os.Readlink(o.Link); err == nil && to == o.Dir {
		return nil
	}
	err := os.Remove(o.Link)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.Symlink(o.Dir, o.Link)
	}
	if o.Try {
		return nil
	}
	return err
}

func (o JournalInGuest) apply(r *Root) error {
	inside := o.Inside
	if to, err := os.Readlink(o.Link); err != nil || to != o.Dir {
		inside = path.Dir(inside) // the host keeps no journals, but the machine may
	}
	if err := r.ensure(inside, true); err != nil && !(o.Try && beyond(err)) {
		return err
	}
	return nil
}

// JournalOnHost shows a directory of the host as the machine's journal, and makes it if the host keeps journals.
type JournalOnHost struct {
	Dir string // on the host, and inside
	Try bool
}

func (o JournalOnHost) String() string { return words("bind host", o.Dir, "as the journal") }

func (o JournalOnHost) host() []string { return []string{o.Dir} }

func (o JournalOnHost) prepare(*Root) error {
	if _, err := os.Readlink(o.Dir); err == nil {
		if err := os.Remove(o.Dir); err != nil && !o.Try {
			return err
		}
	}
	err := os.Mkdir(o.Dir, 0o755)
	if o.Try || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// apply shows the directory as the machine's root's. Where its ids cannot be mapped it becomes his.
func (o JournalOnHost) apply(r *Root) error {
	fd, err := r.source(o.Dir)
	if err != nil {
		if o.Try {
			return nil
		}
		return err
	}
	bind := Bind{Target: o.Dir}
	if r.in.Users >= 0 {
		bind.Map = MapAll
	}
	err = bind.graft(r, fd)
	if errors.Is(err, unix.EINVAL) && bind.Map == MapAll {
		bind.Map = MapNone
		if err = unix.Fchownat(fd, "", int(r.in.Owner), int(r.in.Owner), unix.AT_EMPTY_PATH); err == nil {
			err = bind.graft(r, fd)
		}
	}
	if err != nil && o.Try && beyond(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("show journal: %w", err)
	}
	return nil
}
