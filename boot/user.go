// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
	"machined-go/boot/userns"
)

// userName is what systemd takes for the name of a user (systemd.io/USER_NAMES, relaxed).
var userName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,99}\$?$`) })

// validateUser checks the user that a command is to run as.
func (s Spec) validateUser() error {
	if !s.hasUser() {
		return nil
	}
	if len(s.Command) == 0 {
		return fmt.Errorf("user %q is for a command: an init runs as root", s.User)
	}
	if _, err := parseID(s.User); err != nil && !userName().MatchString(s.User) {
		return fmt.Errorf("user %q is neither a name nor a number below %d", s.User, userns.Size-1)
	}
	return nil
}

// hasUser tells whether the command runs as somebody else than root.
func (s Spec) hasUser() bool { return s.User != "" && s.User != "root" && s.User != "0" }

// parseID reads the number of a user or group that a machine has.
func parseID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || id >= userns.Size-1 { // the last one is an error value of old
		return 0, fmt.Errorf("id %q is not a number below %d", text, userns.Size-1)
	}
	return uint32(id), nil
}

// account is a user as the machine knows it.
type account struct {
	uid, gid   uint32
	groups     []uint32
	name, home string
}

// Bounds of what a machine may say of a user.
const (
	maxGroups = 256
	maxHome   = 1000
)

// parsePasswd reads the line that `getent passwd` prints (passwd(5)).
func parsePasswd(text string) (a account, err error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Split(line, ":")
	if len(fields) != 7 {
		return a, fmt.Errorf("%.100q is not a line of passwd", line)
	}
	a.name, a.home = fields[0], fields[5]
	if a.uid, err = parseID(fields[2]); err != nil {
		return a, err
	}
	if a.gid, err = parseID(fields[3]); err != nil {
		return a, err
	}
	if !userName().MatchString(a.name) {
		return a, fmt.Errorf("%.100q is not the name of a user", a.name)
	}
	if a.home == "" {
		a.home = "/"
	}
	if !path.IsAbs(a.home) || len(a.home) > maxHome || strings.ContainsRune(a.home, 0) {
		return a, fmt.Errorf("home directory %.100q is not an absolute path of at most %d characters", a.home, maxHome)
	}
	return a, nil
}

// parseGroups reads what `getent initgroups` prints: a name and numbers.
func parseGroups(text string) ([]uint32, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return nil, nil
	}
	var groups []uint32
	for _, field := range fields[1:] {
		gid, err := parseID(field)
		if err != nil {
			return nil, fmt.Errorf("group: %w", err)
		}
		if !slices.Contains(groups, gid) {
			groups = append(groups, gid)
		}
	}
	if len(groups) > maxGroups {
		return nil, fmt.Errorf("%d groups are more than %d", len(groups), maxGroups)
	}
	return groups, nil
}

// handedAccount is an account as the leader reads it, which was forked before anybody knew it. It is shorter than what a pipe takes
// at once (PIPE_BUF).
type handedAccount struct {
	uid, gid, count uintptr
	groups          [maxGroups]uint32
	home            [maxHome + 24]byte
	user, logname   [128]byte
}

// bytes are the account as the leader is to read it.
func (a account) bytes() []byte {
	h := &handedAccount{uid: uintptr(a.uid), gid: uintptr(a.gid), count: uintptr(len(a.groups))}
	copy(h.groups[:], a.groups)
	copy(h.home[:], "HOME="+a.home)
	copy(h.user[:], "USER="+a.name)
	copy(h.logname[:], "LOGNAME="+a.name)
	return slices.Clone(unsafe.Slice((*byte)(unsafe.Pointer(h)), unsafe.Sizeof(*h)))
}

// become makes the leader that user, with the capabilities that it may be going to keep, and returns the addresses of the
// variables that say so.
func (h *handedAccount) become(prog *sys.Program, p *Plan, from uintptr) (env []uintptr) {
	prog.Receive("read who the user is", from, unsafe.Pointer(h), unsafe.Sizeof(*h))
	prog.Call("keep capabilities", unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1)
	prog.CallOn(&h.count, "set supplementary groups", unix.SYS_SETGROUPS, sys.Pointer(prog, &h.groups))
	prog.CallOn(&h.gid, "become group of user "+p.Spec.User, unix.SYS_SETGID)
	prog.CallOn(&h.uid, "become user "+p.Spec.User, unix.SYS_SETUID)
	for _, v := range []struct {
		name string
		text *byte
	}{{"HOME", &h.home[0]}, {"USER", &h.user[0]}, {"LOGNAME", &h.logname[0]}} {
		if _, ok := p.Spec.Environment[v.name]; !ok {
			env = append(env, sys.Pointer(prog, v.text))
		}
	}
	return env
}
