// SPDX-License-Identifier: Apache-2.0

package oci_test

import (
	"strings"
	"testing"
)

// Every version of the specification that there is runs, and nothing is said about it.
func TestVersions(t *testing.T) { each(t, versions) }

func versions(t *testing.T, h *host) {
	for _, version := range []string{"1.0.0", "1.0.1", "1.0.2-dev", "1.0.2", "1.1.0", "1.2.0", "1.2.1", "1.3.0"} {
		dir := h.bundle(t, "version", func(c object) { c["ociVersion"] = version })
		if got := h.run(t, dir, "echo it runs"); got != "it runs\n" {
			t.Errorf("%s: it said %q", version, got)
		}
	}
	for version, want := range map[string]string{
		"1.4.0": `ociVersion: "1.4.0" is too new`, "2.0.0": `ociVersion: "2.0.0" is not supported`, "1.0.0-rc6": "ociVersion: ", "0.5.0": "ociVersion: ",
	} {
		dir := h.bundle(t, "version", func(c object) { c["ociVersion"] = version })
		stdout, stderr, code := h.try(`mctl run --oci-bundle "$1" /bin/echo no`, dir)
		if code != 125 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit status %d, %q %q; want %q", version, code, stdout, stderr, want)
		}
	}
}

// What cannot be honoured and does no harm is reported, each field by its path and once, and the rest runs.
func TestReported(t *testing.T) { each(t, reported) }

func reported(t *testing.T, h *host) {
	dir := h.bundle(t, "reported", func(c object) {
		c["flavour"] = "vanilla"
		c["windows"] = object{"layerFolders": list{"x"}}
		process, linux := in(c, "process"), in(c, "linux")
		process["commandLine"] = "x"
		in(c, "process", "capabilities")["inheritable"] = list{"CAP_KILL", "CAP_FLY"}
		linux["intelRdt"] = object{"closID": "x"}
		in(c, "linux", "resources")["rdma"] = object{"mlx5_1": object{"hcaHandles": 3}}
		in(c, "linux", "resources")["unified"] = object{"hugetlb.1GB.max": "1"}
		in(c, "linux", "resources", "memory")["swappiness"] = 3
		linux["cgroupsPath"] = "/a/b"
		c["mounts"] = append(c["mounts"].(list),
			object{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": list{"tmpcopyup"}, "colour": "red"})
	})
	stdout, stderr, code := h.try(`mctl run --oci-bundle "$1" /bin/echo it runs`, dir)
	if code != 0 || stdout != "it runs\n" {
		t.Errorf("exit status %d: %q", code, stdout)
	}
	for _, path := range []string{
		"flavour: unknown field", "windows: ", "process.commandLine: ", "process.capabilities.inheritable[1]: ", "linux.intelRdt: not supported",
		"linux.resources.rdma: ", "linux.resources.unified.hugetlb.1GB.max: ", "linux.resources.memory.swappiness: ", "linux.cgroupsPath: ",
		"mounts[7].options: tmpcopyup", "mounts[7].colour: unknown field",
	} {
		if strings.Count(stderr, "mctl: config.json: "+path) != 1 {
			t.Errorf("not said once: %q", path)
		}
	}
	if n := strings.Count(stderr, "\n"); t.Failed() || n != 11 {
		t.Errorf("%d lines:\n%s", n, stderr)
	}
}

// What must not be ignored is refused, before anything of the bundle has run.
func TestRefused(t *testing.T) { each(t, refused) }

func refused(t *testing.T, h *host) {
	for _, tt := range []struct {
		want   string
		change func(c object)
	}{
		{"linux.seccomp.defaultAction: ", func(c object) { in(c, "linux")["seccomp"] = object{"defaultAction": "SCMP_ACT_NOTIFY"} }},
		{"linux.seccomp.listenerPath: ", func(c object) {
			in(c, "linux")["seccomp"] = object{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/x"}
		}},
		{"process.apparmorProfile: ", func(c object) { in(c, "process")["apparmorProfile"] = "docker-default" }},
		{"process.selinuxLabel: ", func(c object) { in(c, "process")["selinuxLabel"] = "system_u:system_r:container_t:s0" }},
		{"linux.namespaces: ", func(c object) { in(c, "linux")["namespaces"] = list{object{"type": "pid"}} }},
		{"linux.sysctl.kernel.panic: ", func(c object) { in(c, "linux")["sysctl"] = object{"kernel.panic": "1"} }},
		{"linux.resources.devices[1]: ", func(c object) {
			in(c, "linux", "resources")["devices"] = list{object{"allow": true, "access": "rwm"}, object{"allow": false, "type": "c", "major": 1, "minor": 3, "access": "w"}}
		}},
		{"linux.uidMappings: ", func(c object) { in(c, "linux")["uidMappings"] = list{object{"containerID": 0, "hostID": 1, "size": 1}} }},
		{"process: ", func(c object) { delete(c, "process") }},
		{"process.cwd: ", func(c object) { in(c, "process")["cwd"] = "srv" }},
	} {
		dir := h.bundle(t, "refused", func(c object) {
			c["hooks"] = object{"prestart": list{hook("prestart")}, "poststop": list{hook("poststop")}}
			tt.change(c)
		})
		stdout, stderr, code := h.try(`mctl run --oci-bundle "$1"`, dir)
		if code != 125 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "config.json: "+tt.want) {
			t.Errorf("exit status %d, %q %q; want %q", code, stdout, stderr, tt.want)
		}
	}
	if _, _, code := h.try(`test -e /srv/oci/hooks`); code == 0 {
		t.Error("hooks ran")
	}
}
