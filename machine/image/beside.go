// SPDX-License-Identifier: Apache-2.0

package image

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"machined-go/machine/tree"
)

// settingsDirs are where files NAME.SUFFIX say how an image's machine is run.
var settingsDirs = []struct{ dir, suffix string }{
	{"/etc/systemd/nspawn", ".nspawn"}, {"/run/systemd/nspawn", ".nspawn"},
	{"/etc/machined-go/machines", ".toml"}, {"/run/machined-go/machines", ".toml"},
}

// besides are the suffixes of files that lie beside an image and go with it
// (systemd.nspawn(5), systemd-nspawn(1), and what importd of systemd 262 keeps).
var besides = []string{
	".nspawn", ".toml", ".oci-config", ".roothash", ".roothash.p7s", ".usrhash", ".usrhash.p7s", ".verity", ".raw.tpmstate", ".raw.efinvramstate",
}

// companion is a file that goes with an image.
type companion struct{ dir, suffix string }

func (c companion) path(name string) string { return filepath.Join(c.dir, name+c.suffix) }

// companions are all places where files go with an image.
func (i *Image) companions() []companion {
	list := make([]companion, 0, len(settingsDirs)+len(besides))
	for _, s := range settingsDirs {
		list = append(list, companion{s.dir, s.suffix})
	}
	for _, suffix := range besides {
		list = append(list, companion{filepath.Dir(i.Path), suffix})
	}
	return list
}

// removeCompanions removes them; one that stays harms no one.
func (i *Image) removeCompanions() {
	for _, c := range i.companions() {
		_ = os.Remove(c.path(i.Name))
	}
}

// renameCompanions renames them, unless there is one of the new name.
func (i *Image) renameCompanions(to string) {
	for _, c := range i.companions() {
		_ = unix.Renameat2(unix.AT_FDCWD, c.path(i.Name), unix.AT_FDCWD, c.path(to), unix.RENAME_NOREPLACE)
	}
}

// cloneCompanions copies those in the settings directories to the same, those
// beside the image to the pool.
func (i *Image) cloneCompanions(copy func(from, to string) error, to string) {
	for n, c := range i.companions() {
		target := c
		if n >= len(settingsDirs) {
			target.dir = PoolPath
		}
		if _, err := os.Lstat(c.path(i.Name)); err == nil {
			_ = copy(c.path(i.Name), target.path(to))
		}
	}
}

// place opens the directory of a path, for work by name in there.
func place(path string) (tree.Place, *os.File, error) {
	dir, err := openDir(path)
	if err != nil {
		return tree.Place{}, nil, err
	}
	return tree.Place{Dir: int(dir.Fd()), Name: filepath.Base(path)}, dir, nil
}
