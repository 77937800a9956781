// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"machined-go/boot/console"
	"machined-go/boot/sys"
	"machined-go/boot/userns"
)

// claim is what a machine has to itself, over all its reboots: its image, a range of ids, and a console if it is to have one.
type claim struct {
	console *console.Console
	image   []*os.File
	ids     userns.Range
	old     bool // taken over from the last boot
}

// LockImage claims the image for the machine; what it returns holds the locks.
type LockImage func() ([]*os.File, error)

// newClaim claims everything, or nothing.
func newClaim(spec Spec, lock LockImage) (c claim, err error) {
	defer func() {
		if err != nil {
			c.close()
			err = errors.Join(err, forget(spec.Name))
		}
	}()
	if c.image, err = lock(); err != nil {
		return c, err
	}
	if err = remember(spec.Name, c.image...); err != nil {
		return c, err
	}
	if c.ids, err = userns.Pick(spec.Name); err != nil {
		return c, err
	}
	if err = remember(spec.Name, c.ids.Lock); err != nil || !spec.Terminal {
		return c, err
	}
	c.console, err = console.New()
	return c, err
}

// takeOver takes what a machine's service stored in its last boot.
func takeOver(stored map[string][]*os.File) (claim, error) {
	con, err := console.FromMaster(stored[storedConsole][0])
	if err != nil {
		return claim{}, err
	}
	lock := stored[storedRange][0]
	path, err := os.Readlink(sys.FDPath(int(lock.Fd())))
	if err != nil {
		return claim{}, err
	}
	base, err := strconv.ParseUint(filepath.Base(path), 10, 32)
	if err != nil {
		return claim{}, fmt.Errorf("find id range of the last boot: %w", err)
	}
	return claim{console: con, image: stored[storedImage], ids: userns.Range{Base: uint32(base), Lock: lock}, old: true}, nil
}

// close lets go of everything, as far as this process is concerned.
func (c claim) close() {
	for _, f := range c.image {
		f.Close()
	}
	if c.ids.Lock != nil {
		c.ids.Lock.Close()
	}
	if c.console != nil {
		c.console.Master.Close()
	}
}

// notes is where the lock files of running machines are noted, a file a machine, a line a lock.
const notes = "/run/machined-go/locks"

// remember notes lock files, for whoever cleans up after the machine may be another process than the one that locked them.
func remember(name string, locks ...*os.File) error {
	if err := os.MkdirAll(notes, 0o755); err != nil {
		return fmt.Errorf("note locks: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(notes, name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("note locks: %w", err)
	}
	for _, lock := range locks {
		_, writeErr := f.WriteString(lock.Name() + "\n")
		err = errors.Join(err, writeErr)
	}
	return errors.Join(err, f.Close())
}

// forget removes the lock files of a machine that has ended. Whoever waits for one of them notices that it is gone.
func forget(name string) error {
	note := filepath.Join(notes, name)
	text, err := os.ReadFile(note)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for path := range strings.Lines(string(text)) {
		if rm := os.Remove(strings.TrimSuffix(path, "\n")); !errors.Is(rm, os.ErrNotExist) {
			err = errors.Join(err, rm)
		}
	}
	return errors.Join(err, os.Remove(note))
}

// Preview is the plan of a boot that does not take place: with a range of ids that nobody has claimed.
func Preview(spec Spec) (*Plan, error) {
	return prepare(spec, userns.Preferred(spec.Name))
}
