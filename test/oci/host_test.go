// SPDX-License-Identifier: Apache-2.0

// Package oci_test runs OCI bundles of real tools, and hostile ones, in a lab, and ours under other runtimes.
package oci_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"machined-go/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// host is a lab with our daemon.
type host struct{ *lab.Lab }

// each runs a test on a host of each suite, at the same time. The tests are not parallel among each other.
func each(t *testing.T, test func(t *testing.T, h *host)) {
	lab.EachSuite(t, func(t *testing.T, suite string) { test(t, up(t, suite)) })
}

func up(t *testing.T, suite string) *host {
	h := &host{lab.Up(t, suite, lab.Ours)}
	install(t)
	h.Once(func() {
		h.put(t, "/srv/oci/", map[string]string{"lib/hook": hookScript})
		dir := rootfs(t)
		archive, err := exec.Command("tar", "-C", filepath.Dir(dir), "-c", "rootfs").Output()
		if err != nil {
			t.Fatal(err)
		}
		h.unpack(t, "/srv/oci/base", archive)
		_, _, _ = h.try(`mctl run --oci-bundle /none`) // what is made once
	})
	return h
}

// install installs the tools on this machine, of which one version will do.
func install(t testing.TB) {
	lab.NeedRoot(t)
	tools.Do(func() {
		if out, err := exec.Command("./deps").CombinedOutput(); err != nil {
			t.Fatalf("install tools: %v\n%s", err, out)
		}
	})
}

var tools sync.Once

const hookScript = `#!/bin/sh
echo "$1 $(cat) $(hostname) $(readlink /proc/self/ns/net) $(readlink /proc/self/ns/pid) $PWD" >>/srv/oci/hooks
shift
eval "$@"
`

// try runs a shell script in the lab.
func (h *host) try(script string, args ...string) (stdout, stderr string, code int) {
	return h.Exec(append([]string{"timeout", "-k", "5", "60", "bash", "-c", script, "bash"}, args...)...)
}

// local runs a shell script on this machine, in a folder of its own, and returns that.
func local(t testing.TB, dir, script string, args ...string) string {
	t.Helper()
	cmd := exec.Command("bash", append([]string{"-euo", "pipefail", "-c", script, "bash"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s %q\n%s", err, script, args, out)
	}
	return string(out)
}

// rootfs makes a root file system on this machine.
func rootfs(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "rootfs")
	local(t, "/", `mkdir -p "$1"/{bin,etc,proc,sys,dev,tmp,root,home/app}; cp "$(command -v busybox)" "$1/bin/busybox"
		for c in $(busybox --list); do [[ $c == busybox ]] || ln -s busybox "$1/bin/$c"; done
		printf 'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' >"$1/etc/passwd"
		chmod 755 "$1"; chown 1000:1000 "$1/home/app"`, dir)
	return dir
}

// copy brings a tree of this machine into the lab, to the same place.
func (h *host) copy(t testing.TB, dir string) {
	t.Helper()
	pack := exec.Command("tar", "-C", "/", "-c", strings.TrimPrefix(dir, "/"))
	archive, err := pack.Output()
	if err != nil {
		t.Fatalf("pack %s: %v", dir, err)
	}
	h.unpack(t, "/", archive)
	t.Cleanup(func() { h.Sh(t, `rm -rf "$1"`, dir) })
}

// put writes files below dir in the lab; all may be executed.
func (h *host) put(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	h.unpack(t, dir, archive.Bytes())
}

func (h *host) unpack(t testing.TB, dir string, archive []byte) {
	t.Helper()
	cmd := h.Command("sh", "-c", `mkdir -p "$0" && tar -x -C "$0"`, dir)
	cmd.Stdin = bytes.NewReader(archive)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("unpack into %s: %v\n%s", dir, err, out)
	}
}

type object = map[string]any
type list = []any

// bundle makes a bundle in the lab, changed from what runc writes. The root is shared, so it is read-only unless changed.
func (h *host) bundle(t testing.TB, name string, change func(config object)) string {
	t.Helper()
	dir := "/srv/oci/" + name
	var config object
	if err := json.Unmarshal([]byte(local(t, "/", `cd "$(mktemp -d)"; runc spec; cat config.json; rm -r "$PWD"`)), &config); err != nil {
		t.Fatal(err)
	}
	process := config["process"].(object)
	process["terminal"] = false
	delete(process["capabilities"].(object), "ambient")
	linux := config["linux"].(object)
	linux["namespaces"] = append(linux["namespaces"].(list), object{"type": "cgroup"})
	config["root"] = object{"path": "/srv/oci/base/rootfs", "readonly": true}
	change(config)
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.Command("sh", "-c", `rm -rf "$0" && mkdir -p "$0" && cat >"$0/config.json"`, dir)
	cmd.Stdin = bytes.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("write bundle %s: %v\n%s", dir, err, out)
	}
	return dir
}

// in gives the object at a path of names in a configuration.
func in(config object, path ...string) object {
	for _, name := range path {
		next, ok := config[name].(object)
		if !ok {
			next = object{}
			config[name] = next
		}
		config = next
	}
	return config
}

// run runs a shell command in a bundle, in which all must go well and nothing be reported.
func (h *host) run(t testing.TB, dir, command string) string {
	t.Helper()
	stdout, stderr, code := h.try(`mctl run --oci-bundle "$1" /bin/sh -c "$2"`, dir, command)
	if code != 0 || stderr != "" {
		t.Errorf("%s in %s: exit status %d\n%s%s", command, dir, code, stdout, stderr)
	}
	return stdout
}

// traces prints what a machine could leave behind.
const traces = `
{ find /run/systemd/machines /run/systemd/nspawn /run/systemd/nspawn-uid /run/machined-go /srv/oci -mindepth 1 -path /srv/oci/base/rootfs -prune -o -mindepth 1 ! -type d ! -name config.json -print 2>/dev/null || true; } | sort
awk '{ print $5 }' /proc/self/mountinfo | sort
{ find /sys/fs/cgroup/machine.slice -mindepth 1 -type d 2>/dev/null || true; } | sort
ls /sys/class/net
systemctl list-units --all --plain --no-legend 'machine-*' | awk '{ print $1 }'
for p in /proc/[0-9]*; do case $(readlink "$p/exe" 2>/dev/null) in */mctl*) echo mctl ;; esac; done
true`

// tracesNow takes stock.
func (h *host) tracesNow(t testing.TB) []string {
	t.Helper()
	return strings.Split(h.Sh(t, traces), "\n")
}

// nothingLeft waits until all is as it was before.
func (h *host) nothingLeft(t testing.TB, before []string) {
	t.Helper()
	lab.NothingLeft(t, before, func() []string { return h.tracesNow(t) })
}
