// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// idRange is one line of /proc/PID/uid_map.
type idRange struct{ inside, outside, count uint32 }

// Shift is the host's user id of the machine's root, if both user and group ids
// are one range from 0 on; ErrNoShift otherwise.
func (g *Guest) Shift() (uint32, error) {
	if g.isHost() {
		return 0, nil
	}
	uids, err := g.idMap("uid_map")
	if err != nil {
		return 0, err
	}
	gids, err := g.idMap("gid_map")
	if err != nil {
		return 0, err
	}
	// 65534 is enough: the overflow id needs no mapping.
	if len(uids) != 1 || len(gids) != 1 || uids[0] != gids[0] || uids[0].inside != 0 || uids[0].count < 65534 {
		return 0, ErrNoShift
	}
	return uids[0].outside, nil
}

func (g *Guest) idMap(name string) ([]idRange, error) {
	b, err := os.ReadFile(procPath(g.pid, name))
	if os.IsNotExist(err) {
		return []idRange{{0, 0, ^uint32(0)}}, nil // a kernel without user namespaces
	}
	if err == nil {
		err = g.alive()
	}
	if err != nil {
		return nil, fmt.Errorf("read id map: %w", err)
	}
	return parseIDMap(string(b))
}

func parseIDMap(text string) ([]idRange, error) {
	var ranges []idRange
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("read id map: odd line %q", line)
		}
		var n [3]uint32
		for i, s := range f {
			v, err := strconv.ParseUint(s, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("read id map: odd line %q", line)
			}
			n[i] = uint32(v)
		}
		if n[0]+n[2] < n[0] || n[1]+n[2] < n[1] {
			return nil, fmt.Errorf("read id map: range of line %q ends nowhere", line)
		}
		ranges = append(ranges, idRange{n[0], n[1], n[2]})
	}
	return ranges, nil
}

// rootIDs are the host's ids of the machine's root user and group.
func (g *Guest) rootIDs() (uid, gid int, err error) {
	if g.isHost() {
		return 0, 0, nil
	}
	for _, m := range []struct {
		name string
		id   *int
	}{{"uid_map", &uid}, {"gid_map", &gid}} {
		ranges, err := g.idMap(m.name)
		if err != nil {
			return 0, 0, err
		}
		found := false
		for _, r := range ranges {
			if r.inside == 0 && r.count > 0 {
				*m.id, found = int(r.outside), true
			}
		}
		if !found {
			return 0, 0, ErrNoShift
		}
	}
	return uid, gid, nil
}

// OwnUsers tells whether the machine has a user namespace of its own.
func (g *Guest) OwnUsers() (bool, error) {
	if g.isHost() {
		return false, nil
	}
	ns, err := os.Open(procPath(g.pid, "ns/user"))
	if err != nil {
		return false, fmt.Errorf("open users of process %d: %w", g.pid, err)
	}
	defer ns.Close()
	if err := g.alive(); err != nil {
		return false, fmt.Errorf("open users of process %d: %w", g.pid, err)
	}
	same, err := sameFile(int(ns.Fd()), "/proc/self/ns/user")
	return !same, err
}

// IDs of a machine: its users or its groups.
const (
	Users  = "uid_map"
	Groups = "gid_map"
)

// HostID is the host's id of a machine's user or group; ErrNoShift if none is.
func (g *Guest) HostID(kind string, id uint32) (uint32, error) {
	ranges, err := g.idMap(kind)
	if err != nil {
		return 0, err
	}
	return hostID(ranges, id)
}

func hostID(ranges []idRange, id uint32) (uint32, error) {
	for _, r := range ranges {
		if id >= r.inside && id-r.inside < r.count {
			return r.outside + (id - r.inside), nil
		}
	}
	return 0, ErrNoShift
}

// OwnID is the machine's id of a user or group of the host; ErrNoShift if none
// is. What is not shifted is the host's, not the machine's.
func (g *Guest) OwnID(kind string, id uint32) (uint32, error) {
	ranges, err := g.idMap(kind)
	if err != nil {
		return 0, err
	}
	return ownID(ranges, id)
}

func ownID(ranges []idRange, id uint32) (uint32, error) {
	for _, r := range ranges {
		if r.outside != 0 && id >= r.outside && id-r.outside < r.count {
			return r.inside + (id - r.outside), nil
		}
	}
	return 0, ErrNoShift
}
