// SPDX-License-Identifier: Apache-2.0

package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// maxNote bounds what is read of a note.
const maxNote = 1 << 20

// claim makes and locks the note of a machine that is being started, and undoes what an earlier run of it left.
func (h Host) claim(machine string) (*os.File, error) {
	for _, dir := range []string{h.Notes, h.Pins} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("note network of machine: %w", err)
		}
	}
	f, err := patiently(filepath.Join(h.Notes, machine))
	if err != nil {
		return nil, fmt.Errorf("note network of machine: %w", err)
	}
	if old, err := decode(f); err == nil {
		if old.Alive() {
			f.Close()
			return nil, fmt.Errorf("machine %q is connected already: see `mctl status %s`", machine, machine)
		}
		_ = h.undo(old)
	}
	return f, nil
}

// write writes the note, unless another has one of its ports.
func (h Host) write(f *os.File, r Record) error {
	if len(r.Ports) == 0 {
		return encode(f, r)
	}
	lock, err := patiently(h.PortLock)
	if err != nil {
		return fmt.Errorf("claim ports: %w", err)
	}
	defer lock.Close()
	names, err := os.ReadDir(h.Notes)
	if err != nil {
		return fmt.Errorf("claim ports: %w", err)
	}
	for _, n := range names {
		other, err := h.Read(n.Name())
		if err != nil || other.Machine == r.Machine || !other.Alive() {
			continue
		}
		for _, p := range other.Ports {
			if slices.ContainsFunc(r.Ports, func(q Port) bool { return p.Protocol == q.Protocol && p.Host == q.Host }) {
				return fmt.Errorf("%s of the host leads into machine %q already: choose another", p, other.Machine)
			}
		}
	}
	return encode(f, r)
}

// Read gives the note of a machine. The error is fs.ErrNotExist if there is none.
func (h Host) Read(machine string) (Record, error) {
	f, err := os.Open(filepath.Join(h.Notes, machine))
	if err != nil {
		return Record{}, err
	}
	defer f.Close()
	return decode(f)
}

// Settled is Read once the machine is connected; before that, or while its note is being removed, the error is sys.ErrLocked.
func (h Host) Settled(machine string) (Record, error) {
	f, err := os.Open(filepath.Join(h.Notes, machine))
	if err != nil {
		return Record{}, err
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		return Record{}, sys.ErrLocked
	}
	return decode(f)
}

// End undoes what is noted of a machine that has ended, unless another run of it has begun, and removes the note. What is gone
// already is no error.
func (h Host) End(r Record) error {
	path := filepath.Join(h.Notes, r.Machine)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f, err := patiently(path)
	if err != nil {
		return fmt.Errorf("undo network of machine %q: %w", r.Machine, err)
	}
	defer f.Close()
	noted, err := decode(f)
	if err == nil && !noted.same(r) {
		return nil
	}
	if err == nil {
		err = h.undo(noted)
	}
	return errors.Join(err, os.Remove(path))
}

func encode(f *os.File, r Record) error {
	text, err := json.Marshal(r)
	if err == nil {
		_, err = f.WriteAt(append(text, '\n'), 0)
	}
	if err == nil {
		err = f.Truncate(int64(len(text) + 1))
	}
	if err != nil {
		return fmt.Errorf("note network of machine: %w", err)
	}
	return nil
}

func decode(f *os.File) (r Record, err error) {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, maxNote))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read note %s: %w", f.Name(), err)
	}
	return r, nil
}

// registered tells whether a machine of that name is registered that runs, and is not the one with that leader.
func registered(dir, machine string, leader int) bool {
	text, err := os.ReadFile(filepath.Join(dir, machine))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "LEADER="); ok {
			pid, err := strconv.Atoi(strings.TrimSpace(value))
			return err == nil && pid != leader && unix.Kill(pid, 0) != unix.ESRCH
		}
	}
	return false
}
