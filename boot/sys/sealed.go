// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// what keeps a file in memory as it is.
const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL

// RunSealed starts this program anew, from a copy of it in memory that nobody can change, unless it runs from one already. Whoever gets
// hold of /proc/PID/exe of a process of ours, as root without a user namespace, could write the host's program otherwise (CVE-2019-5736).
// It returns only if nothing is to be done, or with an error.
func RunSealed() error {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer self.Close()
	if has, err := unix.FcntlInt(self.Fd(), unix.F_GET_SEALS, 0); err == nil && has&seals == seals {
		return nil
	}
	memory, err := sealedCopy(self)
	if err != nil {
		return fmt.Errorf("copy this program to memory, where the machine cannot change it: %w", err)
	}
	defer memory.Close()
	err = unix.Exec(FDPath(int(memory.Fd())), os.Args, os.Environ())
	return fmt.Errorf("run this program from memory, where the machine cannot change it: %w", err)
}

func sealedCopy(f *os.File) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("mctl", flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("mctl", flags)
	}
	if err != nil {
		return nil, err
	}
	memory := os.NewFile(uintptr(fd), "mctl")
	if _, err = memory.ReadFrom(f); err == nil {
		_, err = unix.FcntlInt(memory.Fd(), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		memory.Close()
		return nil, err
	}
	return memory, nil
}
