// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"machined-go/boot"
	"machined-go/boot/settings/nspawn"
)

// starter is what starts a machine here: with systemd, or by hand where PID 1 is not systemd.
func (a *app) starter(o *runOptions) (s boot.Starter, err error) {
	s.Warn = func(err error) { a.report(err) }
	if boot.UnderSystemd() {
		p := newPartners(a)
		s.Units, s.Receive = o.units(p), p.receive
		s.Registry, err = o.registry(p)
		return s, err
	}
	go boot.Hasten()
	s.Units = boot.ByHand{}
	if s.Registry, err = o.registry(nobody{}); err == nil && o.register != "no" {
		fmt.Fprintln(a.err, "mctl: systemd is not PID 1 of this host: the machine is not registered and has no limits")
	}
	return s, err
}

// registry is who keeps the list of machines, as far as --register= wants the machine on it.
func (o *runOptions) registry(keeper boot.Registry) (boot.Registry, error) {
	if o.register == "" || o.register == "auto" {
		return keeper, nil
	}
	yes, err := nspawn.ParseBool(o.register)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--register=%s is none of yes, no, auto", o.register)
	case yes:
		return keeper, nil
	}
	return nobody{}, nil
}

// units is who makes room for the machine's processes.
func (o *runOptions) units(p *partners) boot.Units {
	if o.keepUnit {
		return boot.KeepUnit{}
	}
	return p
}

// nobody keeps no list.
type nobody struct{}

// Register implements boot.Registry.
func (nobody) Register(context.Context, boot.Registration) error { return nil }

// Unregister implements boot.Registry.
func (nobody) Unregister(context.Context, string) error { return nil }
