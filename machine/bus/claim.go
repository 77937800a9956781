// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"machined-go/machine"
)

const (
	// stockName is the program of the stock daemon.
	stockName = "systemd-machined"
	// farewell is how long it may take to end, and look how often we look.
	farewell = 5 * time.Second
	look     = 20 * time.Millisecond
)

var errNameTaken = errors.New("another process has it (systemctl stop systemd-machined.service)")

// Claim takes the names. The stock daemon must not have them: it is ended if
// instead says that our unit has taken its unit's names. systemd may not be able
// to: it has lost it if ours was still loaded when that was enabled.
func (s *Server) Claim(instead func() bool) error {
	for _, name := range []string{Name, OwnName} {
		err := s.claim(name)
		if errors.Is(err, errNameTaken) && instead() && s.endStock(name) {
			for deadline := time.Now().Add(farewell); errors.Is(err, errNameTaken) && time.Now().Before(deadline); err = s.claim(name) {
				time.Sleep(look)
			}
		}
		if err != nil {
			return fmt.Errorf("own bus name %q: %w", name, err)
		}
	}
	return nil
}

func (s *Server) claim(name string) error {
	r, err := s.conn.RequestName(name)
	if err != nil {
		return err
	}
	if r != dbus.RequestNameReplyPrimaryOwner && r != dbus.RequestNameReplyAlreadyOwner {
		return errNameTaken
	}
	return nil
}

// endStock asks the process that has a name to end if it is the stock daemon.
func (s *Server) endStock(name string) (asked bool) {
	var pid uint32
	err := s.ids.conn.BusObject().Call("org.freedesktop.DBus.GetConnectionUnixProcessID", 0, name).Store(&pid)
	if err != nil {
		return false
	}
	p, err := machine.OpenProcess(int(pid))
	if err != nil {
		return false
	}
	defer p.Close()
	program, err := os.Readlink("/proc/" + strconv.Itoa(p.PID) + "/exe")
	if err != nil || filepath.Base(strings.TrimSuffix(program, " (deleted)")) != stockName {
		return false
	}
	s.log.Info("the stock daemon has our name, it is ended", "name", name, "pid", p.PID)
	return p.Signal(unix.SIGTERM) == nil
}
