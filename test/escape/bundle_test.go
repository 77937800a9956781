// SPDX-License-Identifier: Apache-2.0

package escape_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// config is an OCI configuration as container engines make it: with few capabilities, and without a user namespace unless there is one in the
// list, which is what the published escapes are about.
type config map[string]any

const (
	newUsers = "user"
	firstID  = 0x6f000000
	bundle   = "/var/lib/machines/bundle"
)

func masked() []string {
	return []string{"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
		"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/proc/kallsyms", "/sys/kernel/mm"}
}

func readonly() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"}
}

func newConfig(spaces []string, args ...string) config {
	capabilities := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
		"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"}
	var namespaces []map[string]any
	for _, kind := range spaces {
		kind, path, _ := strings.Cut(kind, "=")
		n := map[string]any{"type": kind}
		if path != "" {
			n["path"] = path
		}
		namespaces = append(namespaces, n)
	}
	linux := map[string]any{
		"namespaces": namespaces, "maskedPaths": masked(), "readonlyPaths": readonly(),
		"resources": map[string]any{"devices": []map[string]any{{"allow": false, "access": "rwm"}}},
	}
	if slices.Contains(spaces, newUsers) {
		ids := []map[string]any{{"containerID": 0, "hostID": firstID, "size": 65536}}
		linux["uidMappings"], linux["gidMappings"] = ids, ids
	}
	sets := map[string]any{}
	for _, set := range []string{"bounding", "effective", "permitted"} {
		sets[set] = capabilities
	}
	return config{
		"ociVersion": "1.0.2",
		"process": map[string]any{"user": map[string]any{"uid": 0, "gid": 0}, "args": args, "cwd": "/", "env": []string{"PATH=/usr/bin"},
			"capabilities": sets, "noNewPrivileges": true},
		"root": map[string]any{"path": "rootfs"},
		"mounts": []map[string]any{
			{"destination": "/proc", "type": "proc", "source": "proc"},
			{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": []string{"nosuid", "noexec", "nodev", "ro"}},
			{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "mode=755"}},
		},
		"linux": linux,
	}
}

func spaces(more ...string) []string {
	return append([]string{"pid", "mount", "ipc", "uts", "network"}, more...)
}

// own gives the tree to the container's root.
func own(spaces []string) string {
	if !slices.Contains(spaces, newUsers) {
		return ""
	}
	return fmt.Sprintf("find . -not -name attacker -exec chown -h %d:%[1]d {} +", firstID)
}

// at gives a part of a configuration.
func (c config) at(name string) map[string]any { return c[name].(map[string]any) }

// bundle makes a bundle, of which there may be several, with the attacker's image, and what a script does to that.
func (h *host) bundle(t *testing.T, name string, c config, change string) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	h.feed(t, text, image+fmt.Sprintf(`mkdir -p %[1]s-%[2]s; cat >%[1]s-%[2]s/config.json; cd %[1]s-%[2]s; image bundle-%[2]s/rootfs; cd rootfs; %[3]s`, bundle, name, change))
	t.Cleanup(func() { h.Sh(t, `rm -rf --one-file-system `+bundle+`-"$1"`, name) })
}

// runBundle gives what the attacker says in the container of such a bundle; that it does not start is as good.
func (h *host) runBundle(t *testing.T, c config, change string) (out string) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.Command("timeout", "-k", "5", commandLimit, "bash", "-euo", "pipefail", "-c", image+linksScript+`
		dir=/var/lib/machines/bundle; mkdir -p $dir; cd $dir; cat >config.json; image bundle/rootfs; cd rootfs; `+change+`
		before=$(look); code=0; timeout 20 mctl run --oci-bundle=$dir </dev/null || code=$?
		[[ $(look) == "$before" ]] || { printf 'broken\tthe host has changed: %s\n' "$(diff <(echo "$before") <(look))"; }
		rm -rf --one-file-system $dir; exit $code`)
	var said, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &said, &errs
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 0 && code < 125 || code == 124 {
		t.Errorf("exit status %d\n%s%s", code, &said, &errs)
	}
	for line := range strings.Lines(said.String()) {
		if strings.HasPrefix(line, wordBroken) {
			t.Error(line)
		}
	}
	show(t, said.String()+errs.String())
	return said.String()
}

// The masks of containers are as tight, with a user namespace and with the few rights that an engine gives without one; also if the tree has
// something else for /dev/null (CVE-2025-31133), /dev/console (CVE-2025-52565) or the masked paths themselves.
func TestBundleMasks(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.Sh(t, linksScript+`secret=$1; canary`, secret)
		for name, kinds := range map[string][]string{"shared-users": spaces(), "own-users": spaces(newUsers)} {
			t.Run(name, func(t *testing.T) {
				judge(t, h.runBundle(t, newConfig(kinds, "/usr/bin/attacker", "paths"), own(kinds)))
			})
			for _, to := range []string{"/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "../../../../../../srv/canary/file"} {
				t.Run(name+" "+to, func(t *testing.T) {
					c := newConfig(kinds, "/usr/bin/attacker", "paths")
					c["mounts"] = c["mounts"].([]map[string]any)[:2] // /dev is the tree's
					c.at("process")["terminal"] = true
					h.runBundle(t, c, fmt.Sprintf(`for f in null console zero ptmx pts; do ln -sfn %s dev/$f; done; `, to)+own(kinds))
				})
			}
		}
	})
}

// attackPaths is attackMasks on what engines mask.
func attackPaths(r *record, _ []string) {
	for _, dir := range []string{"/tmp/a", "/tmp/b"} {
		_ = os.MkdirAll(dir, 0o755)
	}
	for _, path := range masked() {
		liftMask(r, path, unmasked)
	}
	for _, path := range readonly() {
		liftMask(r, path, writable)
	}
	for _, name := range []string{"core_pattern", "hostname", "modprobe", "randomize_va_space"} {
		if opens("/proc/sys/kernel/" + name) {
			r.broken("%s can be written", name)
		}
	}
}

// unmasked says whether the kernel's own files show.
func unmasked(path string, most int) error {
	var kind unix.Statfs_t
	if unix.Statfs(path, &kind) == nil && kind.Type == unix.SYSFS_MAGIC {
		return fmt.Errorf("it is the kernel's own")
	}
	return unhidden(path, most)
}

// A working directory that leads to a descriptor does not lead out (CVE-2024-21626).
func TestBundleDirectory(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		for _, cwd := range []string{"/proc/self/fd/5", "/proc/self/fd/8", "/proc/self/cwd", "/home/link", "/proc/self/fd/7/../../.."} {
			c := newConfig(spaces(), "/usr/bin/attacker", "outside")
			c.at("process")["cwd"] = cwd
			h.runBundle(t, c, `ln -sfn /proc/self/fd/7 home/link`)
		}
		judge(t, h.runBundle(t, newConfig(spaces(), "/usr/bin/attacker", "descriptors"), ""))
	})
}

// What is set through /proc is not led to other files by what a container has on /proc, or has others put there (CVE-2019-19921,
// CVE-2023-27561, CVE-2025-52881).
func TestBundleProcRedirected(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.Sh(t, linksScript+`secret=$1; canary`, secret)
		fake := `mkdir -p ../fake/{self/attr,thread-self/attr,1/attr,sys/net/ipv4,sys/kernel}; for f in self/attr/exec thread-self/attr/exec 1/attr/exec self/oom_score_adj 1/oom_score_adj \
			thread-self/timens_offsets self/uid_map 1/uid_map sys/net/ipv4/ip_forward sys/kernel/domainname; do ln -sfn /srv/canary/file ../fake/$f; done; rmdir proc; cp -a ../fake proc; `
		started := 0
		for name, proc := range map[string]map[string]any{
			"bound": {"destination": "/proc", "type": "bind", "source": "fake", "options": []string{"bind", "rw", "shared"}},
			"tmpfs": {"destination": "/proc", "type": "tmpfs", "source": "tmpfs"},
			"none":  nil,
			"link":  {"destination": "/proc", "type": "proc", "source": "proc"},
		} {
			t.Run(name, func(t *testing.T) {
				c := newConfig(spaces("cgroup"), "/usr/bin/attacker", "search")
				c["mounts"] = c["mounts"].([]map[string]any)[1:]
				if proc != nil {
					c["mounts"] = append([]map[string]any{proc}, c["mounts"].([]map[string]any)...)
				}
				c.at("linux")["sysctl"] = map[string]string{"net.ipv4.ip_forward": "1", "kernel.domainname": "evil"}
				c.at("process")["oomScoreAdj"] = 77
				c.at("linux")["maskedPaths"] = append(masked(), "/proc/self/oom_score_adj", "/proc/sys/kernel/domainname")
				change := fake
				if name == "link" {
					change += `rm -rf proc; ln -s /srv/canary/proc proc`
				}
				if strings.Contains(h.runBundle(t, c, change), wordDone) {
					started++
				}
			})
		}
		if started == 0 {
			t.Error("no container started")
		}
	})
}

// Of two containers that share a PID namespace, one runs the program of the host that its leader was, by a script whose interpreter is
// /proc/self/exe, and the other waits for it, holds it, and would write it when nobody runs it any more (CVE-2019-5736).
func TestBundleOverwritesNoProgram(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.bundle(t, "wait", newConfig(spaces(), "/usr/bin/attacker", "lie-in-wait"), "")
		leader := strings.TrimSpace(h.Sh(t, `mctl run --oci-bundle=`+bundle+`-wait </dev/null >/tmp/waited 2>&1 & echo $! >/tmp/waiter
			for ((i = 0; i < 200; i++)); do machinectl show -p Leader --value bundle-wait 2>/dev/null && exit; sleep 0.02; done; cat /tmp/waited >&2; exit 1`))
		c := newConfig([]string{"mount", "ipc", "uts", "network", "pid=/proc/" + leader + "/ns/pid"}, "/usr/bin/evil")
		h.bundle(t, "evil", c, `printf '#!/proc/self/exe\n' >usr/bin/evil; chmod 755 usr/bin/evil`)
		h.Sh(t, `sum=$(sha256sum /usr/bin/mctl); for i in {1..10}; do timeout 10 mctl run --oci-bundle=`+bundle+`-evil </dev/null >/dev/null 2>&1 || true; done
			[[ $(sha256sum /usr/bin/mctl) == "$sum" ]]; for ((i = 0; i < 500; i++)); do [[ -d /proc/$(cat /tmp/waiter) ]] || break; sleep 0.02; done`)
		judge(t, h.Sh(t, `cat /tmp/waited`))
	})
}

// lieInWait looks for a process that runs a program of the host.
func lieInWait(r *record, _ []string) {
	looks, seen := 0, map[string]bool{}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && len(seen) < 3; looks++ {
		dirs, _ := filepath.Glob("/proc/[0-9]*")
		for _, dir := range dirs {
			exe, err := os.Readlink(dir + "/exe")
			if err != nil || strings.HasSuffix(exe, "/attacker") || seen[exe+dir] {
				continue
			}
			seen[exe+dir] = true // the number is not taken again so soon
			r.note("%s is %s", dir, exe)
			overwrite(r, dir+"/exe")
		}
	}
	r.held("%d looks, %d others", looks, len(seen))
	if len(seen) == 0 {
		r.broken("nobody came")
	}
}
