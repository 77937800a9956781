// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"math"
	"strconv"
	"strings"

	"machined-go/machine"
	"machined-go/machine/inside"
)

const userIf = "io.systemd.UserDatabase"

const (
	// usersService is what callers must ask for: the name of our socket.
	usersService = "io.systemd.Machine"
	// firstShifted is the first id that may be a machine's: those below are the
	// host's own.
	firstShifted = 0x10000
	// nobody is the group of the users we tell of.
	nobody = 65534
	// nologin is Debian's and systemd's.
	nologin = "/usr/sbin/nologin"
)

// userInterface is the table of io.systemd.UserDatabase: users and groups of
// machines as the host sees them, by the names vu-MACHINE-UID and
// vg-MACHINE-GID (nss-systemd(8)).
func userInterface() *iface {
	const common = "fuzzyNames: ?[]string, dispositionMask: ?[]string, "
	return &iface{
		name: userIf,
		methods: []method{
			{name: "GetUserRecord", in: "uid: ?int, userName: ?string, " + common + "uidMin: ?int, uidMax: ?int, uuid: ?string, service: string",
				out: "record: object, incomplete: ?bool", run: userKind.record},
			{name: "GetGroupRecord", in: "gid: ?int, groupName: ?string, " + common + "gidMin: ?int, gidMax: ?int, uuid: ?string, service: string",
				out: "record: object, incomplete: ?bool", run: groupKind.record},
			{name: "GetMemberships", in: "userName: ?string, groupName: ?string, service: string", out: "userName: string, groupName: string",
				run: func(c *call) (object, error) {
					if c.str("service") != usersService {
						return nil, fail(userIf + ".BadService")
					}
					return nil, fail(userIf + ".NoRecordFound")
				}},
		},
		errors: []typedef{
			{name: "NoRecordFound"}, {name: "BadService"}, {name: "ServiceNotAvailable"}, {name: "ConflictingRecordFound"},
			{name: "NonMatchingRecordFound"}, {name: "EnumerationNotSupported"},
		},
	}
}

// userMarks tell clients of systemd 262 and newer what we can know, so that they
// ask us for nothing else.
func userMarks() map[string]string {
	ids := strconv.Itoa(firstShifted) + "-" + strconv.Itoa(math.MaxUint32-1)
	return map[string]string{
		"user.userdb.uid": ids, "user.userdb.username": userKind.prefix + "*",
		"user.userdb.gid": ids, "user.userdb.groupname": groupKind.prefix + "*",
	}
}

// idKind is users or groups.
type idKind struct {
	ids      string // inside.Users or inside.Groups
	id, name string // fields of a call and of a record
	prefix   string
	describe func(o *object, id uint32, machine string)
}

var (
	userKind = idKind{inside.Users, "uid", "userName", "vu-", func(o *object, id uint32, machine string) {
		o.uint("gid", nobody)
		o.str("realName", "UID "+strconv.Itoa(int(id))+" of Container "+machine)
		o.str("homeDirectory", "/")
		o.str("shell", nologin)
		o.boolean("locked", true)
	}}
	groupKind = idKind{inside.Groups, "gid", "groupName", "vg-", func(o *object, id uint32, machine string) {
		o.str("description", "GID "+strconv.Itoa(int(id))+" of Container "+machine)
	}}
)

// shifted is somebody of a machine.
type shifted struct {
	machine      string
	inside, host uint32
}

// record finds by id, by name, or by both if they agree.
func (k idKind) record(c *call) (object, error) {
	if c.str("service") != usersService {
		return nil, fail(userIf + ".BadService")
	}
	for name := range c.args {
		if name != "service" && name != k.id && name != k.name {
			return nil, invalidParameter(name) // callers then filter themselves
		}
	}
	id, byID, err := c.number(k.id, 0, math.MaxUint32-1)
	switch {
	case err != nil:
		return nil, err
	case !byID && !c.given(k.name):
		return nil, fail(userIf + ".EnumerationNotSupported")
	}
	var who shifted
	var ok bool
	if byID {
		who, ok = k.byHost(c, uint32(id))
	} else {
		who, ok = k.byName(c, c.str(k.name))
	}
	name := k.prefix + who.machine + "-" + strconv.Itoa(int(who.inside))
	if !ok || !validUserName(name) {
		return nil, fail(userIf + ".NoRecordFound")
	}
	if c.given(k.name) && c.str(k.name) != name {
		return nil, fail(userIf + ".ConflictingRecordFound")
	}
	var record, o object
	record.str(k.name, name)
	record.uint(k.id, uint64(who.host))
	k.describe(&record, who.inside, who.machine)
	record.str("service", usersService)
	record.str("disposition", "container")
	o.object("record", record)
	return o, nil
}

// validUserName tells whether programs take a name for that of a user: those of
// machines with a dot, or with many letters, have none (systemd.io/USER_NAMES).
func validUserName(name string) bool {
	const longest = 31
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != "" && len(name) <= longest
}

// byName splits PREFIX-MACHINE-ID and maps the id.
func (k idKind) byName(c *call, name string) (who shifted, ok bool) {
	rest, ok := strings.CutPrefix(name, k.prefix)
	dash := strings.LastIndexByte(rest, '-')
	if !ok || dash < 0 {
		return who, false
	}
	id, err := strconv.ParseUint(rest[dash+1:], 10, 32)
	if err != nil || strconv.FormatUint(id, 10) != rest[dash+1:] {
		return who, false
	}
	m, err := c.Manager.Get(rest[:dash])
	if err != nil || m.Class != machine.ClassContainer {
		return who, false
	}
	who = shifted{machine: m.Name, inside: uint32(id)}
	ok = c.enter(m, func(g *inside.Guest) error { who.host, err = g.HostID(k.ids, who.inside); return err })
	return who, ok && who.host >= firstShifted
}

// byHost asks each machine whether the id is of its own.
func (k idKind) byHost(c *call, id uint32) (who shifted, ok bool) {
	if id < firstShifted {
		return who, false
	}
	for _, m := range c.Manager.List() {
		if m.Class != machine.ClassContainer {
			continue
		}
		who = shifted{machine: m.Name, host: id}
		if c.enter(m, func(g *inside.Guest) (err error) { who.inside, err = g.OwnID(k.ids, id); return err }) {
			return who, true
		}
	}
	return who, false
}

// enter looks inside a machine; false if that fails.
func (c *call) enter(m machine.Machine, look func(*inside.Guest) error) bool {
	c.machine = m
	g, err := c.guest()
	if err != nil {
		return false
	}
	defer g.Close()
	return look(g) == nil
}
