// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// ByHand makes cgroups itself, on hosts whose PID 1 is not systemd. They have no limits: these are systemd's to keep.
type ByHand struct{}

// handmade is the cgroup below which those of machines are.
const handmade = "machined-go"

func (ByHand) dir(scope string) string { return filepath.Join(cgroupRoot(), handmade, scope) }

// StartScope implements [Units].
func (b ByHand) StartScope(_ context.Context, s Scope) (end func(), err error) {
	if s.Slice != "" {
		return nil, errors.New("setting resources.slice needs systemd as PID 1 of the host")
	}
	if len(s.Properties) > 0 {
		return nil, fmt.Errorf("unit property %s needs systemd as PID 1 of the host", s.Properties[0].Name)
	}
	if s.HostRoot {
		return nil, errors.New("without a user namespace it could open all devices, which only systemd as PID 1 of the host can forbid")
	}
	dir := b.dir(s.Name)
	err = os.MkdirAll(dir, 0o755)
	for errors.Is(err, fs.ErrNotExist) { // the last of the others has just ended
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	end = func() {
		removeCgroups(dir)
		_ = os.Remove(filepath.Dir(dir)) // the last one does
	}
	if err := join(dir, strconv.Itoa(s.PID)); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

// removeCgroups removes a cgroup and those that a machine made below it. Nothing runs in them any more, or is about to end.
func removeCgroups(dir string) {
	var dirs []string
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	for _, dir := range slices.Backward(dirs) {
		for range 100 {
			if err := unix.Rmdir(dir); err != unix.EBUSY {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
}
