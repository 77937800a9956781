// SPDX-License-Identifier: Apache-2.0

// Package network connects a machine's network namespace to the host.
//
// Names and hardware addresses are systemd-nspawn's (src/nspawn/nspawn-network.c), so that the .network files systemd ships serve
// our machines as they serve its own.
package network

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"
)

// Wish is how somebody wants a machine to be connected.
type Wish struct {
	Machine    string
	HostID     [16]byte // machine id of the host
	Private    bool     // a network namespace that is not the host's
	Path       string   // that of a network namespace to join
	Veth       bool
	MAC        string // of the machine's end of the pair
	VethExtra  []string
	Bridge     string
	Zone       string
	Interfaces []string
	MACVLAN    []string
	IPVLAN     []string
	Ports      []string
}

// Plan is what a wish means. The zero Plan is the network of the host.
type Plan struct {
	Machine string
	Own     bool   // a namespace of the machine's own
	Path    string // of the one it joins
	Ops     []Op
}

// Op is one step in connecting a machine. Its String is one line for a person.
type Op interface {
	fmt.Stringer
	// apply carries it out; what has to be undone is marked before.
	apply(c *Connection) error
	// mark says in the record what there is to undo.
	mark(r *Record)
}

// NewPlan decides what a wish means, or says what is wrong with it.
func NewPlan(w Wish) (Plan, error) {
	p := Plan{Machine: w.Machine, Own: w.Private && w.Path == "", Path: w.Path}
	if err := w.combines(); err != nil || !p.Own {
		return p, err
	}
	for _, part := range []func(Wish) ([]Op, error){moves, pairs, vlans, forwards} {
		ops, err := part(w)
		if err != nil {
			return p, err
		}
		p.Ops = append(p.Ops, ops...)
	}
	return p, p.checkNames()
}

// combines tells which parts of a wish exclude one another.
func (w Wish) combines() error {
	links := w.Veth || w.MAC != "" || w.Bridge != "" || w.Zone != "" ||
		len(w.VethExtra)+len(w.Interfaces)+len(w.MACVLAN)+len(w.IPVLAN)+len(w.Ports) > 0
	switch {
	case !w.Private && (links || w.Path != ""):
		return errors.New("a machine without a private network has the host's, and can have nothing of its own: drop private = false or the rest")
	case w.Path != "" && links:
		return errors.New("namespace_path cannot be combined with other network settings")
	case w.Path != "" && (!path.IsAbs(w.Path) || strings.ContainsRune(w.Path, 0)):
		return fmt.Errorf("network namespace %q is not an absolute path", w.Path)
	case w.Bridge != "" && w.Zone != "":
		return errors.New("bridge and zone cannot be combined: the pair's end belongs to one of them")
	case !w.Veth && (w.Bridge != "" || w.Zone != "" || w.MAC != ""):
		return errors.New("bridge, zone and mac are about the virtual Ethernet pair: drop veth = false")
	}
	return nil
}

func moves(w Wish) (ops []Op, err error) {
	for _, text := range w.Interfaces {
		p, err := parsePair(text, "")
		if err != nil {
			return nil, fmt.Errorf("interfaces: %w", err)
		}
		// An alternative name stays one: the interface keeps its own.
		if len(p.inside) > maxName {
			p.inside = ""
		}
		ops = append(ops, Move{Host: p.host, Inside: p.inside})
	}
	return ops, nil
}

func pairs(w Wish) (ops []Op, err error) {
	if w.Veth {
		prefix := "ve-"
		if w.Bridge != "" || w.Zone != "" {
			prefix = "vb-"
		}
		v := Veth{
			Inside: GuestName, Machine: w.Machine,
			HostMAC: hardwareAddr(hostKey, w.HostID, w.Machine, 0), InsideMAC: hardwareAddr(guestKey, w.HostID, w.Machine, 0),
		}
		v.Host, v.Alternative = shorten(prefix + w.Machine)
		if w.MAC != "" {
			if v.InsideMAC, err = net.ParseMAC(w.MAC); err != nil || len(v.InsideMAC) != 6 || v.InsideMAC[0]&1 != 0 || bytes.Count(v.InsideMAC, []byte{0}) == 6 {
				return nil, fmt.Errorf("mac %q is not a hardware address of one interface, such as 02:00:00:00:00:01", w.MAC)
			}
		}
		ops = append(ops, v)
	}
	switch {
	case w.Bridge != "":
		if err := checkName(w.Bridge); err != nil {
			return nil, fmt.Errorf("bridge: %w", err)
		}
		ops = append(ops, Join{Bridge: w.Bridge})
	case w.Zone != "":
		bridge := zonePrefix + w.Zone
		if err := checkNew(bridge); err != nil {
			return nil, fmt.Errorf("zone %q: %w", w.Zone, err)
		}
		ops = append(ops, Join{Bridge: bridge, Zone: true})
	}
	for i, text := range w.VethExtra {
		p, err := parsePair(text, "")
		if err == nil {
			err = checkNew(p.host)
		}
		if err != nil {
			return nil, fmt.Errorf("veth_extra: %w", err)
		}
		ops = append(ops, Veth{
			Host: p.host, Inside: p.inside,
			HostMAC: hardwareAddr(extraHostKey, w.HostID, w.Machine, i), InsideMAC: hardwareAddr(extraGuestKey, w.HostID, w.Machine, i),
		})
	}
	return ops, nil
}

func vlans(w Wish) (ops []Op, err error) {
	for i, text := range w.MACVLAN {
		p, err := parsePair(text, "mv-")
		if err != nil {
			return nil, fmt.Errorf("macvlan: %w", err)
		}
		v := VLAN{Kind: "macvlan", Parent: p.host, MAC: hardwareAddr(macvlanKey, w.HostID, w.Machine, i)}
		v.Name, v.Alternative = shorten(p.inside)
		ops = append(ops, v)
	}
	for _, text := range w.IPVLAN {
		p, err := parsePair(text, "iv-")
		if err != nil {
			return nil, fmt.Errorf("ipvlan: %w", err)
		}
		v := VLAN{Kind: "ipvlan", Parent: p.host}
		v.Name, v.Alternative = shorten(p.inside)
		ops = append(ops, v)
	}
	return ops, nil
}

func forwards(w Wish) (ops []Op, err error) {
	var seen []Port
	for _, text := range w.Ports {
		p, err := parsePort(text)
		if err != nil {
			return nil, fmt.Errorf("ports: %w", err)
		}
		if slices.ContainsFunc(seen, func(q Port) bool { return q.Protocol == p.Protocol && q.Host == p.Host }) {
			return nil, fmt.Errorf("ports: %s of the host is there twice", p)
		}
		seen = append(seen, p)
		ops = append(ops, Forward{p})
	}
	return ops, nil
}

// checkNames makes sure that no two interfaces get the same name.
func (p Plan) checkNames() error {
	inside, host := map[string]bool{"lo": true}, map[string]bool{}
	for _, op := range p.Ops {
		var onHost, within string
		switch op := op.(type) {
		case Move:
			within = op.Inside
		case Veth:
			onHost, within = op.Host, op.Inside
		case VLAN:
			within = op.Name
		}
		if within != "" && inside[within] {
			return fmt.Errorf("interface %q would be there twice in the machine: give one another name", within)
		}
		if onHost != "" && host[onHost] {
			return fmt.Errorf("interface %q would be there twice on the host: give one another name", onHost)
		}
		inside[within], host[onHost] = true, true
	}
	return nil
}

// Lines lists the plan for a person.
func (p Plan) Lines() []string {
	var lines []string
	switch {
	case p.Path != "":
		lines = append(lines, "join network namespace "+p.Path)
	case !p.Own:
		lines = append(lines, "share the network of the host")
	}
	for _, op := range p.Ops {
		lines = append(lines, op.String())
	}
	return lines
}
