// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// PassedName is the name under which systemd passes our socket
// (FileDescriptorName= of machined-go.socket and of the stock unit).
const PassedName = "varlink"

// Socket is a listening socket and what is served there.
type Socket struct {
	Face     string
	Listener *os.File // its descriptor does not block
	remove   string   // its path if we made it
}

// Place is where a face is found on the system.
type Place struct {
	Face, Path string
	Links      []string // symbolic links to Path
	// Marks are extended attributes that tell whom to ask for what.
	Marks map[string]string
}

// Places are those of systemd-machined: its own socket (256), the user records
// of nss-systemd(8) and userdbctl(1), and the hook of systemd-resolved (259).
func Places() []Place {
	return []Place{
		{FaceMachine, "/run/systemd/machine/io.systemd.Machine", []string{
			"/run/systemd/machine/io.systemd.MachineImage",
			"/run/varlink/registry/io.systemd.Machine", "/run/varlink/registry/io.systemd.MachineImage",
		}, nil},
		{FaceUsers, "/run/systemd/userdb/io.systemd.Machine", nil, userMarks()},
		{FaceHook, "/run/systemd/resolve.hook/io.systemd.Machine", nil, nil},
	}
}

// Listen makes the sockets of all places that are not among the passed
// descriptors, which are those of systemd's own sockets for io.systemd.Machine.
// It takes the descriptors over. Links that point elsewhere are replaced.
func Listen(places []Place, passed []int) ([]Socket, error) {
	var sockets []Socket
	served := map[string]bool{}
	for _, fd := range passed {
		path, err := adopt(fd)
		if err != nil {
			return sockets, fmt.Errorf("take over varlink socket: %w", err)
		}
		sockets = append(sockets, Socket{Face: FaceMachine, Listener: os.NewFile(uintptr(fd), path)})
		served[path] = true
	}
	for _, p := range places {
		if !served[p.Path] {
			fd, err := bind(p.Path, p.Marks)
			if err != nil {
				return sockets, fmt.Errorf("listen at %q: %w", p.Path, err)
			}
			sockets = append(sockets, Socket{Face: p.Face, Listener: os.NewFile(uintptr(fd), p.Path), remove: p.Path})
		}
		for _, link := range p.Links {
			if err := point(link, p.Path); err != nil {
				return sockets, fmt.Errorf("link %q to %q: %w", link, p.Path, err)
			}
		}
	}
	return sockets, nil
}

// adopt prepares a socket that listens already, and tells where.
func adopt(fd int) (path string, err error) {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return "", err
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		return "", err
	}
	local, ok := at.(*unix.SockaddrUnix)
	if !ok {
		return "", unix.ESOCKTNOSUPPORT
	}
	return local.Name, nil
}

// bind makes a socket for everybody, which does not block. It takes its place by
// a rename: whoever looks finds the old or the new one, never none, and never one
// that he may not connect to.
func bind(path string, marks map[string]string) (fd int, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return -1, err
	}
	temp := filepath.Join(filepath.Dir(path), ".#"+filepath.Base(path))
	_ = os.Remove(temp)
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: temp}); err == nil {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	mark(temp, marks)
	if err == nil {
		err = os.Chmod(temp, 0o666)
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// mark sets extended attributes as far as the kernel lets sockets have them: who
// does not see them asks once too often.
func mark(path string, marks map[string]string) {
	for name, value := range marks {
		_ = unix.Setxattr(path, name, []byte(value), 0)
	}
}

func point(link, to string) error {
	if at, err := os.Readlink(link); err == nil && at == to {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(link), ".#"+filepath.Base(link))
	_ = os.Remove(temp)
	if err := os.Symlink(to, temp); err != nil {
		return err
	}
	return os.Rename(temp, link)
}

// Close stops listening. What we made is removed first, so that who tries finds
// nothing rather than nobody.
func (s *Socket) Close() {
	if s.remove != "" {
		_ = os.Remove(s.remove)
	}
	s.Listener.Close()
}

// acceptAgain keeps a loop of failing accepts from spinning.
const acceptAgain = 100 * time.Millisecond

func pause(err error) {
	if !errors.Is(err, unix.ECONNABORTED) {
		time.Sleep(acceptAgain)
	}
}
