// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Notifier tells systemd about this service (sd_notify(3)). Without
// $NOTIFY_SOCKET all its methods do nothing.
type Notifier struct {
	fd int
	to *unix.SockaddrUnix
}

// NewNotifier reads $NOTIFY_SOCKET and takes it out of the environment.
func NewNotifier() (*Notifier, error) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return &Notifier{}, nil
	}
	if err := os.Unsetenv("NOTIFY_SOCKET"); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket to the service manager: %w", err)
	}
	return &Notifier{fd: fd, to: &unix.SockaddrUnix{Name: path}}, nil
}

// Notify sends assignments, such as "READY=1".
func (n *Notifier) Notify(state string) error { return n.send(state, nil) }

// Keep puts a descriptor into the service's fd store. FDPOLL=0 as systemd shall
// not throw it out when the other end hangs up for a while.
func (n *Notifier) Keep(name string, fd int) error {
	return n.send("FDSTORE=1\nFDPOLL=0\nFDNAME="+name, unix.UnixRights(fd))
}

// Forget takes the descriptors of that name out of the fd store.
func (n *Notifier) Forget(name string) error { return n.send("FDSTOREREMOVE=1\nFDNAME="+name, nil) }

func (n *Notifier) send(state string, oob []byte) error {
	if n.to == nil {
		return nil
	}
	if err := unix.Sendmsg(n.fd, []byte(state), oob, n.to, 0); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}

// WatchdogInterval is how often WATCHDOG=1 is wanted, 0 for never; half of what
// systemd waits.
func WatchdogInterval() time.Duration {
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us <= 0 {
		return 0
	}
	return time.Duration(us) * time.Microsecond / 2
}

// Stored is a descriptor that systemd handed back.
type Stored struct {
	Name string
	FD   int
}

// StoredFDs are the descriptors passed by systemd (sd_listen_fds(3)). They are
// made close-on-exec, and the environment is cleared.
func StoredFDs() []Stored {
	pid, _ := strconv.Atoi(os.Getenv("LISTEN_PID"))
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for _, v := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(v)
	}
	if pid != os.Getpid() {
		return nil
	}
	var fds []Stored
	for i := range n {
		s := Stored{FD: 3 + i}
		unix.CloseOnExec(s.FD)
		if i < len(names) {
			s.Name = names[i]
		}
		fds = append(fds, s)
	}
	return fds
}
