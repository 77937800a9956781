// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"machined-go/test/lab"
)

// traces is everything that a machine could leave behind on its host, by kind.
type traces map[string][]string

// listTraces prints "@KIND" before what there is of it. Directories that are
// made once and stay are left out; numbers that differ from run to run too.
const listTraces = `
set +e +o pipefail
section() { echo "@$1"; }
kinds() { # of the open files of process $1, counted
	# A pidfd stays until the next garbage collection.
	find "/proc/$1/fd" -type l -printf '%l\n' 2>/dev/null | grep -v pidfd | sed 's/:\[[0-9]*\]$//; s/[0-9]* (deleted)$//' | sort | uniq -c | sed 's/^ *//'
}
daemon=$(systemctl show -P MainPID machined-go)
mine=$(readlink /proc/self/ns/pid)

section state
find /run/systemd/machines /run/systemd/nspawn /run/systemd/nspawn-uid /run/machined-go -mindepth 1 \
	! \( -type d \( -name locks -o -name notes -o -name machines -o -name propagate -o -name unix-export -o -name control -o -name turns -o -name health -o -name started -o -name network \) \) \
	! -path '/run/machined-go/turns/*' 2>/dev/null | sort # turns are made at first use, and stay
section images
find /var/lib/machines -mindepth 1 -maxdepth 1 | sort
section mounts
awk '{ print $5 }' /proc/self/mountinfo | sort
section cgroups
find /sys/fs/cgroup/machine.slice -mindepth 1 -type d 2>/dev/null | sort
section interfaces
ls /sys/class/net
section terminals
find /dev/pts -type c | sort
section units
systemctl list-units --all --plain --no-legend 'contain@*' 'machine-*' '*ve-*' 'run-[ru]*.service' | awk '{ print $1, $2, $3, $4 }' | sort
find /run/systemd/transient -type f ! -name 'run-*' 2>/dev/null | sort
section failed
systemctl list-units --failed --plain --no-legend | awk '{ print $1 }' | sort
section jobs
systemctl list-jobs --no-legend --plain | awk '{ print $2, $3 }'
section processes
for p in /proc/[0-9]*; do
	exe=$(readlink "$p/exe" 2>/dev/null) || continue
	case $exe in */mctl* | */machined-go* | */systemd-nspawn*) echo "$exe" ;; esac
	space=$(readlink "$p/ns/pid" 2>/dev/null) || continue
	[[ $space == "$mine" ]] || echo "in a machine: $exe"
done | sort
section zombies
ps -eo stat=,comm= | awk '$1 ~ /^Z/ && $2 != "lab"' | sort
section daemon
kinds "$daemon" | grep -v socket
# Some are made at first use.
kinds "$daemon" | awk '/socket/ { n += $1 } END { print "sockets:", n > 16 ? n : "at most 16" }'
systemctl show -p NFileDescriptorStore machined-go
section manager
kinds 1 | grep -E 'ptmx|lck|nspawn|net:'
true
`

// look takes stock.
func (h *host) look(t testing.TB) traces {
	t.Helper()
	found, kind := traces{}, ""
	for line := range strings.Lines(h.Sh(t, listTraces)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "@"); ok {
			kind = name
			found[kind] = nil
			continue
		}
		found[kind] = append(found[kind], line)
	}
	return found
}

// calm takes stock once nothing changes any more.
func (h *host) calm(t testing.TB) traces {
	t.Helper()
	now := h.look(t)
	lab.Eventually(t, 10*time.Second, func() error {
		time.Sleep(60 * time.Millisecond)
		earlier := now
		now = h.look(t)
		if diff := cmp.Diff(earlier, now); diff != "" {
			return errors.New("something goes on (-earlier +now):\n" + diff)
		}
		return nil
	})
	return now
}

// nothingLeft waits until all is as it was before; the kernel takes a moment
// for a network namespace, systemd for a unit.
func (h *host) nothingLeft(t testing.TB, before traces) {
	t.Helper()
	lab.NothingLeft(t, before, func() traces { return h.look(t) })
}
