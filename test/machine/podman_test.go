// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"os/exec"
	"strings"
	"testing"
)

// podmanImage is an image that podman makes of nothing but a busybox.
const podmanImage = `set -e; mkdir -p /root/image/bin; cp /bin/busybox /root/image/bin/sh; cp /bin/busybox /root/image/bin/; tar -C /root/image -c . | podman import -q - tiny >/dev/null 2>&1
	podman image exists tiny`

// published prints what a container says on a port that podman's own network, a bridge with rules of the firewall, leads to it.
const published = `set -e; podman run --pids-limit=-1 -d --name served -p 8080:80 tiny /bin/busybox nc -ll -p 80 -e /bin/busybox echo published >/dev/null
	for i in {1..50}; do said=$(busybox nc -w 2 127.0.0.1 8080 </dev/null || true); [[ ! $said ]] || break; sleep 0.1; done
	podman rm -ft 0 served >/dev/null
	echo "$said"`

// Podman as Debian has it runs containers in a machine, as soon as that is asked for and not before. That it is told of no limit of processes is
// the lab's, which has no controllers of cgroups.
func TestPodman(t *testing.T) {
	const suite = "bookworm"
	h := up(t, suite)
	out, err := exec.Command("testdata/podman-tree", suite).Output()
	if err != nil {
		t.Fatalf("make a tree with podman: %v", err)
	}
	h.remove(t, "podman")
	t.Cleanup(func() { h.Sh(t, `rm -f /etc/machined-go/machines/podman.toml`) })
	copied := exec.Command("cp", "-a", "--reflink=auto", strings.TrimSpace(string(out)), "/var/lib/machined-go-lab/"+h.Name+"/machines/podman")
	if text, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	settings := func(text string) {
		t.Helper()
		h.end("podman")
		h.Sh(t, `mkdir -p /etc/machined-go/machines; echo "$1" >/etc/machined-go/machines/podman.toml; mctl start podman`, text)
	}
	const run = `podman run --pids-limit=-1 --rm --network=none `

	settings("")
	h.inside(t, "podman", podmanImage)
	if said := h.inside(t, "podman", `! `+run+`tiny /bin/busybox true 2>&1`); !strings.Contains(said, "proc") || !strings.Contains(said, "ermission denied") {
		t.Errorf("without nesting: %s", said)
	}
	for _, users := range []string{"", "users.namespace = \"identity\""} {
		t.Logf("settings: %q", users)
		settings("security.nesting = true\n" + users)
		for options, want := range map[string]string{"tiny /bin/busybox echo ran": "ran", "--privileged tiny /bin/busybox id -u": "0"} {
			if got := strings.TrimSpace(h.inside(t, "podman", run+options)); got != want {
				t.Errorf("%s: podman run %s: %q", users, options, got)
			}
		}
		if got := strings.TrimSpace(h.inside(t, "podman", published)); got != "published" {
			t.Errorf("%s: from the published port: %q", users, got)
		}
		h.inside(t, "podman", `set -e; `+run+`-d --name one tiny /bin/busybox sleep 60 >/dev/null; [[ $(podman exec one /bin/busybox echo in) == in ]]; podman rm -ft 0 one >/dev/null`)
	}
}
