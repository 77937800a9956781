// SPDX-License-Identifier: Apache-2.0

// Package parity_test holds "mctl run" against systemd-nspawn: for each option and each key of a settings file, what a machine sees of
// it is looked at from inside, with both, on the same host. A row is tried on the first systemd that has the option.
package parity_test

import (
	"bytes"
	"strings"
	"testing"

	"machined-go/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// suiteFor is the oldest suite whose systemd has what came with a version.
func suiteFor(since int) string {
	for _, suite := range lab.Suites() {
		if lab.Version(suite) >= since {
			return suite
		}
	}
	return ""
}

// host is a lab that has our daemon, and stock's programs beside ours.
type host struct {
	*lab.Lab
	suite string
}

func up(t *testing.T, suite string) *host {
	h := &host{lab.Up(t, suite, lab.Ours), suite}
	h.Once(func() {
		if out, errs, code := h.bash(commonScript + prepare); code != 0 {
			t.Fatalf("%s: prepare host: exit status %d\n%s%s", h.Name, code, out, errs)
		}
	})
	return h
}

func (h *host) bash(script string) (stdout, stderr string, code int) {
	cmd := h.Command("timeout", "-k", "5", "600", "bash", "-uo", "pipefail", "-s")
	cmd.Stdin = strings.NewReader(script)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the exit status tells
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// prepare makes the small tree: a shell and what rows use, perl for system calls that have no command, and an init that tells
// its arguments.
const prepare = `
set -e
# Where both put what is for a while: overlays cannot be laid over overlays, which the lab's root is one of.
mountpoint -q /var/tmp || mount -t tmpfs -o mode=1777 tmpfs /var/tmp
# Directories that can be ID-mapped, for the same reason.
for dir in /home /var/log/journal; do
	mountpoint -q $dir && continue
	mkdir -p $dir /var/lib/machines/.parity
	cp -a $dir /var/lib/machines/.parity/
	mount --bind /var/lib/machines/.parity/${dir##*/} $dir
done
rm -rf "$small"
mkdir -p "$small"/{usr/{bin,sbin,lib},etc,root,var/lib,tmp,proc,sys,dev,run,mnt,srv,home}
for dir in bin sbin lib lib64; do mkdir -p "$small/usr/$dir"; ln -s "usr/$dir" "$small/$dir"; done
cp /usr/lib/os-release "$small/usr/lib/os-release"
for tool in sh cat ls id stat head tail grep sed sleep echo env printf pwd readlink touch mkdir chown chmod rm cp mv ln perl ip ps \
	hostname uname mountpoint findmnt true false kill getent sort tr cut wc dd sync df; do
	path=$(command -v "$tool" || true)
	[[ $path == /* ]] || path=$(type -P "$tool")
	cp -L "$path" "$small/usr/bin/${path##*/}"
	ldd "$path" 2>/dev/null | grep -o '/[^ ]*'
done | sort -u | while read -r lib; do
	mkdir -p "$small${lib%/*}"
	cp -L "$lib" "$small$lib"
done
for file in Socket.pm auto/Socket/Socket.so Exporter.pm XSLoader.pm strict.pm warnings.pm warnings/register.pm Carp.pm overloading.pm; do
	path=$(find /usr/lib/*/perl-base -path "*/perl-base/$file" 2>/dev/null | head -n 1)
	[[ ! $path ]] || install -D "$path" "$small$path"
done
printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/sh\nguest:x:1000:1000::/home:/bin/sh\n' >"$small/etc/passwd"
printf 'root:x:0:\ndaemon:x:1:\nguest:x:1000:\nextra:x:1001:guest\n' >"$small/etc/group"
printf 'passwd: files\ngroup: files\n' >"$small/etc/nsswitch.conf"
printf '#!/bin/sh\necho "init $$ $*"\n' >"$small/usr/sbin/init"
chmod 755 "$small/usr/sbin/init"
echo the small tree >"$small/etc/marker"
rm -rf "$small.clean"
cp -a "$small" "$small.clean"
looks "$small.clean" >"$small.looks"
`
