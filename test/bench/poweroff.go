// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// poweroff stops the unit, which asks the guest to power off. What comes after
// the end of the guest's PID 1 is the manager's share; before it there is only a
// signal.
func (u unit) poweroff(ctx context.Context, s sample) error {
	g, err := registeredGuest(u.machine)
	if err != nil {
		return errors.Join(err, systemctl(context.WithoutCancel(ctx), "stop", u.name))
	}
	defer g.close()
	called := now()
	stopped := make(chan error, 1)
	var off moment
	go func() {
		err := systemctl(context.WithoutCancel(ctx), "stop", u.name)
		off = now()
		stopped <- err
	}()
	ended, err := g.awaitEnd(ctx)
	if err := errors.Join(err, <-stopped, u.endedWell()); err != nil {
		return err
	}
	s["poweroff"] = off.since(ended)
	s["off"] = off.since(called)
	return nil
}

func (u unit) endedWell() error {
	text, err := exec.Command("systemctl", "show", "--property=ActiveState,Result", u.name).Output()
	if err != nil {
		return err
	}
	p := properties(text)
	if p["ActiveState"] != "inactive" || p["Result"] != "success" {
		return fmt.Errorf("%s is %s, result %s", u.name, p["ActiveState"], p["Result"])
	}
	return nil
}
