// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// WriteFile writes a settings file so that others see the old content or the new one, also after a power cut. Directories on the way are
// made.
func WriteFile(path, content string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write settings %q: %w", path, err)
		}
	}()
	dir, mode := filepath.Dir(path), fs.FileMode(0o644)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // hidden, so nobody reads it as a drop-in
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // there is none of that name any more if all went well
	if _, err = f.WriteString(content); err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// removeFile removes a drop-in, and its directory if it was the last one.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove settings: %w", err)
	}
	_ = unix.Rmdir(filepath.Dir(path))
	return nil
}

// lockDir keeps others from changing settings below a directory, which is made, and waits until they are done.
func lockDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("change settings: %w", err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("change settings: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("change settings: lock %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}
