// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"strings"
	"testing"
)

// Where PID 1 is not systemd, a directory is enough for a machine: it has a cgroup of its own, and that is all that is different.
func TestWithoutSystemd(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.tiny(t, "tiny", "")
		h.Sh(t, `rm -f /var/lib/machines/tiny/node; mknod -m 666 /var/lib/machines/tiny/node c 1 3`)
		before := h.calm(t)
		// No daemon, bus or systemd to talk to, as far as the commands see.
		without := func(command string) (string, string, int) {
			return h.Try(`unshare --mount --propagation private bash -euc 'mount -t tmpfs none /run/systemd; mount -t tmpfs none /run/dbus; cd /var/lib/machines; '"$1"`, command)
		}
		out, errs, code := without(`mctl run --directory tiny /bin/sh -c "echo \$\$; cat /proc/self/timerslack_ns; cat <>/node || echo no device; exit 7" & sleep .2; wait $!`)
		if code != 7 || out != "1\n50000\nno device\n" {
			t.Errorf("exit status %d, stdout %q, stderr %q", code, out, errs)
		}
		oneLine(t, strings.SplitAfter(errs, "\n")[0], "mctl: ", "systemd is not PID 1", "not registered")
		out, errs, code = without(`
			mctl run --register=no --directory tiny /bin/sh -c "cat /proc/self/cgroup; sleep 60" >inside & until [[ -s inside ]]; do sleep .05; done
			cat inside; rm inside; find /sys/fs/cgroup -path "*/machined-go/*.scope"; pkill -KILL -x sleep; wait $! || echo $?; find /sys/fs/cgroup -name machined-go`)
		if code != 0 || errs != "" || !strings.Contains(out, "0::/\n/sys/fs/cgroup") || !strings.HasSuffix(out, "/machined-go/machine-tiny.scope\n137\n") {
			t.Errorf("exit status %d, stdout %q, stderr %q", code, out, errs)
		}
		_, errs, code = without(`mctl run --directory tiny --property MemoryMax=1G --register=no /bin/sh -c :`)
		if code != 125 {
			t.Errorf("with a limit: exit status %d", code)
		}
		oneLine(t, errs, "MemoryMax", "needs systemd as PID 1")
		_, errs, code = without(`mctl run --directory tiny --private-users=no --register=no /bin/sh -c :`)
		if code != 125 {
			t.Errorf("as the host's root: exit status %d", code)
		}
		oneLine(t, errs, "without a user namespace it could open all devices")
		h.nothingLeft(t, before)
	})
}
