// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"machined-go/boot"
	"machined-go/boot/settings"
)

// liveSetting is a group of settings that can be changed in a running machine.
type liveSetting struct {
	key   string // a setting, or a section of them
	apply func(ctx context.Context, a *app, name string, spec boot.Spec) error
}

// liveSettings are all of them. What is in none takes effect at the next start.
func liveSettings() []liveSetting { return nil }

// makeLive changes a running machine to what was written, as far as that goes, and tells what takes effect when.
func (a *app) makeLive(ctx context.Context, name string, draft *settings.Draft, changes []settings.Change) error {
	if !a.runs(ctx, name) {
		return nil
	}
	spec := boot.Spec{Name: name, Root: rootOf(name)}
	if err := draft.Then.Apply(&spec); err != nil {
		return err
	}
	done := map[string]bool{}
	for _, c := range changes {
		live := liveFor(c.Name())
		if live == nil {
			fmt.Fprintf(a.out, "%s: %s takes effect at the next start of the machine\n", name, c.Name())
			continue
		}
		if done[live.key] {
			continue
		}
		done[live.key] = true
		if err := live.apply(ctx, a, name, spec); err != nil {
			return fmt.Errorf("change %s of running machine %q (it is written, and takes effect at its next start): %w", c.Name(), name, err)
		}
	}
	return nil
}

// liveFor finds how a setting is changed in a running machine, if it can be.
func liveFor(key string) *liveSetting {
	for _, l := range liveSettings() {
		if key == l.key || strings.HasPrefix(key, l.key+".") {
			return &l
		}
	}
	return nil
}

// runs tells whether a machine runs; without a manager to ask, none does.
func (a *app) runs(ctx context.Context, name string) bool {
	machines, err := a.client()
	if err != nil {
		return false
	}
	_, err = machines.Machine(ctx, name)
	return err == nil
}

// ourService is how the manager knows machines that we started.
const ourService = "machined-go"
