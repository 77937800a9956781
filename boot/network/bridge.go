// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// zonePrefix begins the names of bridges of zones.
const zonePrefix = "vz-"

// Join makes the host's end of the machine's pair a port of a bridge. The bridge of a zone is made by the first machine in it and
// removed with the last, be they ours or systemd-nspawn's.
type Join struct {
	Bridge string
	Zone   bool
}

func (j Join) String() string {
	if j.Zone {
		return fmt.Sprintf("join bridge %s, making it if it is missing", j.Bridge)
	}
	return "join bridge " + j.Bridge
}

func (j Join) mark(r *Record) {
	if j.Zone {
		r.Zone = j.Bridge
	}
}

func (j Join) apply(c *Connection) error {
	if !j.Zone {
		return j.join(c)
	}
	return c.host.inZones(func() error {
		err := j.join(c)
		if !isGone(err) {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name = j.Bridge
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("add bridge %q: %w", j.Bridge, err)
		}
		return j.join(c)
	})
}

func (j Join) join(c *Connection) error {
	bridge, err := netlink.LinkByName(j.Bridge)
	if isGone(err) {
		return fmt.Errorf("there is no bridge %q on the host: make it first, or name a zone: %w", j.Bridge, unix.ENODEV)
	}
	if err != nil {
		return fmt.Errorf("look up bridge %q: %w", j.Bridge, err)
	}
	if bridge.Type() != "bridge" {
		return fmt.Errorf("interface %q of the host is not a bridge", j.Bridge)
	}
	if err = netlink.LinkSetMaster(c.pair, bridge); err == nil {
		err = netlink.LinkSetUp(c.pair)
	}
	if err != nil {
		return fmt.Errorf("join bridge %q: %w", j.Bridge, err)
	}
	c.index = bridge.Attrs().Index
	return nil
}

// leaveZone removes the bridge of a zone if it has no ports any more.
func (h Host) leaveZone(name string) error {
	return h.inZones(func() error {
		bridge, err := netlink.LinkByName(name)
		if isGone(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look up bridge %q: %w", name, err)
		}
		links, err := list()
		if err != nil {
			return err
		}
		for _, l := range links {
			if l.Attrs().MasterIndex == bridge.Attrs().Index {
				return nil
			}
		}
		if err := netlink.LinkDel(bridge); err != nil && !isGone(err) {
			return fmt.Errorf("remove bridge %q: %w", name, err)
		}
		return nil
	})
}

// inZones runs f while no other machine, of ours or of nspawn's, joins or leaves a zone.
func (h Host) inZones(f func() error) error {
	lock, err := patiently(h.ZoneLock)
	if err != nil {
		return err
	}
	defer lock.Close()
	defer os.Remove(h.ZoneLock) // while it is held, as nspawn does
	return f()
}

// patiently takes a lock that others only hold for moments.
func patiently(path string) (*os.File, error) {
	const limit, pause = 10 * time.Second, 2 * time.Millisecond
	for deadline := time.Now().Add(limit); ; time.Sleep(pause) {
		lock, err := sys.Lock(path, true)
		if err == nil || !errors.Is(err, sys.ErrLocked) {
			return lock, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("lock %q: held by somebody else for %v", path, limit)
		}
	}
}
