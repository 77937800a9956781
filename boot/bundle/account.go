// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Account is a user as the tree's own list has it.
type Account struct {
	Name, Home string
	UID, GID   uint32
	Groups     []uint32
}

// errNoUser says that a tree has no such user.
var errNoUser = errors.New("it is neither in /etc/passwd of the tree nor a number, and a bundle takes numbers")

// FindAccount looks a user up, by name or number, in the files of the tree at root. A number that nobody has is a user without a name,
// whose group has the same number.
func FindAccount(root, user string) (Account, error) {
	number, notNumber := strconv.ParseUint(user, 10, 32)
	a := Account{Name: user, Home: "/", UID: uint32(number), GID: uint32(number)}
	found := false
	for _, f := range entries(root, "/etc/passwd", 7) {
		uid, err := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err != nil || err2 != nil || f[0] != user && (notNumber != nil || uid != number) {
			continue
		}
		found = true
		a = Account{Name: f[0], Home: homeField(f[5]), UID: uint32(uid), GID: uint32(gid)}
		break
	}
	if !found && notNumber != nil {
		return a, errNoUser
	}
	for _, f := range entries(root, "/etc/group", 4) {
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if err == nil && uint32(gid) != a.GID && slices.Contains(strings.Split(f[3], ","), a.Name) {
			a.Groups = append(a.Groups, uint32(gid))
		}
	}
	return a, nil
}

// homeOf looks a user's home up in the root's own list; "/" if there is none.
func homeOf(root string, uid uint32) string {
	for _, f := range entries(root, "/etc/passwd", 7) {
		if f[2] == strconv.FormatUint(uint64(uid), 10) && homeField(f[5]) == f[5] {
			return f[5]
		}
	}
	return "/"
}

// homeField is a home directory, "/" if it is none.
func homeField(dir string) string {
	if !path.IsAbs(dir) || strings.ContainsRune(dir, 0) {
		return "/"
	}
	return dir
}

// entries are the lines of a list such as passwd(5) in the tree at root that have so many fields; none of one longer than a MiB.
func entries(root, name string, fields int) (list [][]string) {
	const most = 1 << 20
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(dir)
	text, err := sys.ReadIn(dir, name, most)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if field := strings.Split(strings.TrimRight(line, "\r\n"), ":"); len(field) == fields {
			list = append(list, field)
		}
	}
	return list
}
