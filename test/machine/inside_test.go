// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"machined-go/test/lab"
)

// A first boot, as its machine sees itself.
func TestGuestsView(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.copies(t, "first")
		before := h.calm(t)
		h.start(t, "first")
		for _, c := range []struct {
			name string
			test func(*testing.T, *host)
		}{
			{"identity", identity}, {"environment", guestEnvironment}, {"host directory", hostDirectory},
			{"devices", devices}, {"privileges", privileges}, {"owners", owners}, {"masks", masks}, {"network", network},
		} {
			t.Run(c.name, func(t *testing.T) { c.test(t, h) })
		}
		h.Sh(t, `systemctl -M first is-system-running --wait`)
		if failed := h.Sh(t, `systemctl -M first --failed --no-legend --plain`); failed != "" {
			t.Errorf("failed units:\n%s", failed)
		}
		h.Sh(t, `mctl poweroff first`)
		h.nothingLeft(t, before)
	})
}

func identity(t *testing.T, h *host) {
	if got := h.inside(t, "first", `hostname; systemd-detect-virt`); got != "first\nsystemd-nspawn\n" {
		t.Errorf("host name and virtualization: %q", got)
	}
	id := h.inside(t, "first", `cat /etc/machine-id`)
	for place, other := range map[string]string{
		"the tree":   h.Sh(t, `cat /var/lib/machines/first/etc/machine-id`),
		"machinectl": h.Sh(t, `machinectl show first -p Id --value`),
		"the host":   strings.ReplaceAll(h.inside(t, "first", `cat /run/host/container-uuid`), "-", ""),
	} {
		if other != id || len(id) != 33 {
			t.Errorf("machine id inside is %q, of %s %q", id, place, other)
		}
	}
	const boot = "cat /proc/sys/kernel/random/boot_id"
	if own := h.inside(t, "first", boot); own == h.Sh(t, boot) || len(own) != 37 {
		t.Errorf("boot id %q is the host's or none", own)
	}
}

// guestEnvironment is what the container interface and nspawn give PID 1, and nothing else.
func guestEnvironment(t *testing.T, h *host) {
	want := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"container=systemd-nspawn", "HOME=/root", "USER=root", "LOGNAME=root", "NOTIFY_SOCKET=/run/host/notify",
		"container_uuid=" + strings.TrimSpace(h.inside(t, "first", `cat /run/host/container-uuid`)),
	}
	for line := range strings.Lines(h.Sh(t, `. /etc/os-release
		for field in ID VERSION_ID BUILD_ID VARIANT_ID; do [[ ! ${!field:-} ]] || echo "container_host_${field,,}=${!field}"; done`)) {
		want = append(want, strings.TrimSuffix(line, "\n"))
	}
	got := strings.Split(strings.TrimSuffix(h.inside(t, "first", `tr '\0' '\n' </proc/1/environ`), "\n"), "\n")
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment of PID 1 (-want +got):\n%s", diff)
	}
}

func hostDirectory(t *testing.T, h *host) {
	got := h.inside(t, "first", `
		cat /run/host/container-manager
		cd /run/host; find . -mindepth 1 -printf '%p %y %m %U\n' | sort
		touch made 2>/dev/null || echo read-only`)
	want := `systemd-nspawn
./container-manager f 644 65534
./container-uuid f 644 65534
./inaccessible d 755 0
./inaccessible/blk b 0 65534
./inaccessible/chr c 0 65534
./inaccessible/dir d 0 65534
./inaccessible/fifo p 0 65534
./inaccessible/reg f 0 65534
./inaccessible/sock s 0 65534
./notify s 755 0
./os-release f 644 65534
read-only
`
	if h.inside(t, "first", `cd /run/host; ls -d incoming unix-export 2>/dev/null || true`) != "" {
		got = strings.Join(slices.DeleteFunc(strings.SplitAfter(got, "\n"), func(line string) bool {
			return strings.HasPrefix(line, "./incoming") || strings.HasPrefix(line, "./unix-export")
		}), "")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("/run/host (-want +got):\n%s", diff)
	}
	if got, want := h.inside(t, "first", `cat /run/host/os-release`), h.Sh(t, `cat /etc/os-release`); got != want {
		t.Errorf("/run/host/os-release is %q, the host's %q", got, want)
	}
}

// devices are those of the container interface, with tun and fuse; the guest's systemd adds initctl and log.
func devices(t *testing.T, h *host) {
	got := h.inside(t, "first", `cd /dev; find . -mindepth 1 ! -path './pts/[0-9]*' ! -name initctl ! -name log -printf '%p %y %m %l\n' | sort`)
	want := `./char d 755 
./char/10:200 l 777 ../net/tun
./char/10:229 l 777 ../fuse
./char/1:3 l 777 ../null
./char/1:5 l 777 ../zero
./char/1:7 l 777 ../full
./char/1:8 l 777 ../random
./char/1:9 l 777 ../urandom
./char/5:0 l 777 ../tty
./console c 620 
./core l 777 /proc/kcore
./fd l 777 /proc/self/fd
./full c 666 
./fuse c 666 
./mqueue d 1777 
./net d 755 
./net/tun c 666 
./null c 666 
./ptmx l 777 pts/ptmx
./pts d 755 
./pts/ptmx c 666 
./random c 666 
./shm d 1777 
./stderr l 777 /proc/self/fd/2
./stdin l 777 /proc/self/fd/0
./stdout l 777 /proc/self/fd/1
./tty c 666 
./urandom c 666 
./zero c 666 
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("/dev (-want +got):\n%s", diff)
	}
	h.inside(t, "first", `
		set -e; echo >/dev/null; head -c 1 /dev/zero /dev/random /dev/urandom >/dev/null; if echo >/dev/full; then exit 1; fi
		: <>/dev/fuse; : <>/dev/net/tun
		if mknod /root/disk b 8 0 || mknod /dev/kmsg c 1 11; then exit 1; fi`)
}

func privileges(t *testing.T, h *host) {
	got := h.inside(t, "first", `grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/1/status | tr '\t' ' '; awk '{ print $1, $3 }' /proc/1/{uid,gid}_map`)
	want := `CapInh: 00000000fdecbfff
CapPrm: 00000000fdecbfff
CapEff: 00000000fdecbfff
CapBnd: 00000000fdecbfff
CapAmb: 0000000000000000
NoNewPrivs: 0
Seccomp: 2
0 65536
0 65536
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("privileges (-want +got):\n%s", diff)
	}
}

// owners are the same inside and on disk: nothing was chowned.
func owners(t *testing.T, h *host) {
	const look = `stat -c '%u:%g %a %n' etc etc/shadow bin/su root var/log`
	if got, want := h.inside(t, "first", "cd /; "+look), h.Sh(t, "cd /var/lib/machines/first; "+look); got != want {
		t.Errorf("owners inside:\n%son disk:\n%s", got, want)
	}
	h.inside(t, "first", `touch /root/roots /root/daemons; chown daemon:daemon /root/daemons`)
	if got := h.Sh(t, `cd /var/lib/machines/first/root; stat -c '%u:%g %n' roots daemons`); got != "0:0 roots\n1:1 daemons\n" {
		t.Errorf("owners on disk of what was made inside: %q", got)
	}
}

// masks hide and seal what of /proc and /sys is the host's. Guest root tries to lift each of them.
func masks(t *testing.T, h *host) {
	got := h.inside(t, "first", `
		complain() { echo "$*"; }
		locked() { # PATH
			umount -l "$1" 2>/dev/null && complain "$1 can be unmounted"
			mount -o remount,bind,rw "$1" 2>/dev/null && complain "$1 can be made writable"
			unshare -m umount -l "$1" 2>/dev/null && complain "$1 can be unmounted in a namespace"
			true
		}
		mounted() { awk -v path="$1" '$5 == path { found = 1 } END { exit !found }' /proc/self/mountinfo; }
		read_only() { awk -v path="$1" '$5 == path && $6 ~ /^ro(,|$)/ { found = 1 } END { exit !found }' /proc/self/mountinfo; }
		for name in kallsyms kcore keys kmsg sysrq-trigger timer_list latency_stats sched_debug; do
			path=/proc/$name
			[[ -e $path ]] || continue
			[[ $(stat -c '%F %a %s' "$path") == 'regular empty file 0 0' ]] || complain "$path shows: $(stat -c '%F %a' "$path")"
			[[ ! $(cat "$path" 2>/dev/null) ]] || complain "$path can be read"
			{ echo h >"$path"; } 2>/dev/null && complain "$path can be written"
			locked "$path"
		done
		for name in acpi apm asound bus fs irq scsi sys; do
			path=/proc/$name
			[[ -e $path ]] || continue
			mounted "$path" && read_only "$path" || complain "$path is not read-only"
			locked "$path"
		done
		read_only /proc/sys/kernel/random/boot_id || complain 'boot id is not read-only'
		locked /proc/sys/kernel/random/boot_id
		{ echo 1 >/proc/sys/vm/drop_caches; } 2>/dev/null && complain '/proc/sys is writable'
		{ echo 1 >/proc/sys/net/ipv4/ip_forward; } || complain '/proc/sys/net is not writable'
		for path in /sys /sys/block /sys/bus /sys/class /sys/dev /sys/devices /sys/kernel; do
			read_only "$path" || complain "$path is not read-only"
			locked "$path"
		done
		for path in /proc /dev /dev/console /run/host /run/host/os-release /tmp; do
			mounted "$path" || complain "$path is not mounted"
			umount -l "$path" 2>/dev/null && complain "$path can be unmounted"
		done
		# A second copy would have no masks.
		mount -t proc proc /mnt 2>/dev/null && complain 'a bare /proc can be mounted'
		mount -t sysfs sysfs /mnt 2>/dev/null && complain 'a bare /sys can be mounted'
		[[ $(ls /sys/class/net | sort | paste -sd' ') == 'host0 lo' ]] || complain "interfaces: $(ls /sys/class/net)"
		true`)
	if got != "" {
		t.Errorf("guest root may do more than it should:\n%s", got)
	}
}

// network is served by the host's systemd-networkd.
func network(t *testing.T, h *host) {
	if got := h.inside(t, "first", `ip -o -4 addr show lo | awk '{ print $4 }'`); got != "127.0.0.1/8\n" {
		t.Errorf("loopback: %q", got)
	}
	h.inside(t, "first", `ping -c 1 -W 2 127.0.0.1 >/dev/null`)
	lab.Eventually(t, 20*time.Second, func() error {
		lease := h.inside(t, "first", `ip -o -4 addr show host0 scope global`)
		if !strings.Contains(lease, "inet ") || strings.Contains(lease, "inet 169.254.") {
			return fmt.Errorf("no lease on host0, but %q", lease)
		}
		return nil
	})
	h.Sh(t, `cd /run/systemd/system
		printf '[Socket]\nListenStream=0.0.0.0:7777\nAccept=yes\n' >greeter.socket
		printf '[Service]\nExecStart=/bin/echo hello-from-the-host\nStandardOutput=socket\n' >greeter@.service
		systemctl daemon-reload; systemctl start greeter.socket`)
	defer h.Sh(t, `systemctl stop greeter.socket; rm /run/systemd/system/greeter*; systemctl daemon-reload; systemctl reset-failed 'greeter*' 2>/dev/null || true`)
	got := h.inside(t, "first", `
		gateway=$(ip -o route show default | awk '{ print $3; exit }')
		ping -c 1 -W 2 "$gateway" >/dev/null
		exec 3<>"/dev/tcp/$gateway/7777"; cat <&3`)
	if got != "hello-from-the-host\n" {
		t.Errorf("over TCP from the host: %q", got)
	}
	address := strings.TrimSpace(h.inside(t, "first", `ip -o -4 addr show host0 scope global | awk '{ sub("/.*", "", $4); print $4 }'`))
	h.Sh(t, `ping -c 1 -W 2 "$1" >/dev/null`, address)
	if said := h.Sh(t, `machinectl status first --no-pager`); !strings.Contains(said, address) {
		t.Errorf("%s is not in what machinectl says:\n%s", address, said)
	}
}

func TestNoDescriptorLeaksIn(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		// bash reads its script from 255.
		h.tiny(t, "tiny", "all=; for fd in {0..254}; do if [[ -e /proc/1/fd/$fd ]]; then all+=\"$fd \"; fi; done; echo $all >/root/all; "+obedient)
		h.start(t, "tiny")
		lab.Eventually(t, 5*time.Second, func() error {
			if got := h.Sh(t, `cat /var/lib/machines/tiny/root/all || true`); got != "0 1 2\n" {
				return fmt.Errorf("open files of PID 1: %q", got)
			}
			return nil
		})
		h.Sh(t, `mctl poweroff tiny`)
	})
}

// A person at a terminal logs in, works, and leaves.
func TestLogin(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "deb")
		before := h.calm(t)
		for _, command := range []string{"mctl", "machinectl"} {
			t.Run(command, func(t *testing.T) {
				term := h.onTerminal(t, command, "login", "deb")
				term.await("login: ")
				term.typed("root\r")
				term.await("assword: ")
				term.typed("root\r")
				term.await("# ")
				term.typed("echo on-$(hostname)-$((6 * 7))\r")
				term.await("on-deb-42")
				term.await("# ")
				term.typed("\x1d\x1d\x1d")
				if code := term.ends(); code != 0 {
					t.Errorf("exit status %d", code)
				}
			})
			lab.Eventually(t, 10*time.Second, func() error {
				if diff := cmp.Diff(before["daemon"], h.look(t)["daemon"]); diff != "" {
					return errors.New("left in the daemon (-before +after):\n" + diff)
				}
				return nil
			})
		}
		h.Sh(t, `mctl poweroff deb`)
	})
}

func TestShell(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "deb")
		for _, command := range []string{"mctl", "machinectl"} {
			t.Run(command, func(t *testing.T) {
				term := h.onTerminal(t, command, "shell", "deb")
				term.await("# ")
				term.typed("echo on-$(hostname)-$((6 * 7))\r")
				term.await("on-deb-42")
				term.typed("exit\r")
				if code := term.ends(); code != 0 {
					t.Errorf("exit status %d", code)
				}
			})
		}
		if got := h.Sh(t, `mctl shell deb /bin/sh -c 'echo "$1"; exit 0' sh word </dev/null`); !strings.Contains(got, "word") {
			t.Errorf("mctl shell deb /bin/sh: %q", got)
		}
		h.Sh(t, `mctl poweroff deb`)
	})
}
