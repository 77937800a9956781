// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"fmt"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Credential is one that a machine gets.
type Credential struct {
	ID   string
	Data []byte
}

// Credentials puts credentials into memory that is never swapped out, for the machine's root alone.
type Credentials struct{ List []Credential }

// CredentialsDir is where they are inside.
const CredentialsDir = "/run/host/credentials"

func (o Credentials) String() string {
	return fmt.Sprintf("put %d credentials into %s", len(o.List), CredentialsDir)
}

func (o Credentials) apply(r *Root) error {
	tree, err := sys.NewMount("ramfs", "mode=0500")
	if err != nil {
		return err
	}
	if err := o.fill(r, tree); err != nil {
		unix.Close(tree)
		return err
	}
	return r.attach(tree, CredentialsDir, true)
}

func (o Credentials) fill(r *Root, tree int) error {
	owner := int(r.in.Owner)
	for _, c := range o.List {
		fd, err := unix.Openat(tree, c.ID, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o400)
		if err != nil {
			return fmt.Errorf("credential %q: %w", c.ID, err)
		}
		if err = unix.Fchown(fd, owner, owner); err != nil {
			unix.Close(fd)
		} else {
			err = fill(fd, c.Data)
		}
		if err != nil {
			return fmt.Errorf("credential %q: %w", c.ID, err)
		}
	}
	if err := unix.Fchownat(tree, "", owner, owner, unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	return sys.SetMountAttr(tree, false, unix.MountAttr{Attr_set: ReadOnly})
}
