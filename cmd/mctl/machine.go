// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"machined-go/machine/client"
	"machined-go/machine/client/cgroup"
)

// machineRow is all that list knows of one machine or image. Its tags are the
// names programs see.
type machineRow struct {
	Name       string     `json:"name"`
	Class      string     `json:"class"`
	State      string     `json:"state"`
	Privileged bool       `json:"privileged"`
	OS         string     `json:"os,omitempty"`
	Version    string     `json:"version,omitempty"`
	Since      *time.Time `json:"since,omitempty"`
	Addresses  []string   `json:"addresses"`
	Interfaces []int32    `json:"-"`
	Unit       string     `json:"unit,omitempty"`
	Service    string     `json:"service,omitempty"`
	Leader     uint32     `json:"leader,omitempty"`
	UIDShift   *uint32    `json:"uid_shift,omitempty"`
	ID         string     `json:"machine_id,omitempty"`
	Root       string     `json:"root,omitempty"`
	ImageType  string     `json:"image_type,omitempty"`
}

// States that mctl tells beyond those of machine1.
const (
	stateRunning  = "running"
	statePaused   = "paused"
	stateStarting = "starting"
	stateStopping = "stopping"
	stateStopped  = "stopped"
	stateFailed   = "failed"
)

// readMachine asks for everything about a running machine. What an old manager
// or the kind of machine does not offer stays empty; nil if it has just gone.
func (a *app) readMachine(ctx context.Context, machines *client.Client, name string) (*machineRow, error) {
	m, err := machines.Machine(ctx, name)
	if errors.Is(err, client.ErrNoSuchMachine) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	row := &machineRow{
		Name: m.Name, Class: m.Class, State: stateOf(m.State), Unit: m.Unit, Service: m.Service,
		Leader: m.Leader, ID: hex.EncodeToString(m.ID), Root: m.RootDirectory, Addresses: []string{}, Interfaces: m.NetworkInterfaces,
	}
	if mount, err := a.groups(); err == nil && row.State == stateRunning && cgroup.Frozen(mount, m.Leader, m.Unit) {
		row.State = statePaused
	}
	if !m.Since.IsZero() {
		row.Since = &m.Since
	}
	if release, err := machines.OSRelease(ctx, name); err == nil {
		row.OS, row.Version = release["ID"], cmp.Or(release["VERSION_ID"], release["VERSION_CODENAME"])
	}
	if list, err := machines.Addresses(ctx, name); err == nil {
		for _, address := range list {
			row.Addresses = append(row.Addresses, address.String())
		}
	}
	if shift, err := machines.UIDShift(ctx, name); err == nil {
		row.UIDShift = &shift
		row.Privileged = shift == 0 && m.Class == "container"
	}
	return row, nil
}

func stateOf(state string) string {
	switch state {
	case "opening":
		return stateStarting
	case "closing":
		return stateStopping
	}
	return state
}

func (r *machineRow) colour() colour {
	switch r.State {
	case stateRunning:
		return green
	case stateStarting, stateStopping, statePaused:
		return yellow
	case stateFailed:
		return red
	}
	return dim
}

// class marks the machines whose root is the host's.
func (r *machineRow) class() cell {
	if r.Privileged {
		return cell{r.Class + " (privileged)", yellow}
	}
	return cell{r.Class, plain}
}

// uids is the range of host user ids, as nspawn makes it: 65536 wide.
func (r *machineRow) uids() string {
	switch {
	case r.UIDShift == nil:
		return ""
	case *r.UIDShift == 0:
		return "host's"
	}
	return fmt.Sprintf("%d+65536", *r.UIDShift)
}

// firstAddress shortens the addresses to what a narrow table has room for.
func (r *machineRow) firstAddress() string {
	switch len(r.Addresses) {
	case 0:
		return ""
	case 1:
		return r.Addresses[0]
	}
	return fmt.Sprintf("%s (+%d)", r.Addresses[0], len(r.Addresses)-1)
}

func (r *machineRow) uptime(now time.Time) string {
	if r.Since == nil {
		return ""
	}
	return span(now.Sub(*r.Since))
}

// span writes a duration with its two largest units.
func span(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	units := []struct {
		letter string
		length time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}}
	for i, unit := range units {
		n := d / unit.length
		if n == 0 && i < len(units)-1 {
			continue
		}
		text := fmt.Sprintf("%d%s", n, unit.letter)
		if i+1 < len(units) {
			if rest := d % unit.length / units[i+1].length; rest > 0 {
				text += fmt.Sprintf(" %d%s", rest, units[i+1].letter)
			}
		}
		return text
	}
	return ""
}

// hidden names are not shown unless asked for: ".host", and what is on its way
// in or out of the image folder.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }
