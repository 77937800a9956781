// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"golang.org/x/sys/unix"
)

// maxLinks bounds the memory of files with several names; those beyond become
// files of their own.
const maxLinks = 1 << 20

// links remembers where files with several names were copied to.
type links struct {
	top   int // the directory that the copy is made in, -1 if none
	known map[fileID]copied
}

// copied is a copy: its path below the top, and what it is.
type copied struct {
	path string
	id   fileID
}

func (l *links) begin(top int) (err error) {
	l.known = map[fileID]copied{}
	l.top, err = unix.FcntlInt(uintptr(top), unix.F_DUPFD_CLOEXEC, 3)
	return err
}

func (l *links) close() {
	if l.top >= 0 {
		unix.Close(l.top)
	}
}

// note remembers the copy dst of a file.
func (l *links) note(of fileID, dst int, path string) {
	var st unix.Stat_t
	if l.top < 0 || len(l.known) >= maxLinks || unix.Fstat(dst, &st) != nil {
		return
	}
	l.known[of] = copied{path, fileID{uint64(st.Dev), st.Ino}}
}

// link gives the copy of a file another name, if it was copied already and is
// still where it was put; false if not.
func (l *links) link(of fileID, to Place, replace bool) bool {
	old, ok := l.known[of]
	if !ok || replace {
		return false
	}
	fd, err := unix.Openat2(l.top, old.path, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || (fileID{uint64(st.Dev), st.Ino}) != old.id {
		return false
	}
	return unix.Linkat(fd, "", to.Dir, to.Name, unix.AT_EMPTY_PATH) == nil
}
