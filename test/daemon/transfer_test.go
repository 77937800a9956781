// SPDX-License-Identifier: Apache-2.0

package daemon_test

import (
	"testing"
)

// up starts the machine that these tests are about.
const up = `systemctl start contain@deb
	inside() { systemd-run -M deb -q --pipe --wait sh -euc "$1" </dev/null; }
	own() { busctl call org.machinedgo /org/machinedgo org.machinedgo.Manager1 "$@"; }
`

// Files of the host are seen in a machine with users of its own, with their
// owners, and nothing that is done in there reaches the host.
func TestBindIntoMachine(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		t.Cleanup(func() { h.try(`systemctl stop contain@deb; rm -rf /var/lib/machines/.data`) })
		h.sh(t, up+`
			mkdir -p /var/lib/machines/.data/sub; echo hi >/var/lib/machines/.data/f; chown 1000:1000 /var/lib/machines/.data/sub
			before=$(wc -l </proc/1/mountinfo)
			machinectl bind --mkdir deb /var/lib/machines/.data /mnt/a/b
			inside '[ "$(stat -c %u:%g /mnt/a/b /mnt/a/b/sub /mnt/a | tr "\n" " ")" = "0:0 1000:1000 0:0 " ]; touch /mnt/a/b/new; mount -t tmpfs none /mnt/a/b'
			machinectl bind deb /var/lib/machines/.data /mnt/a/b
			[[ $(stat -c %u /var/lib/machines/.data/new) == 0 ]]
			[[ $(wc -l </proc/1/mountinfo) == "$before" ]]
			machinectl bind --mkdir --read-only deb /var/lib/machines/.data/f /mnt/file
			inside 'grep -qx hi /mnt/file; if echo x 2>/dev/null >/mnt/file; then exit 1; fi; ! mount -o remount,bind,rw /mnt/file'
			for i in 1 2 3; do own Unbind ss deb /mnt/a/b; done
			own Unbind ss deb /mnt/file
			if own Unbind ss deb /mnt/a/b || own Unbind ss deb /proc/sys; then exit 1; fi
			inside '! findmnt /mnt/a/b'`)
	})
}

// While guest root swaps the destination for links to elsewhere, bind and copy
// end up in the machine or nowhere.
func TestBindAndCopyRaced(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		t.Cleanup(func() { h.try(`systemctl stop contain@deb; rm -rf /var/lib/machines/.data /tmp/d`) })
		h.sh(t, up+`
			mkdir -p /var/lib/machines/.data /tmp/d; echo theirs >/var/lib/machines/.data/mark; echo ours >/tmp/d/mark
			systemd-run -M deb -q --unit=racer bash -c 'cd /mnt; mkdir -p r/d; while :; do mv r x; ln -s /../../../../tmp r; rm r; mv x r; done'
			pid=$(daemon); files=$(ls /proc/$pid/fd | wc -l); mounts=$(wc -l </proc/1/mountinfo)
			for i in {1..100}; do
				call BindMountMachine sssbb deb /var/lib/machines/.data /mnt/r/d false true &>/dev/null || true
				call CopyToMachineWithFlags ssst deb /var/lib/machines/.data /mnt/r/d 1 &>/dev/null || true
			done
			[[ $(cat /tmp/d/mark) == ours ]] || { echo "the copy went out of the machine"; exit 1; }
			now=$(wc -l </proc/1/mountinfo)
			((now < mounts + 20)) || { echo "$mounts mounts, then $now"; exit 1; }
			now=$(ls /proc/$(daemon)/fd | wc -l)
			((now < files + 20)) || { echo "$files open files, then $now"; exit 1; }
			[[ $(daemon) == "$pid" ]]`)
	})
}

// Images are copied, renamed, marked and removed, but not while in use.
func TestChangeImages(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		t.Cleanup(func() { h.try(`systemctl stop contain@deb; rm -rf /var/lib/machines/copy /var/lib/machines/again`) })
		h.sh(t, up+`
			if machinectl remove deb || machinectl rename deb other; then exit 1; fi
			machinectl clone deb copy
			list() { cd "/var/lib/machines/$1/usr"; find . -type d -printf '%p %m %U %G\n' -o -printf '%p %y %m %U %G %n %s %T@ %l\n' | sort; }
			diff <(list deb) <(list copy)
			[[ $(getcap -r /var/lib/machines/copy/usr/bin | sed s/copy/deb/) == "$(getcap -r /var/lib/machines/deb/usr/bin)" ]]
			machinectl rename copy again
			machinectl read-only again yes
			[[ $(machinectl list-images --no-legend | awk '$1 == "again" { print $3 }') == yes ]]
			if touch /var/lib/machines/again/x; then exit 1; fi
			machinectl remove again
			[[ ! -e /var/lib/machines/again && -z $(ls -A /var/lib/machines | grep -F '.#make' || true) ]]
			pid=$(daemon)
			( sleep 0.05; kill -9 "$pid" ) &
			machinectl clone deb copy || true
			for i in {1..100}; do [[ -z $(ls -A /var/lib/machines | grep -F '.#make' || true) && $(daemon) != 0 ]] && break; sleep 0.1; done
			ls -A /var/lib/machines
			[[ -z $(ls -A /var/lib/machines | grep -F '.#make' || true) ]]`)
	})
}
