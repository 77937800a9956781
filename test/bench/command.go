// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
)

const machinesDir = "/var/lib/machines"

// commandContest runs /bin/true in a tree, from the call to the exit of what
// was called.
func commandContest(_ context.Context, o options) (*contest, error) {
	bus, err := listen()
	if err != nil {
		return nil, err
	}
	tree := filepath.Join(machinesDir, o.image)
	oci, err := newBundle("command", tree, []string{"/bin/true"})
	if err != nil {
		return nil, errors.Join(err, bus.close())
	}
	registered := []announcement{
		{machineNew, []string{o.image}}, {machineRemoved, []string{o.image}},
		// The second is what nspawn of systemd 262 calls its scope.
		{unitRemoved, []string{"machine-" + o.image + ".scope", o.image + ".scope"}},
	}
	call := func(name string, proof []announcement, argv ...string) contender {
		return contender{name, func(ctx context.Context) (sample, error) { return timeCommand(ctx, bus, proof, argv) }}
	}
	return &contest{
		name:    "command",
		warmups: 1,
		figures: commandFigures(),
		contenders: []contender{
			call(ours, registered, "mctl", "run", o.image, "/bin/true"),
			call(nspawn, registered, "systemd-nspawn", "-q", "-U", "-D", tree,
				"--private-network", "--register=yes", "/bin/true"),
			call(crun, []announcement{{unitRemoved, []string{oci.scope()}}}, oci.run()...),
			call(floor, nil, "unshare", "--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--user",
				"--map-root-user", "chroot", tree, "/bin/true"),
		},
		close: func() error { return errors.Join(oci.remove(), bus.close()) },
	}, nil
}

// timeCommand runs a command that must succeed, and waits for the proof that it
// did what it should and that its traces are gone.
func timeCommand(ctx context.Context, bus *signals, proof []announcement, argv []string) (sample, error) {
	bus.forget()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	called := now()
	if err := execute(cmd); err != nil {
		return nil, err
	}
	s := sample{"command": now().since(called)}
	return s, bus.await(ctx, proof...)
}
