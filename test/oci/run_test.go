// SPDX-License-Identifier: Apache-2.0

package oci_test

import (
	"cmp"
	"strings"
	"testing"
)

// A running bundle is a machine like any other.
func TestListed(t *testing.T) { each(t, listed) }

func listed(t *testing.T, h *host) {
	before := h.tracesNow(t)
	dir := h.bundle(t, "listed", func(object) {})
	out := h.Sh(t, `mctl run --oci-bundle "$1" --name listed /bin/sh -c 'trap "exit 9" TERM; while :; do sleep 0.1; done' </dev/null >/dev/null 2>&1 & job=$!
		for ((i = 0; i < 100; i++)); do machinectl show listed >/dev/null 2>&1 && break; sleep 0.05; done
		machinectl list --no-legend; machinectl show listed -p Class -p Service -p Unit -p RootDirectory
		machinectl terminate listed; status=0; wait "$job" || status=$?; echo "status $status"`, dir)
	for _, want := range []string{"listed", "container", "Class=container", "Unit=machine-listed.scope", "RootDirectory=/srv/oci/base/rootfs", "status 9"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	h.nothingLeft(t, before)
}

func TestExitStatus(t *testing.T) { each(t, exitStatus) }

func exitStatus(t *testing.T, h *host) {
	dir := h.bundle(t, "status", func(object) {})
	before := h.tracesNow(t)
	for _, tt := range []struct {
		args string
		want int
	}{
		{"/bin/true", 0}, {"/bin/sh -c 'exit 42'", 42}, {"sh -c 'kill -KILL $$; sleep 1'", 0 /* PID 1 does not heed its own SIGKILL */}, {"nosuch", 127}, {"/no/such", 127},
		{"/etc/passwd", 126}, {"/etc", 126},
	} {
		stdout, stderr, code := h.try(`mctl run --oci-bundle "$1" `+tt.args, dir)
		if code != tt.want || tt.want >= 125 && strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit status %d, want %d\n%s%s", tt.args, code, tt.want, stdout, stderr)
		}
	}
	_, stderr, code := h.try(`mctl run --oci-bundle "$1" /bin/sleep 100 & job=$!; sleep 1; kill -TERM $job; kill -TERM $job; wait $job`, dir)
	if code != 137 {
		t.Errorf("two signals: exit status %d, want 137: %s", code, stderr)
	}
	out, stderr, code := h.try(`mctl run --oci-bundle "$1" /bin/sh -c 'trap "echo asked; exit 3" TERM; echo up; while :; do sleep 0.1; done' & job=$!
		sleep 1; kill -TERM $job; wait $job`, dir)
	if code != 3 || out != "up\nasked\n" {
		t.Errorf("a signal: exit status %d, %q %q", code, out, stderr)
	}
	h.nothingLeft(t, before)
}

// Each is seen from inside.
func TestHonoured(t *testing.T) { each(t, honoured) }

func honoured(t *testing.T, h *host) {
	// An overlay cannot be ID-mapped; this folder of a lab is none.
	h.Sh(t, `mkdir -p /var/lib/machines/.oci /srv/oci/idmapped && cp -a /srv/oci/base/rootfs/. /var/lib/machines/.oci && mount --bind /var/lib/machines/.oci /srv/oci/idmapped`)
	t.Cleanup(func() { h.Sh(t, `umount /srv/oci/idmapped; rm -rf /var/lib/machines/.oci /srv/oci/idmapped`) })
	for _, tt := range []struct {
		name          string
		change        func(c object)
		command, want string
	}{
		{"user", func(c object) {
			in(c, "process")["user"] = object{"uid": 1000, "gid": 1000, "additionalGids": list{5, 6}, "umask": 0o27}
			in(c, "process")["cwd"] = "/home/app"
		}, `id -u; id -g; id -G; umask; pwd; echo $HOME; echo x >/dev/stdout`, "1000\n1000\n1000 5 6\n0027\n/home/app\n/home/app\nx\n"},
		{"names", func(c object) {
			c["hostname"], c["domainname"] = "some_host", "example.org"
		}, `hostname; cat /proc/sys/kernel/domainname`, "some_host\nexample.org\n"},
		{"capabilities", func(c object) {
			in(c, "process")["capabilities"] = object{
				"bounding": list{"CAP_KILL", "CAP_CHOWN"}, "permitted": list{"CAP_KILL"}, "effective": list{"CAP_KILL"},
				"inheritable": list{"CAP_KILL"}, "ambient": list{"CAP_KILL"},
			}
			in(c, "process")["user"] = object{"uid": 1000, "gid": 1000}
		}, `grep Cap /proc/self/status | cut -c1-7,20-`, "CapInh:00020\nCapPrm:00020\nCapEff:00020\nCapBnd:00021\nCapAmb:00020\n"},
		{"limits", func(c object) {
			in(c, "process")["rlimits"] = list{object{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 99}}
			in(c, "process")["oomScoreAdj"] = 321
			in(c, "process")["scheduler"] = object{"policy": "SCHED_BATCH"}
		}, `ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj; cut -d' ' -f41 /proc/self/stat`, "77\n99\n321\n3\n"},
		{"users", func(c object) {
			l := in(c, "linux")
			l["namespaces"] = append(l["namespaces"].(list), object{"type": "user"})
			l["uidMappings"] = list{object{"containerID": 0, "hostID": 0, "size": 1000}, object{"containerID": 1000, "hostID": 300000, "size": 10}}
			l["gidMappings"] = l["uidMappings"]
			in(c, "process")["user"] = object{"uid": 1000, "gid": 1000}
		}, `id -u; cat /proc/self/uid_map | tr -s ' '`, "1000\n 0 0 1000\n 1000 300000 10\n"},
		{"users that are ours to choose", func(c object) {
			l := in(c, "linux")
			l["namespaces"] = append(l["namespaces"].(list), object{"type": "user"})
			c["root"] = object{"path": "/srv/oci/idmapped"}
		}, `stat -c %u / /bin /proc /dev; awk '{ print $1, $3, ($2 >= 524288) }' /proc/self/uid_map; echo x >/root/file; stat -c %u /root/file; umount /proc/kcore 2>&1 | wc -l; mount -o remount,rw /proc/sys 2>&1 | wc -l`,
			"0\n0\n65534\n0\n0 65536 1\n0\n1\n1\n"},
		{"mounts", func(c object) {
			c["mounts"] = append(c["mounts"].(list),
				object{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": list{"mode=1700", "size=1m", "nosuid", "ro"}},
				object{"destination": "/tmp/deep/etc", "type": "none", "source": "/etc", "options": list{"rbind", "rro", "noexec"}},
				object{"destination": "/mnt", "source": "lib", "options": list{"bind", "ro"}})
		}, `stat -c %a /tmp; touch /tmp/x 2>&1 | sed 's/.*: //'; touch /tmp/deep/etc/x 2>&1 | sed 's/.*: //'; grep -c ' /tmp/deep/etc .*noexec' /proc/self/mounts; ls /mnt`,
			"1700\nRead-only file system\nRead-only file system\n1\nnote\n"},
		{"masks", func(c object) {
			in(c, "linux")["maskedPaths"] = list{"/proc/keys", "/sys/firmware", "/no/such", "/proc/version"}
			in(c, "linux")["readonlyPaths"] = list{"/proc/sys", "/root"}
			c["root"] = object{"path": "/srv/oci/idmapped"}
		}, `wc -c </proc/version; ls /sys/firmware | wc -l; touch /sys/firmware/x /root/x 2>&1 | grep -c Read-only`, "0\n0\n2\n"},
		{"devices", func(c object) {
			in(c, "linux")["devices"] = list{object{"path": "/dev/my/full", "type": "c", "major": 1, "minor": 7, "fileMode": 0o640, "uid": 7, "gid": 8}}
		}, `stat -c '%a %u %g %t:%T' /dev/my/full; readlink /dev/ptmx; readlink /dev/fd; head -c 3 /dev/zero | wc -c`, "640 7 8 1:7\npts/ptmx\n/proc/self/fd\n3\n"},
		{"sysctl", func(c object) {
			in(c, "linux")["sysctl"] = object{"net.ipv4.ip_forward": "1", "kernel.shmmni": "77"}
		}, `cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni`, "1\n77\n"},
		{"seccomp", func(c object) {
			in(c, "linux")["seccomp"] = object{
				"defaultAction": "SCMP_ACT_ALLOW",
				"syscalls": list{
					object{"names": list{"mkdir", "mkdirat"}, "action": "SCMP_ACT_ERRNO", "errnoRet": 42},
					object{"names": list{"capset", "prctl", "setresuid", "fchdir", "setuid"}, "action": "SCMP_ACT_ERRNO"},
				},
			}
			delete(in(c, "process"), "noNewPrivileges")
		}, `grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status; mkdir /tmp/x 2>&1 | sed 's/.*: //'`, "NoNewPrivs:\t0\nSeccomp:\t2\nNo message of desired type\n"},
		{"personality", func(c object) {
			in(c, "linux")["personality"] = object{"domain": "LINUX32"}
		}, `uname -m`, "i686\n"},
		{"cgroup", func(object) {}, `cat /proc/self/cgroup | grep ^0:; ls /sys/fs/cgroup | grep -c cgroup.procs`, "0::/\n1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := h.bundle(t, "honoured", tt.change)
			h.put(t, dir, map[string]string{"lib/note": ""})
			if got := h.run(t, dir, tt.command); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A clock of its own, or where the kernel cannot, a word about that.
func TestTime(t *testing.T) { each(t, clocks) }

func clocks(t *testing.T, h *host) {
	dir := h.bundle(t, "time", func(c object) {
		l := in(c, "linux")
		l["namespaces"] = append(l["namespaces"].(list), object{"type": "time"})
		l["timeOffsets"] = object{"boottime": object{"secs": 1000000000}}
	})
	if _, _, none := h.try(`test -e /proc/self/ns/time`); none == 0 {
		if out := h.run(t, dir, `cut -c1-4 /proc/uptime`); !strings.HasPrefix(out, "100") {
			t.Errorf("it has run for %q", out)
		}
		return
	}
	_, stderr, code := h.try(`mctl run --oci-bundle "$1" /bin/true`, dir)
	if code != 125 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "this kernel has no time namespaces") {
		t.Errorf("exit status %d, %q", code, stderr)
	}
}

// A container can live in namespaces that are there.
func TestJoined(t *testing.T) { each(t, joined) }

func joined(t *testing.T, h *host) {
	h.Sh(t, `ip netns del blue 2>/dev/null || true; ip netns add blue; ip -n blue link add name bridge7 type bridge`)
	t.Cleanup(func() { h.Sh(t, `ip netns del blue`) })
	dir := h.bundle(t, "joined", func(c object) {
		in(c, "linux")["namespaces"] = list{object{"type": "mount"}, object{"type": "network", "path": "/run/netns/blue"}, object{"type": "cgroup"}}
		delete(c, "hostname")
	})
	out := h.run(t, dir, `ls /sys/class/net /sys/class/net/bridge7 >/dev/null && echo there; hostname; echo $$`)
	if lines := strings.Split(out, "\n"); lines[0] != "there" || lines[1] != strings.TrimSpace(h.Sh(t, "hostname")) || lines[2] == "1" {
		t.Errorf("it said %q", out)
	}
	// Without a PID namespace nothing of it goes by itself.
	before := h.tracesNow(t)
	h.run(t, dir, `setsid sleep 1000 & sleep 0.1`)
	h.nothingLeft(t, before)
	_, stderr, code := h.try(`mctl run --oci-bundle "$1" /bin/true`, h.bundle(t, "wrong", func(c object) {
		in(c, "linux")["namespaces"] = list{object{"type": "mount"}, object{"type": "network", "path": "/proc/self/ns/uts"}}
		delete(c, "hostname")
	}))
	if code != 125 || !strings.Contains(stderr, `join network namespace: "/proc/self/ns/uts" is none`) {
		t.Errorf("a namespace of another kind: exit status %d, %q", code, stderr)
	}
}

// An interface of the host is the container's for as long as that lives, with what it had.
func TestNetDevices(t *testing.T) { each(t, netDevices) }

func netDevices(t *testing.T, h *host) {
	h.Sh(t, `ip link del given0 2>/dev/null || true; ip link add given0 mtu 1400 type veth peer name end0; ip link set end0 up
		ip addr add 192.0.2.1/24 dev given0; ip addr add 2001:db8::1/64 dev given0 nodad; ip link set given0 up; udevadm settle`)
	t.Cleanup(func() { h.Sh(t, `ip link del given0`) })
	before := h.tracesNow(t)
	dir := h.bundle(t, "given", func(c object) {
		c["ociVersion"] = "1.3.0"
		in(c, "linux")["netDevices"] = object{"given0": object{"name": "eth0"}}
	})
	out := h.run(t, dir, `ip addr show eth0; ls /sys/class/net`)
	for _, want := range []string{"192.0.2.1/24", "2001:db8::1/64", "mtu 1400", ",UP", "eth0\nlo\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	h.nothingLeft(t, before)
}

func TestConsole(t *testing.T) { each(t, console) }

func console(t *testing.T, h *host) {
	dir := h.bundle(t, "console", func(c object) {
		in(c, "process")["terminal"] = true
		in(c, "process")["consoleSize"] = object{"height": 33, "width": 44}
		in(c, "process")["user"] = object{"uid": 1000, "gid": 1000}
	})
	out := h.run(t, dir, `tty; stty size; stat -c %u /dev/console; [ -t 0 ] && echo terminal`)
	if out != "/dev/console\r\n33 44\r\n1000\r\nterminal\r\n" {
		t.Errorf("it said %q", out)
	}
}

// hook is a hook that notes what it is told, then runs a command.
func hook(moment string, command ...string) object {
	return object{"path": "/srv/oci/lib/hook", "args": append(list{"hook", moment}, any(strings.Join(command, ";"))), "env": list{"PATH=/bin:/usr/bin"}}
}

func TestHooks(t *testing.T) { each(t, hooks) }

func hooks(t *testing.T, h *host) {
	hooks := func(more object) func(object) {
		return func(c object) {
			all := object{"startContainer": list{object{"path": "/bin/sh", "args": list{"sh", "-c",
				"read state; echo \"$state\" >/tmp/started; grep -E 'CapEff|NoNew' /proc/self/status >>/tmp/started; echo pid $$ >>/tmp/started"}}}}
			for _, moment := range []string{"prestart", "createRuntime", "createContainer", "poststart", "poststop"} {
				all[moment] = list{hook(moment, "grep -qx 50000 /proc/self/timerslack_ns")} // it has the timers of everybody
			}
			for moment, list := range more {
				all[moment] = list
			}
			c["hooks"] = all
			c["annotations"] = object{"a": "b"}
			c["mounts"] = append(c["mounts"].(list), object{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
		}
	}
	before := h.tracesNow(t)
	said := func() []string {
		return strings.Split(strings.TrimSpace(h.Sh(t, `cat /srv/oci/hooks; rm /srv/oci/hooks`)), "\n")
	}
	names := func(lines []string) (list string) {
		for _, line := range lines {
			name, _, _ := strings.Cut(line, " ")
			list += name + " "
		}
		return strings.TrimSpace(list)
	}
	t.Run("moments", func(t *testing.T) {
		out := h.run(t, h.bundle(t, "hooked", hooks(nil)), `cat /tmp/started; sleep 0.5`)
		for _, want := range []string{`"status":"created"`, `"pid":1`, `"annotations":{"a":"b"}`, "CapEff:\t0000000020000420", "NoNewPrivs:\t1", "pid "} {
			if !strings.Contains(out, want) {
				t.Errorf("startContainer: no %q in %q", want, out)
			}
		}
		lines := said()
		if got := names(lines); got != "prestart createRuntime createContainer poststart poststop" {
			t.Fatalf("hooks ran as %q", got)
		}
		net, pid := h.Sh(t, `readlink /proc/self/ns/net | tr -d '\n'`), h.Sh(t, `readlink /proc/self/ns/pid | tr -d '\n'`)
		for i, status := range []string{"creating", "creating", "creating", "running", "stopped"} {
			inside := i == 2
			if line := lines[i]; !strings.Contains(line, `"status":"`+status+`"`) || !strings.Contains(line, `"bundle":"/srv/oci/hooked"`) ||
				strings.Contains(line, net) == inside || strings.Contains(line, pid) == inside || strings.Contains(line, " runc ") != inside {
				t.Errorf("hook %d was told or ran in: %s", i, line)
			}
		}
	})
	for _, tt := range []struct {
		moment, want, ran string
		hooks             list
	}{
		{"prestart", "hooks.prestart[0]: run", "prestart poststop", list{hook("prestart", "echo out of ink", "exit 3")}},
		{"createRuntime", "not done after 1s", "prestart createRuntime poststop", list{func() object {
			o := hook("createRuntime", "sleep 100")
			o["timeout"] = 1
			return o
		}()}},
		{"createContainer", "hooks.createContainer[0]", "prestart createRuntime createContainer poststop", list{hook("createContainer", "exit 1")}},
		{"startContainer", "hooks.startContainer[0]: run \"/bin/nosuch\": no such file", "prestart createRuntime createContainer poststop", list{object{"path": "/bin/nosuch"}}},
		{"poststart", "hooks.poststart[0]", "prestart createRuntime createContainer poststart poststop", list{hook("poststart", "exit 1")}},
	} {
		t.Run(tt.moment+" fails", func(t *testing.T) {
			dir := h.bundle(t, "failing", hooks(object{tt.moment: tt.hooks}))
			_, stderr, code := h.try(`mctl run --oci-bundle "$1" /bin/sleep 100`, dir)
			if code != 125 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit status %d, %q; want %q", code, stderr, tt.want)
			}
			if got := names(said()); got != tt.ran {
				t.Errorf("hooks ran as %q, want %q", got, tt.ran)
			}
		})
	}
	t.Run("poststop fails", func(t *testing.T) {
		dir := h.bundle(t, "failing", hooks(object{"poststop": list{hook("poststop", "echo no", "exit 2"), hook("second")}}))
		_, stderr, code := h.try(`mctl run --oci-bundle "$1" /bin/sh -c 'exit 5'`, dir)
		if code != 5 || !strings.Contains(stderr, "hooks.poststop[0]") || !strings.Contains(stderr, "it said: no") {
			t.Errorf("exit status %d, %q", code, stderr)
		}
		if got := names(said()); !strings.HasSuffix(got, "poststop second") {
			t.Errorf("hooks ran as %q", got)
		}
	})
	h.nothingLeft(t, before)
}

// Whatever is wrong with a bundle is said in one line, and nothing is left.
func TestHostile(t *testing.T) { each(t, hostile) }

func hostile(t *testing.T, h *host) {
	before := h.tracesNow(t)
	for _, tt := range []struct {
		name   string
		change func(c object)
		script string // in the bundle
		want   string
	}{
		{"root is a link out", func(c object) { c["root"] = object{"path": "rootfs"} }, `ln -s /srv/oci/base/rootfs rootfs`, "root.path: \"rootfs\" leads out of the bundle"},
		{"root above", func(c object) { c["root"] = object{"path": "../base/rootfs"} }, ``, "leads out of the bundle"},
		{"root of the host", func(c object) { c["root"] = object{"path": "/"} }, ``, "is the root of this host"},
		{"no root", func(c object) { c["root"] = object{"path": "rootfs"} }, ``, "root.path: open \"rootfs\": no such file"},
		{"huge", func(object) {}, `truncate -s 1G config.json`, "larger than 4 MiB"},
		{"endless", func(object) {}, `rm config.json; ln -s /dev/zero config.json`, "leads out of the bundle"},
		{"fifo", func(object) {}, `rm config.json; mkfifo config.json`, "not a regular file"},
		{"no hook", func(c object) { c["hooks"] = object{"createRuntime": list{object{"path": "/no/such"}}} }, ``, `hooks.createRuntime[0]: run "/no/such": no such file`},
		{"no source", func(c object) {
			c["mounts"] = list{object{"destination": "/x", "source": "/no/such", "options": list{"bind"}}}
		}, ``, `mounts[0].source: open "/no/such"`},
		{"source is a link out", func(c object) {
			c["mounts"] = list{object{"destination": "/x", "source": "l", "options": list{"bind"}}}
		}, `ln -s /etc l`, `mounts[0].source: "l" leads out of the bundle`},
		{"no such file system", func(c object) { c["mounts"] = list{object{"destination": "/tmp", "type": "nosuch"}} }, ``, "mount nosuch on /tmp: mount nosuch: no such device"},
		{"bad option", func(c object) {
			c["mounts"] = list{object{"destination": "/tmp", "type": "tmpfs", "options": list{"nonsense=1"}}}
		}, ``, "mount tmpfs on /tmp nonsense=1: mount tmpfs: invalid argument"},
		{"working directory by what we have open", func(c object) { in(c, "process")["cwd"] = "/proc/self/fd/7" }, ``, "/proc/self/fd/7"},
		{"program by a magic link", func(c object) { in(c, "process")["args"] = list{"/proc/self/exe"} }, ``, `run "/proc/self/exe" in the machine`},
		{"capset with a filter that forbids execve", func(c object) {
			in(c, "linux")["seccomp"] = object{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": list{object{"names": list{"write", "exit_group", "read"}, "action": "SCMP_ACT_ALLOW"}}}
		}, ``, "operation not permitted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := h.bundle(t, "hostile", func(c object) {
				in(c, "process")["args"] = list{"/bin/true"}
				tt.change(c)
			})
			stdout, stderr, code := h.try(`cd "$1"; `+cmp.Or(tt.script, ":")+`; timeout 20 mctl run --oci-bundle "$1"; status=$?; rm -rf "$1"; exit $status`, dir)
			t.Logf("%s", strings.TrimSpace(stderr))
			if code < 125 || code > 127 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit status %d, %q %q; want %q", code, stdout, stderr, tt.want)
			}
		})
	}
	h.nothingLeft(t, before)
}
