// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// hostInside makes machine "outer", a copy of "deb" with the project installed and, in it, the images "inner", a system, and "small".
func (h *host) hostInside(t *testing.T) {
	t.Helper()
	h.tiny(t, "small", obedient)
	h.remove(t, "outer")
	h.copies(t, "outer")
	t.Cleanup(func() {
		h.end("outer")
		h.Sh(t, `rm -rf /var/lib/machines/{outer,small} /etc/machined-go/machines/outer.toml`)
	})
	h.Sh(t, `cd /usr
		find bin lib/systemd share/dbus-1 lib/dbus-1 \( -name mctl -o -name 'machined-go*' -o -name 'contain@*' -o -name 'machines.target*' \
			-o -name 'org.machinedgo*' -o -name 'org.freedesktop.machine1*' \) -prune -exec cp -a --parents -t /var/lib/machines/outer/usr {} +
		systemctl -q --root=/var/lib/machines/outer enable machined-go.service
		cd /var/lib/machines; mkdir -p outer/var/lib/machines
		cp -a deb outer/var/lib/machines/inner; cp -a small outer/var/lib/machines/; : >outer/var/lib/machines/inner/etc/machine-id`)
}

// With security.nesting, and with nothing else, a machine runs machines as its host does.
func TestNesting(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.hostInside(t)
		settings := func(text string) {
			t.Helper()
			h.end("outer")
			h.Sh(t, `mkdir -p /etc/machined-go/machines; printf '%s\n' "$1" >/etc/machined-go/machines/outer.toml; mctl start outer`, text)
		}

		settings("")
		const refused = `! mctl run small /bin/bash -c true 2>&1`
		if said := h.inside(t, "outer", refused); !strings.Contains(said, "operation not permitted") {
			t.Errorf("a machine in one that is not for it: %s", said)
		}

		settings("security.nesting = true")
		if got := h.inside(t, "outer", `mctl run small /bin/cat /proc/self/uid_map; mctl run small /bin/bash -c 'exit 7' || echo $?`); !nested(got) || !strings.HasSuffix(got, "7\n") {
			t.Errorf("a command in a machine of a machine: %s", got)
		}
		h.inside(t, "outer", `set -e; mctl start inner; [[ $(systemctl -M inner is-system-running --wait) == running ]]; [[ $(mctl list) == *inner*running* ]]`)
		h.inside(t, "outer", `set -e; mctl set inner tasks=123; [[ $(systemctl show -P TasksMax machine-inner.scope) == 123 ]]
			mctl reboot inner; systemd-run -M inner -q --wait --pipe cat /proc/1/status >/dev/null; mctl poweroff inner`)
		h.nothingGained(t)

		// Without ids to give away, machines have those of their host.
		settings("security.nesting = true\nusers.namespace = \"identity\"")
		h.Sh(t, `cp -a /var/lib/machines/small /var/lib/machines/outer/var/lib/machines/other`)
		if got := h.inside(t, "outer", `mctl run other /bin/cat /proc/self/uid_map`); strings.Join(strings.Fields(got), " ") != "0 0 65536" {
			t.Errorf("ids of a machine in one that has none to spare: %s", got)
		}
	})
}

// nested tells whether a map of ids begins with a range of those for containers.
func nested(uidMap string) bool {
	words := strings.Fields(uidMap)
	if len(words) < 3 {
		return false
	}
	base, err := strconv.Atoi(words[1])
	return err == nil && words[0] == "0" && words[2] == "65536" && base >= 0x80000
}

// nothingGained tries what root inside could do with proc and sysfs without masks.
func (h *host) nothingGained(t *testing.T) {
	t.Helper()
	h.inside(t, "outer", `! ls /run/host/nesting && ! cat /run/host/nesting/proc/version && ! umount /run/host/nesting/proc`)
	for _, name := range []string{
		"proc/sysrq-trigger", "proc/sys/kernel/core_pattern", "proc/sys/kernel/modprobe", "proc/sys/vm/overcommit_memory", "proc/irq/default_smp_affinity",
		"sys/kernel/mm/ksm/run", "sys/power/state", "sys/kernel/uevent_helper", "sys/module/printk/parameters/time",
	} {
		h.inside(t, "outer", fresh(fmt.Sprintf(`! { : >/mnt/%s; }`, name)))
	}
	for _, name := range []string{"kcore", "kmsg", "timer_list", "sysrq-trigger"} {
		h.inside(t, "outer", fresh(fmt.Sprintf(`! cat /mnt/proc/%s`, name)))
	}
	for _, part := range []string{"/proc/sys/kernel/ostype", "/proc/kallsyms", "/sys/kernel/uevent_seqnum"} {
		h.inside(t, "outer", fresh("grep -q . /mnt"+part)) // they are without masks indeed
	}
}

// fresh runs a command with a proc and a sysfs of its own in /mnt.
func fresh(command string) string {
	return `set -e; mkdir -p /mnt/{proc,sys}; unshare --mount --pid --fork --net bash -ec 'mount -t proc proc /mnt/proc; mount -t sysfs sysfs /mnt/sys; ` + command + `'`
}
