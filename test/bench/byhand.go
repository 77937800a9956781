// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// byHandContest runs /bin/true where no systemd is to be seen, so that each
// makes the cgroup itself.
func byHandContest(_ context.Context, o options) (*contest, error) {
	tree := filepath.Join(machinesDir, o.image)
	oci, err := newBundle("byhand", tree, true, "/bin/true")
	if err != nil {
		return nil, err
	}
	config, err := oci.lxcConfig()
	if err == nil {
		err = unix.Mount("none", systemdSeen, "tmpfs", 0, "")
	}
	if err != nil {
		return nil, errors.Join(err, oci.remove())
	}
	call := func(name string, argv ...string) contender {
		return contender{name: name, program: argv[0], round: func(ctx context.Context) (sample, error) {
			took, err := timeCommand(ctx, argv)
			return sample{"byhand": took}, err
		}}
	}
	return &contest{
		name:    "byhand",
		warmups: 1,
		figures: byHandFigures(),
		contenders: []contender{
			call(ours, "mctl", "run", "--network=none", "-D", tree, "/bin/true"),
			call(crunAlone, oci.run("crun")...),
			call(runcAlone, oci.run("runc")...),
			call(lxc, "lxc-execute", "-n", oci.name(), "-f", config, "--", "/bin/true"),
			call(floor, namespaced(tree, "/bin/true")...),
		},
		close: func() error { return errors.Join(unix.Unmount(systemdSeen, 0), oci.remove()) },
	}, nil
}

// systemdSeen is what tells that systemd is PID 1 (sd_booted(3)).
const systemdSeen = "/run/systemd"

// namespaced is the least that can be called a machine.
func namespaced(tree string, argv ...string) []string {
	return slices.Concat([]string{
		"unshare", "--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--user", "--map-root-user", "chroot", tree,
	}, argv)
}

// lxcConfig writes what lxc-execute needs to run the bundle's tree, and gives
// the file's name.
func (b *bundle) lxcConfig() (string, error) {
	path := filepath.Join(b.dir, "lxc")
	return path, os.WriteFile(path, fmt.Appendf(nil, `lxc.rootfs.path = dir:%[1]s
lxc.idmap = u 0 %[2]d 65536
lxc.idmap = g 0 %[2]d 65536
lxc.net.0.type = empty
lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed
lxc.autodev = 1
lxc.uts.name = bench
`, filepath.Join(b.dir, "rootfs"), bundleRange), 0o644)
}

// podman is the command with which podman runs argv in the bundle's tree.
func (b *bundle) podman(argv ...string) []string {
	ids := fmt.Sprintf("0:%d:65536", bundleRange)
	return slices.Concat([]string{
		"podman", "--storage-driver=vfs", "--cgroup-manager=systemd", "--runtime=crun", "run", "--rm", "--network=none", "--log-driver=none", "--pids-limit=-1",
		"--uidmap=" + ids, "--gidmap=" + ids, "--rootfs", filepath.Join(b.dir, "rootfs"),
	}, argv)
}
