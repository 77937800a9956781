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
	oci, err := newBundle("command", tree, false, "/bin/true")
	if err != nil {
		return nil, errors.Join(err, bus.close())
	}
	registered := []announcement{
		{machineNew, []string{o.image}}, {machineRemoved, []string{o.image}},
		// The second is what nspawn of systemd 262 calls its scope.
		{unitRemoved, []string{"machine-" + o.image + ".scope", o.image + ".scope"}},
	}
	call := func(name string, proof []announcement, argv ...string) contender {
		return contender{name: name, program: argv[0], round: func(ctx context.Context) (sample, error) {
			bus.forget()
			took, err := timeCommand(ctx, argv)
			if err != nil {
				return nil, err
			}
			return sample{"command": took}, bus.await(ctx, proof...)
		}}
	}
	scope := []announcement{{unitRemoved, []string{oci.scope()}}}
	return &contest{
		name:    "command",
		warmups: 1,
		figures: commandFigures(),
		contenders: []contender{
			call(ours, registered, "mctl", "run", o.image, "/bin/true"),
			call(nspawn, registered, "systemd-nspawn", "-q", "-U", "-D", tree,
				"--private-network", "--register=yes", "/bin/true"),
			call(crun, scope, oci.run("crun")...),
			call(runc, scope, oci.run("runc")...),
			call(podman, nil, oci.podman("/bin/true")...),
			call(floor, nil, namespaced(tree, "/bin/true")...),
		},
		close: func() error { return errors.Join(oci.remove(), bus.close()) },
	}, nil
}

// timeCommand runs a command that must succeed, and tells how long it took.
func timeCommand(ctx context.Context, argv []string) (ms float64, err error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	called := now()
	err = execute(cmd)
	return now().since(called), err
}
