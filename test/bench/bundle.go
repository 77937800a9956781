// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// bundle is an OCI bundle whose root is an existing tree.
type bundle struct {
	id, dir string
	byHand  bool // its cgroup is made by the runtime, not by systemd
	root    *idmapped
}

const bundleRange = 0x7ef00000 // above where nspawn and we pick

// newBundle makes a bundle that runs argv in tree, with its own user namespace,
// as ours and nspawn's machines have. Unlike them, runtimes cannot map the tree's
// ids by themselves; the mount that does is made here, so they do not pay for it.
func newBundle(id, tree string, byHand bool, argv ...string) (*bundle, error) {
	dir, err := os.MkdirTemp("/run", "bench-"+id+"-")
	if err != nil {
		return nil, err
	}
	b := &bundle{id: id, dir: dir, byHand: byHand}
	root := filepath.Join(dir, "rootfs")
	if err := os.Mkdir(root, 0o755); err != nil {
		return nil, errors.Join(err, b.remove())
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, errors.Join(err, b.remove())
	}
	if b.root, err = mapIDs(tree, root, bundleRange); err != nil {
		return nil, errors.Join(err, b.remove())
	}
	config, err := json.Marshal(bundleConfig(b.cgroup(), argv))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644)
	}
	if err != nil {
		return nil, errors.Join(err, b.remove())
	}
	return b, nil
}

func (b *bundle) remove() error {
	var err error
	if b.root != nil {
		err = b.root.unmount()
	}
	if err != nil {
		return err // or we would remove the tree
	}
	return os.RemoveAll(b.dir)
}

func (b *bundle) cgroup() string {
	if b.byHand {
		return "/bench/" + b.id
	}
	return "machine.slice:bench:" + b.id
}

func (b *bundle) scope() string   { return "bench-" + b.id + ".scope" }
func (b *bundle) name() string    { return "bench-" + b.id }
func (b *bundle) pidFile() string { return filepath.Join(b.dir, "pid") }

// run is the command with which a runtime runs it in the foreground.
func (b *bundle) run(runtime string) []string {
	argv := []string{runtime}
	if !b.byHand {
		argv = append(argv, "--systemd-cgroup")
	}
	return append(argv, "run", "--bundle", b.dir, b.name())
}

// detach is the command that starts it and returns.
func (b *bundle) detach() []string {
	return []string{"crun", "--systemd-cgroup", "run", "--detach", "--pid-file", b.pidFile(), "--bundle", b.dir, b.name()}
}

type object = map[string]any

func bundleConfig(cgroup string, argv []string) object {
	namespaces := []object{}
	for _, kind := range []string{"pid", "mount", "uts", "ipc", "network", "user", "cgroup"} {
		namespaces = append(namespaces, object{"type": kind})
	}
	ids := []object{{"containerID": 0, "hostID": bundleRange, "size": 65536}}
	all := bundleCapabilities()
	return object{
		"ociVersion": "1.0.2",
		"root":       object{"path": "rootfs"},
		"hostname":   "bench",
		"process": object{
			"args": argv, "cwd": "/", "user": object{"uid": 0, "gid": 0},
			"env":          []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=oci"},
			"capabilities": object{"bounding": all, "effective": all, "permitted": all, "inheritable": all},
		},
		"mounts": bundleMounts(),
		"linux": object{
			"cgroupsPath": cgroup, "namespaces": namespaces, "uidMappings": ids, "gidMappings": ids,
			"maskedPaths":   []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/latency_stats"},
			"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sysrq-trigger"},
		},
	}
}

func bundleMounts() []object {
	at := func(kind, target string, options ...string) object {
		return object{"type": kind, "source": kind, "destination": target, "options": options}
	}
	return []object{
		at("proc", "/proc"),
		at("tmpfs", "/dev", "nosuid", "mode=755", "size=65536k"),
		at("devpts", "/dev/pts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
		at("tmpfs", "/dev/shm", "nosuid", "noexec", "nodev", "mode=1777"),
		at("mqueue", "/dev/mqueue", "nosuid", "noexec", "nodev"),
		at("sysfs", "/sys", "nosuid", "noexec", "nodev", "ro"),
		at("cgroup", "/sys/fs/cgroup", "nosuid", "noexec", "nodev", "rw"),
		at("tmpfs", "/run", "nosuid", "nodev", "mode=755"),
		at("tmpfs", "/tmp", "nosuid", "nodev", "mode=1777"),
	}
}

// bundleCapabilities are those that a machine of nspawn has (systemd-nspawn(1)).
func bundleCapabilities() []string {
	return []string{
		"CAP_AUDIT_CONTROL", "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
		"CAP_FOWNER", "CAP_FSETID", "CAP_IPC_OWNER", "CAP_KILL", "CAP_LEASE", "CAP_LINUX_IMMUTABLE",
		"CAP_MKNOD", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_RAW",
		"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_ADMIN", "CAP_SYS_BOOT",
		"CAP_SYS_CHROOT", "CAP_SYS_NICE", "CAP_SYS_PTRACE", "CAP_SYS_RESOURCE", "CAP_SYS_TTY_CONFIG",
	}
}
