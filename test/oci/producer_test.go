// SPDX-License-Identifier: Apache-2.0

package oci_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// producers make a bundle in the working directory, of the root file system $1, and print its folder.
var producers = []struct{ name, script string }{
	{"runc", `mkdir bundle; cd bundle; runc spec; cp -a "$1" rootfs; pwd`},
	{"crun", `mkdir bundle; cd bundle; crun spec; cp -a "$1" rootfs; pwd`},
	{"umoci", `umoci init --layout image; umoci new --image image:tag; tar -C "$1" -cf layer.tar .
		umoci raw add-layer --image image:tag layer.tar
		umoci config --image image:tag --config.cmd /bin/sh --config.env FROM=umoci --config.workingdir /root
		umoci unpack --image image:tag bundle >&2; echo "$PWD/bundle"`},
	{"buildah", `store=(--root "$PWD/store" --runroot "$PWD/run" --storage-driver vfs)
		c=$(buildah "${store[@]}" from scratch)
		cp -a "$1/." "$(buildah "${store[@]}" mount "$c")"
		buildah "${store[@]}" config --cmd /bin/sh --env FROM=buildah --workingdir /root "$c"
		buildah "${store[@]}" commit -q --format oci "$c" oci:image:tag >&2
		buildah "${store[@]}" umount "$c" >&2; buildah "${store[@]}" rm "$c" >&2
		umoci unpack --image image:tag bundle >&2; rm -rf store run; echo "$PWD/bundle"`},
	{"skopeo", `umoci init --layout image; umoci new --image image:tag; tar -C "$1" -cf layer.tar .
		umoci raw add-layer --image image:tag layer.tar
		umoci config --image image:tag --config.cmd /bin/sh --config.env FROM=skopeo --config.workingdir /root
		skopeo --insecure-policy copy -q oci:image:tag oci-archive:image.tar:tag
		skopeo --insecure-policy copy -q oci-archive:image.tar oci:again:tag
		umoci unpack --image again:tag bundle >&2; rm -r image image.tar; echo "$PWD/bundle"`},
	// Podman writes the bundle when it hands it to its runtime, which may well fail here.
	{"podman", `store=(--root "$PWD/store" --runroot "$PWD/run" --storage-driver vfs --cgroup-manager cgroupfs)
		tar -C "$1" -c . | podman "${store[@]}" import -q - local/image >&2
		id=$(podman "${store[@]}" create --network none --env FROM=podman --workdir /root --ulimit nofile=1000:1000 local/image /bin/sh)
		podman "${store[@]}" mount "$id" >&2
		podman "${store[@]}" init "$id" >&2 || true
		echo "$PWD/store/vfs-containers/$id/userdata"`},
}

// What the tools make runs as it is.
func TestProducers(t *testing.T) {
	install(t)
	root := rootfs(t)
	made := map[string]product{}
	for _, p := range producers {
		made[p.name] = produce(t, p.script, root)
	}
	each(t, func(t *testing.T, h *host) { products(t, h, made) })
}

// product is a bundle, and the folder that all of it is in.
type product struct{ work, dir string }

func produce(t *testing.T, script, root string) product {
	t.Helper()
	work := t.TempDir()
	lines := strings.Split(strings.TrimSpace(local(t, work, script, root)), "\n")
	dir := lines[len(lines)-1]
	if !filepath.IsAbs(dir) {
		t.Fatalf("no bundle: %q", lines)
	}
	return product{work, dir}
}

func products(t *testing.T, h *host, made map[string]product) {
	for _, p := range producers {
		t.Run(p.name, func(t *testing.T) {
			dir := made[p.name].dir
			h.copy(t, made[p.name].work)
			before := h.tracesNow(t)
			stdout, stderr, code := h.try(`mctl run --oci-bundle "$1" --name "of-$2" /bin/sh -c \
				'echo "I am $(id -u) in $PWD of $FROM with $(grep -c . /proc/self/mounts) mounts"; cat /proc/kcore | wc -c; echo x >/proc/sys/kernel/panic; exit 7' </dev/null`,
				dir, p.name)
			t.Logf("stderr: %s", stderr)
			if code != 7 {
				t.Errorf("exit status %d, want 7", code)
			}
			if !strings.Contains(stdout, "I am 0 in /") || p.name != "runc" && p.name != "crun" && !strings.Contains(stdout, "in /root of "+p.name) {
				t.Errorf("it said %q", stdout)
			}
			if !strings.Contains(stdout+stderr, "Read-only file system") {
				t.Errorf("/proc/sys can be written: %q %q", stdout, stderr)
			}
			for line := range strings.Lines(stderr) {
				if !strings.HasPrefix(line, "mctl: config.json: ") && !strings.Contains(line, "/proc/") {
					t.Errorf("unexpected: %q", line)
				}
			}
			h.nothingLeft(t, before)
		})
	}
}
