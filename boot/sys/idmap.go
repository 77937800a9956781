// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// IDMap maps Count ids of a user namespace from Inside on to those of its parent from Outside on.
type IDMap struct{ Inside, Outside, Count uint32 }

// IDMaps are the users and groups of a user namespace, as user_namespaces(7) has them. Nil stands for a machine without one.
type IDMaps struct{ Users, Groups []IDMap }

// User gives the host's number for a user inside; ok is false if there is none.
func (m *IDMaps) User(inside uint32) (outside uint32, ok bool) {
	if m == nil {
		return inside, true
	}
	return outsideOf(m.Users, inside)
}

// Group gives the host's number for a group inside; ok is false if there is none.
func (m *IDMaps) Group(inside uint32) (outside uint32, ok bool) {
	if m == nil {
		return inside, true
	}
	return outsideOf(m.Groups, inside)
}

func outsideOf(list []IDMap, inside uint32) (uint32, bool) {
	for _, m := range list {
		if inside >= m.Inside && inside-m.Inside < m.Count {
			return m.Outside + inside - m.Inside, true
		}
	}
	return 0, false
}

// Write gives the maps to the user namespace of process pid, which has none yet.
func (m *IDMaps) Write(pid int) error {
	for _, file := range []struct {
		name string
		maps []IDMap
	}{{"uid_map", m.Users}, {"gid_map", m.Groups}} {
		var text strings.Builder
		for _, r := range file.maps {
			fmt.Fprintf(&text, "%d %d %d\n", r.Inside, r.Outside, r.Count)
		}
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/%s", pid, file.name), []byte(text.String()), 0); err != nil {
			return fmt.Errorf("map ids of process %d: %w", pid, err)
		}
	}
	return nil
}

// MakeUsers makes a user namespace with these ids for ID-mapped mounts; nobody is ever in it.
func MakeUsers(uids, gids IDMap) (int, error) {
	return (&IDMaps{Users: []IDMap{uids}, Groups: []IDMap{gids}}).MakeUsers()
}

// MakeUsers is [MakeUsers] with any number of runs of ids.
func (m *IDMaps) MakeUsers() (int, error) {
	p := new(Program)
	r, w, err := os.Pipe()
	if err != nil {
		return -1, fmt.Errorf("make user namespace: %w", err)
	}
	defer r.Close()
	p.Call("close pipe", unix.SYS_CLOSE, w.Fd())
	p.Await("wait", r.Fd())
	child, err := Fork(unix.CLONE_NEWUSER, 3, p)
	if err != nil {
		w.Close()
		return -1, fmt.Errorf("make user namespace: %w", err)
	}
	defer func() {
		w.Close()
		child.Kill()
		_, _ = child.Wait()
		_ = child.Running()
		child.PIDFD.Close()
	}()
	if err := m.Write(child.PID); err != nil {
		return -1, fmt.Errorf("make user namespace: %w", err)
	}
	return UsersOf(child.PID)
}

// MapsOf reads the maps of the user namespace that is the file at path.
func MapsOf(path string) (*IDMaps, error) {
	users, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer users.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	defer w.Close()
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer told.Close()
	prog := new(Program)
	prog.Call("close pipe", unix.SYS_CLOSE, w.Fd())
	prog.Call("join user namespace "+path, unix.SYS_SETNS, users.Fd(), unix.CLONE_NEWUSER)
	prog.Call("report", unix.SYS_WRITE, tell.Fd(), prog.Bytes([]byte{1}), 1)
	prog.Await("wait for the end", r.Fd())
	child, err := Fork(0, 3, prog)
	tell.Close()
	if err != nil {
		return nil, err
	}
	defer child.PIDFD.Close()
	var maps *IDMaps
	if n, _ := told.Read(make([]byte, 1)); n == 1 {
		maps, err = readMaps(child.PID)
		child.report.Close()
	} else {
		err = child.Running()
	}
	child.Kill()
	_, waitErr := child.Wait()
	return maps, errors.Join(err, waitErr)
}

func readMaps(pid int) (*IDMaps, error) {
	m := new(IDMaps)
	for name, to := range map[string]*[]IDMap{"uid_map": &m.Users, "gid_map": &m.Groups} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			return nil, fmt.Errorf("read ids of process %d: %w", pid, err)
		}
		for line := range strings.Lines(string(text)) {
			var r IDMap
			if _, err := fmt.Sscan(line, &r.Inside, &r.Outside, &r.Count); err != nil {
				return nil, fmt.Errorf("read ids of process %d: %q: %w", pid, line, err)
			}
			*to = append(*to, r)
		}
	}
	return m, nil
}
