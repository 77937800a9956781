// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"machined-go/boot/mount"
	"machined-go/boot/sys"
)

// Users of the host are shown to a machine as systemd-nspawn does it (nspawn-bind-user.c): records in /run/host/userdb, which nss-systemd
// inside reads (systemd.io/USER_RECORD), and the home directory in /run/host/home. Other than there, no process inside has the user's
// id of the host: the mount of the home directory shows his files with the id that he has inside.
const (
	boundRecords = "/run/host/userdb"
	boundHomes   = "/run/host/home"
	boundService = "io.systemd.NSpawn"
)

// Ids inside of users of the host (MAP_UID_MIN and _MAX of systemd's user-util.h).
const (
	firstBound = 60514
	lastBound  = 60577
)

// BoundUser is a user of the host who exists in the machine too.
type BoundUser struct {
	Name     string
	UID, GID uint32 // on the host
	ID       uint32 // inside, as user and as group
	Home     string // on the host
	Shell    string // inside; empty for the machine's default
	Password string // hashed; empty for none
}

func (u Users) validateBound() error {
	for _, name := range slices.Concat(u.Bind, u.BindGroups) {
		if !userName().MatchString(name) {
			return fmt.Errorf("users.bind: %q is not the name of a user or group", name)
		}
	}
	switch u.BindShell {
	case "", "yes", "no":
		return nil
	}
	if !path.IsAbs(u.BindShell) || strings.ContainsRune(u.BindShell, 0) {
		return fmt.Errorf("users.bind_shell %q is neither yes nor no nor an absolute path", u.BindShell)
	}
	return nil
}

// userRecord is what systemd knows of a user, as far as it is told here.
type userRecord struct {
	Name     string   `json:"userName"`
	UID      uint32   `json:"uid"`
	GID      uint32   `json:"gid"`
	Home     string   `json:"homeDirectory"`
	Service  string   `json:"service"`
	Shell    string   `json:"shell,omitempty"`
	MemberOf []string `json:"memberOf"`
}

type groupRecord struct {
	Name    string `json:"groupName"`
	GID     uint32 `json:"gid"`
	Service string `json:"service"`
}

type privilegedRecord struct {
	Privileged struct {
		Passwords []string `json:"hashedPassword"`
	} `json:"privileged"`
}

// decideBound decides how the users of the host are shown.
func (p *Plan) decideBound(f Facts) error {
	if len(f.Bound) == 0 {
		return nil
	}
	p.custom = append(p.custom, mount.Dir{Path: boundRecords, Mode: 0o755}, mount.Dir{Path: boundHomes, Mode: 0o755})
	for _, u := range f.Bound {
		ids, err := u.shown(f.Base, p.Spec.Users.size())
		if err != nil {
			return err
		}
		p.custom = append(p.custom, u.records(p.Spec.Users.BindGroups)...)
		p.custom = append(p.custom, mount.Bind{Source: u.Home, Target: path.Join(boundHomes, u.Name), Recursive: true, IDs: ids})
	}
	return nil
}

// shown are the ids that the user's files are shown with: his are those inside, and what the machine's other users make is stored with
// the ids that these have.
func (u BoundUser) shown(base, size uint32) (*sys.IDMaps, error) {
	split := func(kind string, id uint32) ([]sys.IDMap, error) {
		if id >= base && id-base < size {
			return nil, fmt.Errorf("%s %d of %q is one of the machine's own ids on the host", kind, id, u.Name)
		}
		maps := []sys.IDMap{{Inside: id, Outside: base + u.ID, Count: 1}, {Inside: base, Outside: base, Count: u.ID}}
		if rest := size - u.ID - 1; rest > 0 {
			maps = append(maps, sys.IDMap{Inside: base + u.ID + 1, Outside: base + u.ID + 1, Count: rest})
		}
		return maps, nil
	}
	users, err := split("user", u.UID)
	if err != nil {
		return nil, err
	}
	groups, err := split("group", u.GID)
	return &sys.IDMaps{Users: users, Groups: groups}, err
}

// records are what tells the machine of the user.
func (u BoundUser) records(groups []string) []mount.Op {
	var ops []mount.Op
	write := func(suffix string, mode uint32, record any) {
		name := u.Name + "." + suffix
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(record) // of words and numbers
		ops = append(ops,
			mount.File{Path: path.Join(boundRecords, name), Content: text.String(), Mode: mode, Own: true},
			mount.Symlink{Path: path.Join(boundRecords, strconv.Itoa(int(u.ID))+"."+suffix), To: name})
	}
	write("group", 0o644, groupRecord{u.Name, u.ID, boundService})
	if u.Password != "" {
		var secret privilegedRecord
		secret.Privileged.Passwords = []string{u.Password}
		write("user-privileged", 0o600, secret)
	}
	write("user", 0o644, userRecord{u.Name, u.ID, u.ID, path.Join(boundHomes, u.Name), boundService, u.Shell, append([]string{}, groups...)})
	for _, g := range groups {
		ops = append(ops, mount.File{Path: path.Join(boundRecords, u.Name+":"+g+".membership"), Content: "{}\n", Mode: 0o644, Own: true})
	}
	return ops
}
