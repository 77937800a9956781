// SPDX-License-Identifier: Apache-2.0

package machine_test

import "testing"

// A volume outlives its machine, the machine's image, and "machinectl clean", and is there for the next.
func TestVolumeStays(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.tiny(t, "keeper", obedient)
		t.Cleanup(func() {
			_, _, _ = h.Try(`rm -rf /var/lib/machined-go/volumes/data /etc/machined-go/machines/keeper.toml; umount /var/lib/machined-go`)
		})
		// The lab's root cannot be ID-mapped: it is an overlay.
		h.Sh(t, `mkdir -p /var/lib/machined-go /etc/machined-go/machines; mount -t tmpfs none /var/lib/machined-go
			printf '[[volume]]\nname = "data"\ntarget = "/srv/data"\n' >/etc/machined-go/machines/keeper.toml`)
		h.Sh(t, `mctl run keeper /bin/sh -c 'echo kept >/srv/data/file; stat -c %u /srv/data/file' | grep -x 0; stat -c '%u %a' /var/lib/machined-go/volumes{,/data} | xargs | grep -x '0 700 0 755'`)
		h.Sh(t, `cp -a /var/lib/machines/keeper /var/lib/machines/again; machinectl remove keeper; machinectl clean`)
		h.remove(t, "again")
		if got := h.Sh(t, `mctl run --volume=data:/mnt:ro again /bin/sh -c 'cat /mnt/file; echo more >/mnt/file || echo sealed' 2>/dev/null`); got != "kept\nsealed\n" {
			t.Errorf("the next machine finds %q", got)
		}
	})
}
