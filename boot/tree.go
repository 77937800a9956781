// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Tree is what an OS tree says of itself, read before anything is started.
type Tree struct {
	Init      string   // path of its init, or of the command
	Systemd   bool     // whether that init is systemd, which says when it is ready
	MachineID [16]byte // zero when it has none yet
	// Taken are the names and numbers of its users and groups, if they matter.
	Taken map[string]bool
}

// inits are the places where an init is looked for, as nspawn does, in this order.
var inits = []string{"/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/sbin/init"}

// Inspect opens the OS tree of spec below a descriptor of its root, reads from it what a boot must know, and checks that it can
// be booted at all.
func Inspect(spec Spec) (Tree, error) {
	if !spec.made() {
		return inspect(spec, "")
	}
	open, err := openDevices(spec, true)
	if err != nil {
		return Tree{}, err
	}
	defer open.close()
	return inspectMade(spec, open, "")
}

// inspect is Inspect of a tree with what was changed in it, in that scratch directory.
func inspect(spec Spec, scratch string) (Tree, error) {
	root, err := openTree(spec, scratch)
	if err != nil {
		return Tree{}, fmt.Errorf("open root of %q: %w", spec.Name, err)
	}
	defer unix.Close(root)
	return spec.look(root)
}

// look reads from a root what a boot must know of it.
func (s Spec) look(root int) (Tree, error) {
	var t Tree
	if s.Volatile != volatileYes { // which forgets /etc
		t.MachineID = readMachineID(root)
	}
	if len(s.Users.Bind) > 0 {
		var err error
		if t.Taken, err = readTaken(root); err != nil {
			return t, err
		}
	}
	if len(s.Command) > 0 {
		t.Init = s.Command[0]
		return t, checkCommand(root, s)
	}
	for _, path := range inits {
		if real, err := s.executable(root, path); err == nil {
			t.Init, t.Systemd = path, strings.HasSuffix(real, "/systemd/systemd")
			return t, nil
		}
	}
	return Tree{}, fmt.Errorf("image %q has no init: none of %s is a program in %s; is it a whole operating system?",
		s.Name, strings.Join(inits, ", "), s.Root)
}

// openTree opens the root that the machine is going to have, before anything is mounted in it.
func openTree(spec Spec, scratch string) (int, error) {
	path := spec.Root
	for _, b := range spec.Binds {
		if b.target() == "/" && !b.Inside {
			path = b.Source
		}
	}
	root, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(root)
	if path != spec.Root {
		scratch = ""
	}
	return spec.enter(func() (int, error) {
		if scratch == "" {
			return unix.FcntlInt(uintptr(root), unix.F_DUPFD_CLOEXEC, 0)
		}
		return openChanged(root, scratch)
	})
}

// enter opens the machine's root in its tree, which open gives.
func (s Spec) enter(open func() (int, error)) (root int, err error) {
	root, err = open()
	if err != nil || s.PivotRoot == "" {
		return root, err
	}
	defer unix.Close(root)
	to, _ := s.pivot()
	return sys.OpenIn(root, to, unix.O_PATH|unix.O_DIRECTORY)
}

func checkCommand(root int, spec Spec) error {
	if !strings.HasPrefix(spec.Command[0], "/") {
		return fmt.Errorf("command %q is not an absolute path inside %s", spec.Command[0], spec.Root)
	}
	_, err := spec.executable(root, spec.Command[0])
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && spec.mounts()) {
		return &CommandError{Path: spec.Command[0], Err: err}
	}
	return nil
}

// mounts tells whether the machine has files that are not in its tree: what is missing there may yet come.
func (s Spec) mounts() bool {
	return len(s.Binds)+len(s.Overlays)+len(s.Volumes) > 0
}

// executable returns where name leads, if to a program in the tree or in a directory of the host that is going to be mounted there.
func (s Spec) executable(root int, name string) (string, error) {
	real, err := executable(root, name)
	if err == nil {
		return real, nil
	}
	for _, b := range s.Binds {
		below, ok := strings.CutPrefix(name, strings.TrimSuffix(b.target(), "/")+"/")
		if !ok || b.Inside || b.Source == "" {
			continue
		}
		dir, openErr := unix.Open(b.Source, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if openErr != nil {
			continue
		}
		real, bindErr := executable(dir, below)
		unix.Close(dir)
		if bindErr == nil {
			return real, nil
		}
	}
	return "", err
}

// CommandError says that a command cannot be run in the machine.
type CommandError struct {
	Path string
	Err  error
}

func (e *CommandError) Error() string { return fmt.Sprintf("run %q in the machine: %v", e.Path, e.Err) }

// Unwrap gives the cause, fs.ErrNotExist among them.
func (e *CommandError) Unwrap() error { return e.Err }

// executable returns where path leads inside root, if to a regular file that may be executed.
func executable(root int, path string) (string, error) {
	fd, err := sys.OpenIn(root, path, unix.O_PATH)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Mode&0o111 == 0 {
		return "", &os.PathError{Op: "execute", Path: path, Err: unix.EACCES}
	}
	return os.Readlink(sys.FDPath(fd))
}

// readMachineID returns the id in /etc/machine-id, or zero: a fresh image has none, an empty one or the word "uninitialized".
func readMachineID(root int) (id [16]byte) {
	text, err := sys.ReadIn(root, "/etc/machine-id", 64)
	if err != nil {
		return id
	}
	raw, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err == nil && len(raw) == len(id) {
		copy(id[:], raw)
	}
	return id
}
