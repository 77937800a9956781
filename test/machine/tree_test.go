// SPDX-License-Identifier: Apache-2.0

package machine_test

import "testing"

// obedient is an init that ends when it is asked to, and does nothing else.
const obedient = "trap 'exit 0' RTMIN+3; sleep 3600 & wait"

// tiny makes a tree with a shell and little else, whose init is the given
// script, and removes it when the test ends.
func (h *host) tiny(t testing.TB, name, init string) {
	t.Helper()
	h.remove(t, name)
	h.Sh(t, `
		tree=/var/lib/machines/$1
		rm -rf "$tree"
		mkdir -p "$tree"/{usr/{bin,sbin,lib,lib64},etc,proc,sys,dev,run,tmp,root,var}
		for d in bin sbin lib lib64; do ln -s "usr/$d" "$tree/$d"; done
		for program in bash cat sleep stat; do
			path=$(type -P "$program")
			cp -L "$path" "$tree/usr/bin"
			for library in $(ldd "$path" | grep -o '/[^ ]*'); do
				mkdir -p "$tree${library%/*}"
				cp -L "$library" "$tree$library"
			done
		done
		ln -s bash "$tree/bin/sh"
		cp /usr/lib/os-release "$tree/usr/lib"
		printf '#!/bin/sh\n%s\n' "$2" >"$tree/sbin/init"
		chmod +x "$tree/sbin/init"`, name, init)
}

// copies makes further trees like "deb".
func (h *host) copies(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		h.remove(t, name)
		h.Sh(t, `cp -a --reflink=auto /var/lib/machines/deb "/var/lib/machines/$1"; : >"/var/lib/machines/$1/etc/machine-id"`, name)
	}
}

// remove ends machines and removes their trees when the test ends.
func (h *host) remove(t testing.TB, name string) {
	t.Cleanup(func() {
		h.end(name)
		_, _, _ = h.Try(`rm -rf --one-file-system "/var/lib/machines/$1"`, name)
	})
}
