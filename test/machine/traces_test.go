// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"machined-go/test/lab"
)

// traces is everything that a machine could leave behind on its host, by kind.
// What is made at first use and stays is left out; numbers that differ from run to run too.
type traces map[string][]string

// look takes stock. It starts no process, for tests do it all the time.
func (h *host) look(t testing.TB) traces {
	t.Helper()
	root := h.Root(t)
	found := traces{
		"state":      state(root),
		"images":     names(root + "/var/lib/machines"),
		"mounts":     mounts(t, root),
		"cgroups":    below(root, "/sys/fs/cgroup/machine.slice", fs.FileMode.IsDir),
		"interfaces": names(root + "/sys/class/net"),
		"terminals":  below(root, "/dev/pts", func(m fs.FileMode) bool { return m&fs.ModeCharDevice != 0 }),
		"transient":  transient(root),
		"manager":    slices.DeleteFunc(kinds(root, 1), func(kind string) bool { return !ofMachines.MatchString(kind) }),
	}
	found.processes(t, root)
	found.systemd(t, root, h.bus)
	for _, list := range found {
		slices.Sort(list)
	}
	return found
}

// below lists what of a sort a directory of the lab has, at any depth.
func below(root, dir string, sort func(fs.FileMode) bool) (paths []string) {
	_ = filepath.WalkDir(root+dir, func(at string, entry fs.DirEntry, err error) error {
		if err == nil && at != root+dir && sort(entry.Type()) {
			paths = append(paths, strings.TrimPrefix(at, root))
		}
		return nil // it may be gone by now
	})
	return paths
}

func anything(fs.FileMode) bool { return true }

func names(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// atFirstUse are directories that are made once, and turns in one of them.
var atFirstUse = regexp.MustCompile(`/(locks|notes|machines|propagate|unix-export|control|turns|health|started|network)$|^/run/machined-go/turns/`)

func state(root string) (paths []string) {
	for _, dir := range []string{"/run/systemd/machines", "/run/systemd/nspawn", "/run/systemd/nspawn-uid", "/run/machined-go"} {
		paths = append(paths, below(root, dir, anything)...)
	}
	return slices.DeleteFunc(paths, atFirstUse.MatchString)
}

func transient(root string) []string {
	return slices.DeleteFunc(below(root, "/run/systemd/transient", fs.FileMode.IsRegular), func(file string) bool {
		return strings.HasPrefix(path.Base(file), "run-")
	})
}

func mounts(t testing.TB, root string) (points []string) {
	t.Helper()
	text, err := os.ReadFile(root + "/proc/1/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		points = append(points, strings.Fields(line)[4])
	}
	return points
}

var (
	ofMachines = regexp.MustCompile(`ptmx|lck|nspawn|net:`)
	ofOurs     = regexp.MustCompile(`/(mctl|machined-go|systemd-nspawn)[^/]*$`)
	number     = regexp.MustCompile(`:\[\d+\]$|\d* \(deleted\)$`)
)

// kinds counts the open files of a process by their sort. A pidfd stays until the next garbage collection.
func kinds(root string, pid int) (counted []string) {
	dir, count := fmt.Sprintf("%s/proc/%d/fd/", root, pid), map[string]int{}
	for _, fd := range names(dir) {
		if file, err := os.Readlink(dir + fd); err == nil && !strings.Contains(file, "pidfd") {
			count[number.ReplaceAllString(file, "")]++
		}
	}
	for kind, n := range count {
		counted = append(counted, fmt.Sprint(n, " ", kind))
	}
	return counted
}

// processes adds programs of ours, what runs in machines, and what nobody has reaped.
func (found traces) processes(t testing.TB, root string) {
	t.Helper()
	host, err := os.Readlink(root + "/proc/1/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range names(root + "/proc") {
		dir := root + "/proc/" + pid
		stat, err := os.ReadFile(dir + "/stat")
		if _, digits := strconv.Atoi(pid); err != nil || digits != nil {
			continue
		}
		if end := strings.LastIndex(string(stat), ") "); strings.HasPrefix(string(stat[end:]), ") Z") {
			found["zombies"] = append(found["zombies"], string(stat[strings.Index(string(stat), "("):end]))
		}
		exe, err := os.Readlink(dir + "/exe")
		if err != nil {
			continue
		}
		if ofOurs.MatchString(exe) {
			found["processes"] = append(found["processes"], exe)
		}
		if space, err := os.Readlink(dir + "/ns/pid"); err == nil && space != host {
			found["processes"] = append(found["processes"], "in a machine: "+exe)
		}
	}
}

// ofUs are units that machines and what is done with them bring.
var ofUs = []string{"contain@*", "machine-*", "*ve-*", "run-[ru]*.service"}

// systemd adds what the manager knows, and what the daemon has open.
func (found traces) systemd(t testing.TB, root string, bus *dbus.Conn) {
	t.Helper()
	manager := bus.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
	ask := func(object dbus.BusObject, method string, reply any, args ...any) {
		if err := object.Call("org.freedesktop."+method, 0, args...).Store(reply); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
	var units, jobs [][]any
	ask(manager, "systemd1.Manager.ListUnits", &units)
	ask(manager, "systemd1.Manager.ListJobs", &jobs)
	for _, unit := range units {
		name := unit[0].(string)
		if slices.ContainsFunc(ofUs, func(pattern string) bool { match, _ := path.Match(pattern, name); return match }) {
			found["units"] = append(found["units"], fmt.Sprint(name, " ", unit[2], " ", unit[3], " ", unit[4]))
		}
		if unit[3] == "failed" {
			found["failed"] = append(found["failed"], name)
		}
	}
	for _, job := range jobs {
		found["jobs"] = append(found["jobs"], fmt.Sprint(job[1], " ", job[2]))
	}

	var unit dbus.ObjectPath
	ask(manager, "systemd1.Manager.LoadUnit", &unit, "machined-go.service")
	var service map[string]dbus.Variant
	ask(bus.Object("org.freedesktop.systemd1", unit), "DBus.Properties.GetAll", &service, "org.freedesktop.systemd1.Service")
	found["stored"] = []string{fmt.Sprint(service["NFileDescriptorStore"].Value())}
	sockets := 0
	for _, kind := range kinds(root, int(service["MainPID"].Value().(uint32))) {
		if count, ok := strings.CutSuffix(kind, " socket"); ok {
			sockets, _ = strconv.Atoi(count)
			continue
		}
		found["daemon"] = append(found["daemon"], kind)
	}
	const few = 16 // are made at first use
	if sockets > few {
		found["daemon"] = append(found["daemon"], fmt.Sprint(sockets, " sockets"))
	}
}

// calm takes stock once nothing changes any more.
func (h *host) calm(t testing.TB) traces {
	t.Helper()
	now := h.look(t)
	lab.Eventually(t, 10*time.Second, func() error {
		time.Sleep(250 * time.Millisecond)
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
