// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"io"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

const (
	// chunk is how much is copied between two looks at ctx.
	chunk = 16 << 20
	// pumped is how much is copied at once through memory.
	pumped = 256 << 10
	// maxUnsized bounds a file that says it is empty and is not, as in /proc.
	maxUnsized = 64 << 20
)

// regular copies a regular file, or makes it a link to the copy of another name
// of the same file.
func (c *copier) regular(n *node, to Place, path string) error {
	if n.stat.Nlink > 1 && c.links.link(n.id(), to, c.o.Replace) {
		return nil
	}
	// By its node: what else took the name meanwhile is not opened.
	src, err := unix.Open(sys.FDPath(n.fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(src)
	dst := -1
	defer func() {
		if dst >= 0 {
			unix.Close(dst)
		}
	}()
	err = c.put(to, func(p Place) (err error) {
		dst, err = unix.Openat(p.Dir, p.Name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_CLOEXEC, 0o600)
		return err
	}, func(Place) error {
		if err := c.data(src, dst, n.stat.Size); err != nil {
			return err
		}
		return c.finish(src, dst, &n.stat)
	})
	if err == nil && n.stat.Nlink > 1 {
		c.links.note(n.id(), dst, path)
	}
	return err
}

// data copies what is in a file: shared with the original where the file system
// can, else extent by extent, so that holes remain.
func (c *copier) data(src, dst int, size int64) error {
	if size == 0 {
		return c.unsized(src, dst)
	}
	if unix.IoctlFileClone(dst, src) == nil {
		c.done.Bytes += uint64(size)
		return nil
	}
	for off := int64(0); off < size; {
		begin, end := extent(src, off, size)
		c.done.Bytes += uint64(begin - off) // a hole is done as well
		if begin >= size {
			break
		}
		if err := c.extent(src, dst, begin, end); err != nil {
			return err
		}
		off = end
	}
	return unix.Ftruncate(dst, size)
}

// extent finds the next stretch of a file that is no hole.
func extent(fd int, off, size int64) (begin, end int64) {
	begin, err := unix.Seek(fd, off, unix.SEEK_DATA)
	if err == unix.ENXIO {
		return size, size
	}
	if err != nil || begin < off {
		return off, size // the file system knows nothing of holes
	}
	end, err = unix.Seek(fd, begin, unix.SEEK_HOLE)
	if err != nil || end <= begin || end > size {
		end = size
	}
	return begin, end
}

func (c *copier) extent(src, dst int, begin, end int64) error {
	in, out := begin, begin
	for in < end {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		n, err := unix.CopyFileRange(src, &in, dst, &out, int(min(end-in, chunk)), 0)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil && in == begin:
			return c.pump(src, dst, begin, end)
		case err != nil:
			return err
		case n == 0:
			return nil // it became shorter
		}
		c.done.Bytes += uint64(n)
		c.tell()
	}
	return nil
}

// pump copies through memory, for file systems that cannot do it themselves.
func (c *copier) pump(src, dst int, begin, end int64) error {
	buf := room(&c.text, pumped)
	for off := begin; off < end; {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		n, err := unix.Pread(src, buf[:min(end-off, int64(len(buf)))], off)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return err
		}
		if err := writeAll(dst, buf[:n], off); err != nil {
			return err
		}
		off += int64(n)
		c.done.Bytes += uint64(n)
		c.tell()
	}
	return nil
}

// unsized copies a file that has no size, but may have something to say.
func (c *copier) unsized(src, dst int) error {
	buf := room(&c.text, pumped)
	for off := int64(0); ; {
		n, err := unix.Read(src, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return err
		}
		if off+int64(n) > maxUnsized {
			return unix.EFBIG
		}
		if err := writeAll(dst, buf[:n], off); err != nil {
			return err
		}
		off += int64(n)
		c.done.Bytes += uint64(n)
	}
}

func writeAll(fd int, b []byte, off int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrShortWrite
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}
