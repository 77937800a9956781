// SPDX-License-Identifier: Apache-2.0

package oci_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inside tells what a machine is like that was turned into a bundle.
const inside = `command = ["/bin/sh", "-c", """
id -u; stat -c %%u /etc/passwd /home/app; hostname; cut -c11- /proc/self/uid_map | tr -s ' '; ulimit -Sn; echo $A; test -d /mnt/bin && echo shown
grep -E 'CapBnd|Seccomp:' /proc/self/status | cut -f2; ls /sys/class/net; mkdir /root/new && echo made
umount /proc/kcore 2>/dev/null; touch /proc/sys/kernel/panic 2>&1 | cut -d: -f3; exit 7"""]
hostname = "www"
environment = { A = "b" }

[limits.rlimit]
nofile = "77:99"

[security]
drop_capabilities = ["CAP_SYS_BOOT"]
deny_system_calls = ["@keyring"]

[network]
veth = true
ports = ["tcp:80"]

[[bind]]
source = "/usr"
target = "/mnt"

[health]
command = ["/bin/true"]
`

// A machine that was turned into a bundle runs under ours and under another runtime.
func TestGenerate(t *testing.T) { each(t, generate) }

func generate(t *testing.T, h *host) {
	before := h.tracesNow(t)
	h.put(t, "/etc/machined-go/machines", map[string]string{"tiny.toml": inside})
	h.Sh(t, `cp -a /srv/oci/base/rootfs /var/lib/machines/tiny`)
	t.Cleanup(func() {
		h.Sh(t, `rm -rf /etc/machined-go/machines/tiny.toml /var/lib/machines/tiny /srv/oci/{made,refers}`)
	})
	stdout, stderr, code := h.try(`mctl generate oci tiny -o /srv/oci/made`)
	if code != 0 || stdout != "/srv/oci/made\n" {
		t.Fatalf("exit status %d, %q %q", code, stdout, stderr)
	}
	for _, key := range []string{"network.veth", "network.ports", "health.command"} {
		if strings.Count(stderr, "mctl: not in the bundle: "+key+": ") != 1 {
			t.Errorf("%s is not told once:\n%s", key, stderr)
		}
	}
	if strings.Count(stderr, "\n") != 3 {
		t.Errorf("what is not in the bundle:\n%s", stderr)
	}
	const want = "0\n0\n1000\nwww\n77\nb\nshown\nlo\nmade\n Read-only file system\n"
	stdout, stderr, code = h.try(`mctl run --oci-bundle /srv/oci/made; status=$?; rmdir /srv/oci/made/rootfs/root/new; exit $status`)
	check := func(who string) {
		t.Helper()
		_, hex, _ := strings.Cut(stdout, "shown\n")
		for line := range strings.Lines(want) {
			if !strings.Contains(stdout, line) {
				t.Errorf("%s: no %q", who, line)
			}
		}
		// CAP_SYS_BOOT, 22, is not there.
		if !strings.HasPrefix(hex, "00000000fdacbfff\n2\n") || code != 7 || stderr != "" {
			t.Errorf("%s: exit status %d, %q %q", who, code, stdout, stderr)
		}
	}
	check("mctl")
	made := fetch(t, h, "/srv/oci/made")
	stdout, stderr, code = run("/usr/sbin/runc", "run", "--bundle", made, filepath.Base(h.Name))
	check("runc")
	elsewise(t, h)
	h.Sh(t, `rm -rf /srv/oci/{made,refers}`)
	h.nothingLeft(t, before)
}

// elsewise refers to the tree instead, or fails and leaves nothing.
func elsewise(t *testing.T, h *host) {
	t.Helper()
	_, stderr, code := h.try(`mctl generate oci --reference /var/lib/machines/tiny -o /srv/oci/refers`)
	if code != 0 || strings.Count(stderr, "mctl: not in the bundle: users.namespace: ") != 1 {
		t.Errorf("--reference: exit status %d, %q", code, stderr)
	}
	out, _, code := h.try(`ls /srv/oci/refers; mctl run --oci-bundle /srv/oci/refers; status=$?; rmdir /var/lib/machines/tiny/root/new; exit $status`)
	if code != 7 || !strings.HasPrefix(out, "config.json\n0\n0\n1000\nwww\n") {
		t.Errorf("--reference: exit status %d, %q", code, out)
	}
	for _, tt := range []struct{ args, want string }{
		{"oci tiny -o /srv/oci/made", "is there and not empty"},
		{"oci nosuch -o /srv/oci/none", `find image "nosuch"`},
		{"oci tiny -o /no/such/folder", "no such file or directory"},
		{"pod tiny", `there is no verb "pod"`},
	} {
		out, errs, code := h.try(`mctl generate ` + tt.args)
		if code == 0 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: exit status %d, %q %q", tt.args, code, out, errs)
		}
	}
	h.Sh(t, `test ! -e /srv/oci/none`)
}

// fetch brings a bundle of the lab to this machine, where root of a container can get at it.
func fetch(t *testing.T, h *host, dir string) string {
	t.Helper()
	to := t.TempDir()
	local(t, to, `chmod 711 . ..`)
	unpack := exec.Command("tar", "-C", to, "-x", "--numeric-owner")
	unpack.Stdin = strings.NewReader(h.Sh(t, `tar -C "$1" -c --numeric-owner .`, dir))
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v\n%s", dir, err, out)
	}
	local(t, to, `chmod 711 .`)
	return to
}

// run runs a program of this machine.
func run(args ...string) (stdout, stderr string, code int) {
	var out, errs strings.Builder
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the exit status tells
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
