// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Options say how a tree is copied.
type Options struct {
	Replace  bool   // a file that is there is replaced; otherwise EEXIST
	OneMount bool   // what is mounted in the tree is left out
	Owner    *Owner // of all that is made; nil keeps the owners
	// Distrust is for trees of others that become root's: no file gets set-user-ID
	// bits, and device nodes are not copied (EPERM).
	Distrust bool
	// AllAttributes keeps all extended attributes, access lists among them;
	// otherwise only those of the user namespace are.
	AllAttributes bool
	// Told is called now and then, on the copying goroutine.
	Told func(Progress)
}

// Copy copies what is at from, a directory with all that is in it, to the place
// to. Directories that are there are merged into; in those, files that are there
// already stay as they are unless Replace is set. Hard links in the tree remain
// links, holes remain holes, and data is shared where the file system can. A
// file that cannot be copied does not keep the others from it: the first error
// is returned in the end. A lack of space or the end of ctx ends it at once.
func Copy(ctx context.Context, from, to Place, o Options) error {
	c := &copier{ctx: ctx, o: o, links: links{top: -1}}
	defer c.links.close()
	n, err := from.open()
	if err != nil {
		return fmt.Errorf("open %q: %w", from.Name, err)
	}
	defer n.close()
	if err := c.entry(&n, to, "", 0); err != nil {
		return fmt.Errorf("copy %q: %w", from.Name, err)
	}
	c.tell()
	return c.first
}

type copier struct {
	ctx    context.Context
	o      Options
	made   fileID // the directory that is made, not to be copied into itself
	links  links
	done   Progress
	first  error
	serial int
	// What one file needs for a moment, the next one has again: thousands of files
	// would keep the collector of a daemon with a small heap at work.
	text, list, value []byte
}

// room is a buffer's memory, made when it is first needed.
func room(buffer *[]byte, size int) []byte {
	if *buffer == nil {
		*buffer = make([]byte, size)
	}
	return *buffer
}

// entry copies one file of any kind; path is its path below the copy's top.
func (c *copier) entry(n *node, to Place, path string, depth int) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	var err error
	switch n.kind() {
	case unix.S_IFDIR:
		return c.directory(n, to, path, depth)
	case unix.S_IFREG:
		err = c.regular(n, to, path)
	case unix.S_IFLNK:
		err = c.symlink(n, to)
	default:
		err = c.special(n, to)
	}
	if err == nil {
		c.done.Files++
		c.tell()
	}
	return err
}

func (c *copier) directory(n *node, to Place, path string, depth int) error {
	if depth >= maxDepth {
		return unix.ENAMETOOLONG
	}
	src, err := n.directory()
	if err != nil {
		return err
	}
	list := os.NewFile(uintptr(src), to.Name)
	defer list.Close()
	err = unix.Mkdirat(to.Dir, to.Name, 0o700)
	created := err == nil
	if err != nil && err != unix.EEXIST {
		return err
	}
	dst, err := unix.Openat(to.Dir, to.Name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dst)
	if depth == 0 {
		if err := c.begin(dst); err != nil {
			return err
		}
	}
	if err := c.entries(list, dst, path, depth); err != nil {
		return err
	}
	c.done.Files++
	if !created {
		return nil
	}
	return c.finish(src, dst, &n.stat)
}

// begin remembers the top directory of the copy.
func (c *copier) begin(dst int) error {
	var st unix.Stat_t
	if err := unix.Fstat(dst, &st); err != nil {
		return err
	}
	c.made = fileID{uint64(st.Dev), st.Ino}
	return c.links.begin(dst)
}

func (c *copier) entries(list *os.File, dst int, path string, depth int) error {
	for {
		names, err := list.Readdirnames(256)
		for _, name := range names {
			if err := c.child(Place{int(list.Fd()), name}, Place{dst, name}, join(path, name), depth+1); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// child copies one entry of a directory; what concerns it alone is noted and
// does not end the copy.
func (c *copier) child(from, to Place, path string, depth int) error {
	n, err := from.open()
	if err == unix.ENOENT {
		return nil // gone meanwhile
	}
	if err == nil {
		defer n.close()
		if n.id() == c.made || c.o.OneMount && n.kind() == unix.S_IFDIR && mounted(from) {
			return nil
		}
		err = c.entry(&n, to, path, depth)
	}
	switch {
	case err == nil, errors.Is(err, unix.EEXIST) && depth > 0:
		return nil
	case fatal(err):
		return err
	}
	if c.first == nil {
		c.first = fmt.Errorf("copy %q: %w", short(path), err)
	}
	return nil
}

// fatal tells of errors after which nothing else would work either.
func fatal(err error) bool {
	for _, e := range []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.ENOMEM, unix.EMFILE, unix.ENFILE, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (c *copier) symlink(n *node, to Place) error {
	target := make([]byte, unix.PathMax)
	size, err := unix.Readlinkat(n.fd, "", target)
	if err != nil {
		return err
	}
	return c.put(to, func(p Place) error {
		return unix.Symlinkat(string(target[:size]), p.Dir, p.Name)
	}, func(p Place) error {
		return c.own(p, &n.stat)
	})
}

func (c *copier) special(n *node, to Place) error {
	kind := n.kind()
	if c.o.Distrust && (kind == unix.S_IFCHR || kind == unix.S_IFBLK) {
		return unix.EPERM
	}
	return c.put(to, func(p Place) error {
		return unix.Mknodat(p.Dir, p.Name, kind, int(n.stat.Rdev))
	}, func(p Place) error {
		if err := c.own(p, &n.stat); err != nil {
			return err
		}
		made, err := p.open()
		if err != nil {
			return err
		}
		defer made.close()
		if made.kind() != kind {
			return unix.ESTALE // somebody put another there
		}
		return unix.Chmod(sys.FDPath(made.fd), c.mode(&n.stat))
	})
}

// put makes a file at a place and fills it: at once or, to replace what is
// there, under another name which it then loses.
func (c *copier) put(to Place, make, fill func(Place) error) error {
	at := to
	if c.o.Replace {
		c.serial++
		at.Name = ".#copy-" + strconv.Itoa(unix.Gettid()) + "-" + strconv.Itoa(c.serial)
	}
	if err := make(at); err != nil {
		return err
	}
	err := fill(at)
	if err == nil && c.o.Replace {
		err = unix.Renameat(at.Dir, at.Name, to.Dir, to.Name)
	}
	if err != nil {
		_ = unix.Unlinkat(at.Dir, at.Name, 0)
	}
	return err
}

func (c *copier) tell() {
	if c.o.Told != nil {
		c.o.Told(c.done)
	}
}

// short is the end of a path that is too long for a message.
func short(path string) string {
	if len(path) > 256 {
		return "…" + path[len(path)-256:]
	}
	return path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}

// mounted tells whether something is mounted on a directory.
func mounted(p Place) bool {
	fd, err := unix.Openat2(p.Dir, p.Name, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_XDEV,
	})
	if err == nil {
		unix.Close(fd)
	}
	return err == unix.EXDEV
}
