// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"machined-go/boot"
	"machined-go/boot/settings/nspawn"
)

// registry is who keeps the list of machines, as far as --register= wants the machine on it.
func (o *runOptions) registry(p *partners) (boot.Registry, error) {
	if o.register == "" || o.register == "auto" {
		return p, nil
	}
	yes, err := nspawn.ParseBool(o.register)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--register=%s is none of yes, no, auto", o.register)
	case yes:
		return p, nil
	}
	return nobody{}, nil
}

// nobody keeps no list.
type nobody struct{}

// Register implements boot.Registry.
func (nobody) Register(context.Context, boot.Registration) error { return nil }

// Unregister implements boot.Registry.
func (nobody) Unregister(context.Context, string) error { return nil }
