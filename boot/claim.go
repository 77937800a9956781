// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"machined-go/boot/console"
	"machined-go/boot/sys"
)

// claim is what a machine has to itself, over all its reboots: its name, its image, a range of ids, and a console if it is to
// have one. Each but the console is held by locks on files, which end with the last copy of their descriptors.
type claim struct {
	name     *os.File // the machine's note
	locks    []string // on what it has, and the one that is being tried
	image    []*os.File
	ids      ids
	console  *console.Console
	scratch  string   // directory that is removed in the end
	snapshot string   // of the image, likewise
	traces   []string // files that are removed with it
	old      bool     // taken over from the last boot
	shared   bool     // the locks on the image are shared
	disks    mounted  // of the boot in progress
}

// LockImage claims the image for the machine, by the locker that it is given; what it returns holds the locks.
type LockImage func(sys.Locker) ([]*os.File, error)

// newClaim claims everything, or nothing.
func newClaim(spec Spec, lockImage LockImage) (c claim, err error) {
	defer func() {
		if err != nil {
			c.release()
		}
	}()
	c.shared, c.traces = spec.SharesImage(), slices.Clone(spec.Traces)
	if c.name, err = claimName(spec); err != nil {
		return c, err
	}
	if err = c.note(spec.owner()); err != nil {
		return c, err
	}
	lock := c.locker(spec.owner())
	if c.image, err = lockImage(lock); err != nil {
		return c, err
	}
	if spec.Container == nil || spec.Container.picks() {
		if c.ids, err = claimIDs(spec, lock); err != nil {
			return c, err
		}
	}
	if err = c.makeHealth(spec); err != nil {
		return c, err
	}
	if err = c.makeTrees(spec); err != nil || !spec.Terminal {
		return c, err
	}
	c.console, err = console.New()
	return c, err
}

// locker takes locks for the claim. Each is noted first, for we may be killed at any moment.
func (c *claim) locker(owner string) sys.Locker {
	return func(path string, exclusive bool) (*os.File, error) {
		c.locks = append(c.locks, path)
		if err := c.note(owner); err != nil {
			return nil, err
		}
		f, err := sys.Lock(path, exclusive)
		if err != nil {
			c.locks = c.locks[:len(c.locks)-1]
		}
		return f, err
	}
}

// makeTrees makes what is removed with the machine. It is noted first.
func (c *claim) makeTrees(spec Spec) error {
	c.snapshot = snapshotPath(spec)
	if spec.needsScratch() || spec.overlaid(c.snapshot) {
		c.scratch = scratchPath(spec)
	}
	if err := c.note(spec.owner()); err != nil {
		return err
	}
	if c.snapshot != "" {
		if err := makeSnapshot(spec, c.snapshot); err != nil {
			return fmt.Errorf("make snapshot of %q for an ephemeral machine: %w", spec.Root, err)
		}
	}
	if c.scratch == "" {
		return nil
	}
	return sys.MakeScratch(c.scratch)
}

// trees are what is removed with the machine.
func (c claim) trees() []string {
	return slices.DeleteFunc([]string{c.scratch, c.snapshot}, func(s string) bool { return s == "" })
}

// owner is who starts the machine, as its note says.
func (s Spec) owner() string {
	if s.Unit != "" {
		return s.Unit
	}
	return "process " + strconv.Itoa(os.Getpid())
}

// makeHealth makes the file in which the outcome of health checks is noted.
func (c *claim) makeHealth(spec Spec) error {
	if len(spec.Health.Command) == 0 || spec.Unit == "" {
		return nil
	}
	health := HealthFile(spec.Name)
	c.traces = append(c.traces, health)
	err := os.MkdirAll(HealthDir, 0o755)
	if err == nil {
		err = os.WriteFile(health, nil, 0o644)
	}
	if err != nil {
		return fmt.Errorf("make note of health: %w", err)
	}
	return nil
}

func claimName(spec Spec) (*os.File, error) {
	if err := os.MkdirAll(sys.Notes, 0o755); err != nil {
		return nil, fmt.Errorf("claim name %q: %w", spec.Name, err)
	}
	f, err := lockNote(spec.Name)
	if errors.Is(err, sys.ErrLocked) {
		return nil, fmt.Errorf("machine %q runs already, or is being started: see `mctl status %s`", spec.Name, spec.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("claim name %q: %w", spec.Name, err)
	}
	return f, nil
}

// lockNote has some patience: the note of a machine that has just ended may be held, for a moment, by who removes it.
func lockNote(name string) (*os.File, error) {
	const tries, pause = 10, 10 * time.Millisecond
	for i := 1; ; i++ {
		f, err := sys.Lock(filepath.Join(sys.Notes, name), true)
		if !errors.Is(err, sys.ErrLocked) || i == tries {
			return f, err
		}
		time.Sleep(pause)
	}
}

// note writes what the claim has. What was there before is written over at once, not cut off first, or a note of nothing could stay.
func (c claim) note(owner string) error {
	text := sys.NoteText(owner, slices.Concat(c.locks, c.traces), c.trees())
	before, err := c.name.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = c.name.WriteAt([]byte(text+strings.Repeat("\n", max(0, int(before)-len(text)))), 0)
	}
	if err != nil {
		return fmt.Errorf("note what machine claims: %w", err)
	}
	return nil
}

// release lets go of everything and removes the lock files, each while it is still locked, so that nobody else's goes.
func (c claim) release() {
	if c.console != nil {
		c.console.Master.Close()
	}
	for _, t := range c.traces {
		_ = os.Remove(t)
	}
	for _, t := range c.trees() {
		_ = sys.RemoveScratch(t) // the daemon finds what stays
	}
	for _, f := range c.image {
		if !c.shared {
			_ = os.Remove(f.Name())
		}
		f.Close()
		if c.shared {
			sys.RemoveLock(f.Name())
		}
	}
	c.ids.release()
	if c.name != nil {
		_ = os.Remove(c.name.Name())
		c.name.Close()
	}
}

// Names of what a machine's service keeps in its file descriptor store from one boot to the next.
const (
	storedName    = "name-lock"
	storedImage   = "image-lock"
	storedRange   = "id-lock"
	storedMore    = "delegated-id-lock"
	storedConsole = "console"
)

// stored gives the claim as a service stores it.
func (c claim) stored() map[string][]*os.File {
	return map[string][]*os.File{
		storedName: {c.name}, storedImage: c.image, storedRange: c.ids.locks()[:1], storedMore: c.ids.locks()[1:], storedConsole: {c.console.Master},
	}
}

// takeOver takes what a machine's service stored in its last boot; ok is false if that is nothing.
func takeOver(stored map[string][]*os.File) (c claim, ok bool, err error) {
	if len(stored[storedName]) != 1 || len(stored[storedRange]) != 1 || len(stored[storedConsole]) != 1 {
		return c, false, nil
	}
	con, err := console.FromMaster(stored[storedConsole][0])
	if err != nil {
		return c, true, err
	}
	ids, err := takeOverIDs(stored)
	if err != nil {
		return c, true, fmt.Errorf("find id range of the last boot: %w", err)
	}
	c = claim{name: stored[storedName][0], console: con, image: stored[storedImage], ids: ids, old: true}
	_, trees, err := sys.ReadNote(c.name)
	if err != nil {
		return c, true, fmt.Errorf("read note of the last boot: %w", err)
	}
	for _, t := range trees {
		if sys.IsScratch(t) {
			c.scratch = t
		} else {
			c.snapshot = t
		}
	}
	return c, true, nil
}

// Preview is the plan of a boot that does not take place: with a range of ids that nobody has claimed.
func Preview(spec Spec) (*Plan, error) {
	c := claim{scratch: filepath.Join(sys.Scratch, spec.Name+"-…")}
	spec = spec.here()
	c.snapshot = snapshotPath(spec)
	var err error
	if c.ids, err = previewIDs(spec); err != nil {
		return nil, err
	}
	if spec, _, err = settleOwnership(spec, c); err != nil {
		return nil, err
	}
	if c.disks, err = openDevices(spec, true); err != nil {
		return nil, err
	}
	defer c.disks.close()
	return decide(spec, c)
}
