// SPDX-License-Identifier: Apache-2.0

package image

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// ErrNoQuota says that the pool is not on btrfs, which alone has limits for all
// images together.
var ErrNoQuota error = refusal{"quota is only supported on btrfs", unix.EOPNOTSUPP}

// errSized says why there is no limit for a disk.
var errSized error = refusal{"a disk has the size that it has", unix.EOPNOTSUPP}

// errLayers says what systemd does not do with layers either.
var errLayers error = refusal{"not possible for layers", unix.EOPNOTSUPP}

// refusal is an error that is always the same, and the number under which callers know it.
type refusal struct {
	text  string
	errno unix.Errno
}

func (r refusal) Error() string { return r.text + ": " + r.errno.Error() }
func (r refusal) Unwrap() error { return r.errno }

// Rename gives an image another name in the same directory; the files that go
// with it follow. EEXIST if any image has that name.
func (i *Image) Rename(name string) error {
	if err := i.changeable(); err != nil {
		return fmt.Errorf("rename image %q: %w", i.Name, err)
	}
	if err := i.renameable(); err != nil {
		return fmt.Errorf("rename image %q: %w", i.Name, err)
	}
	locks, err := Lock(i.Path, true)
	if err != nil {
		return err
	}
	defer Release(locks...)
	lock, err := claim(name)
	if err != nil {
		return err
	}
	defer Release(lock)
	was := false
	if i.Type == Directory {
		if was, err = setImmutable(i.Path, false); err != nil && err != unix.ELOOP {
			return fmt.Errorf("rename image %q: %w", i.Name, err)
		}
	}
	to := filepath.Join(filepath.Dir(i.Path), i.file(name))
	err = unix.Renameat2(unix.AT_FDCWD, i.Path, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == nil {
		i.renameCompanions(name)
	} else {
		to = i.Path
	}
	if was {
		_, again := setImmutable(to, true)
		err = errors.Join(err, again)
	}
	if err != nil {
		return fmt.Errorf("rename image %q to %q: %w", i.Name, name, err)
	}
	return nil
}

func (i *Image) renameable() error {
	switch {
	case i.Type == Block && strings.HasPrefix(i.Path, "/dev/"):
		return fmt.Errorf("it is a device: %w", unix.EROFS)
	case i.Type == Stack:
		return errLayers
	case strings.HasSuffix(filepath.Dir(i.Path), versionSuffix):
		return fmt.Errorf("it is a version in %q, where no other name would be found: %w", filepath.Dir(i.Path), unix.EOPNOTSUPP)
	}
	return nil
}

// MarkReadOnly marks an image read-only or writable: a subvolume by its flag, a
// directory by the immutable attribute, a file by its mode, a device by the
// kernel's flag.
func (i *Image) MarkReadOnly(on bool) error {
	if err := i.changeable(); err != nil {
		return fmt.Errorf("mark image %q: %w", i.Name, err)
	}
	locks, err := Lock(i.Path, true)
	if err != nil {
		return err
	}
	defer Release(locks...)
	if err := i.mark(on); err != nil {
		return fmt.Errorf("mark image %q: %w", i.Name, err)
	}
	return nil
}

func (i *Image) mark(on bool) error {
	if i.Type == Stack {
		return errLayers
	}
	path, err := filepath.EvalSymlinks(i.Path)
	if err != nil {
		return err
	}
	if i.Type == Directory {
		_, err := setImmutable(path, on)
		return err
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	switch i.Type {
	case Subvolume:
		return sys.MarkSubvolume(fd, on)
	case Block:
		return unix.IoctlSetPointerInt(fd, unix.BLKROSET, number(on))
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	mode := st.Mode & 0o7777
	if on {
		return unix.Fchmod(fd, mode&^0o222)
	}
	return unix.Fchmod(fd, mode|0o200)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// SetLimit bounds the bytes of a subvolume, or of a directory on a file system with quotas of projects; Unknown takes the bound away.
func (i *Image) SetLimit(bytes uint64) error {
	if err := i.changeable(); err != nil {
		return fmt.Errorf("limit image %q: %w", i.Name, err)
	}
	var err error
	switch i.Type {
	case Subvolume:
		return limit(i.Path, bytes)
	case Directory:
		err = limitTree(i.Path, bytes)
	case Raw, Block:
		err = errSized
	default:
		err = errLayers
	}
	if err != nil {
		return fmt.Errorf("limit image %q: %w", i.Name, err)
	}
	return nil
}

// SetPoolLimit is SetLimit for all images together.
func SetPoolLimit(bytes uint64) error { return limit(PoolPath, bytes) }

// Pool is what all images together use and may use, Unknown where the pool is no
// btrfs subvolume with quotas.
func Pool() (usage, limit uint64) {
	quota := sys.NoQuota()
	if fd, err := unix.Open(PoolPath, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
		defer unix.Close(fd)
		if q, err := sys.SubvolumeQuota(fd); err == nil {
			quota = q
		}
	}
	return quota.Usage, quota.Limit
}

func limit(path string, bytes uint64) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("limit %q: %w", path, err)
	}
	defer unix.Close(fd)
	err = sys.LimitSubvolume(fd, bytes)
	if errors.Is(err, unix.ENOTTY) {
		err = ErrNoQuota
	}
	if errors.Is(err, unix.ENOTCONN) {
		err = fmt.Errorf("quotas are off on its file system: see btrfs-quota(8), or `btrfs quota enable %s`: %w", filepath.Dir(path), err)
	}
	if err != nil {
		return fmt.Errorf("limit %q: %w", path, err)
	}
	return nil
}
