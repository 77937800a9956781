// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// maxDatabase bounds what is read of a machine's list of users or groups.
const maxDatabase = 1 << 20

// overflow is the id that stands for all that have none.
const overflow = 65534

// findBound finds the users of the host who shall exist in a machine, and ids that are free for them: names and numbers of users and
// groups of its own are taken.
func findBound(spec Spec, taken map[string]bool) ([]BoundUser, error) {
	var list []BoundUser
	next := uint32(firstBound)
	for _, name := range spec.Users.Bind {
		u, err := findHostUser(name, spec.Users.BindShell)
		if err == nil && taken[u.Name] {
			err = errors.New("there is one of that name in the machine already")
		}
		for taken[strconv.Itoa(int(next))] {
			next++
		}
		if err == nil && (next > lastBound || next >= spec.Users.size()) {
			err = fmt.Errorf("no id from %d to %d is free in the machine", firstBound, lastBound)
		}
		if err != nil {
			return nil, fmt.Errorf("bind user %q of the host: %w", name, err)
		}
		u.ID = next
		next++
		list = append(list, u)
	}
	return list, nil
}

// readTaken reads the names and numbers of users and groups that the tree below root has.
func readTaken(root int) (map[string]bool, error) {
	taken := map[string]bool{}
	for _, file := range []string{"/etc/passwd", "/etc/group"} {
		text, err := readDatabase(root, file)
		if err != nil {
			return nil, fmt.Errorf("read %s of the machine: %w", file, err)
		}
		for line := range strings.Lines(text) {
			if fields := strings.SplitN(line, ":", 4); len(fields) == 4 {
				taken[fields[0]], taken[fields[2]] = true, true
			}
		}
	}
	return taken, nil
}

func readDatabase(root int, file string) (string, error) {
	text, err := sys.ReadIn(root, file, maxDatabase)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case errors.Is(err, unix.EBADMSG):
		return "", errors.New("it is not a regular file")
	case errors.Is(err, unix.EFBIG):
		return "", fmt.Errorf("it is longer than %d bytes", maxDatabase)
	}
	return string(text), err
}

// findHostUser asks the host, by its getent(1), who a user is.
func findHostUser(name, shell string) (u BoundUser, err error) {
	line, err := hostEntry("passwd", name)
	if err != nil {
		return u, err
	}
	if line == "" {
		return u, errors.New("there is no such user")
	}
	fields := strings.Split(line, ":")
	if len(fields) != 7 || fields[0] != name {
		return u, fmt.Errorf("getent says %.100q", line)
	}
	u = BoundUser{Name: name, Home: fields[5]}
	uid, err1 := strconv.ParseUint(fields[2], 10, 32)
	gid, err2 := strconv.ParseUint(fields[3], 10, 32)
	u.UID, u.GID = uint32(uid), uint32(gid)
	switch {
	case err1 != nil || err2 != nil:
		return u, fmt.Errorf("getent says %.100q", line)
	case uid == 0 || uid == overflow:
		return u, errors.New("every machine has a user of that id of its own")
	case !strings.HasPrefix(u.Home, "/") || strings.Trim(u.Home, "/") == "":
		return u, fmt.Errorf("his home directory is %q", u.Home)
	}
	group, err := hostEntry("group", fields[3])
	if err != nil {
		return u, err
	}
	if of, _, _ := strings.Cut(group, ":"); of != name { // as nspawn: the two are one id inside
		return u, fmt.Errorf("his group is %q, and only users with a group of their own can be bound", of)
	}
	switch shell {
	case "yes":
		u.Shell = fields[6]
	case "", "no":
	default:
		u.Shell = shell
	}
	shadow, err := hostEntry("shadow", name)
	if fields := strings.Split(shadow, ":"); err == nil && len(fields) > 1 && isPassword(fields[1]) {
		u.Password = fields[1]
	}
	return u, err
}

// isPassword tells whether that is a hashed password, locked or not, and not a word for none (shadow(5)).
func isPassword(text string) bool {
	hash := strings.TrimLeft(text, "!")
	return hash != "x" && hash != "*"
}

// hostEntry gives an entry of a database of the host, or nothing.
func hostEntry(database, key string) (string, error) {
	cmd := exec.Command("getent", database, key)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == notFound {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("ask getent for %s: %w", database, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line, nil
}
