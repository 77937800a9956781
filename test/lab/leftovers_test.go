// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// world is what a lab could leave behind on the machine. Other labs may come
// and go meanwhile; they change none of it but what bears their own name.
type world struct {
	Mounts     []string
	Interfaces []string
	Named      []string // directories, cgroups, processes that bear the lab's name
}

// look takes stock of everything that could belong to the lab.
func look(t *testing.T, lab string) world {
	t.Helper()
	return world{
		Mounts:     mounts(t),
		Interfaces: glob(t, "/sys/class/net/*"),
		Named:      append(named(t, lab), processes(t, lab)...),
	}
}

func mounts(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var points []string
	for line := range strings.Lines(string(raw)) {
		points = append(points, strings.Fields(line)[4])
	}
	return points
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// named walks where labs keep their things.
func named(t *testing.T, lab string) []string {
	t.Helper()
	var found []string
	for _, root := range []string{"/run", "/var/lib/machined-go-lab", "/sys/fs/cgroup"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return nil // gone meanwhile, or of no interest
			}
			if entry.Name() == lab {
				found = append(found, path)
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// processes lists those in a cgroup of the lab, or with its name as an argument.
func processes(t *testing.T, lab string) []string {
	t.Helper()
	var found []string
	for _, dir := range glob(t, "/proc/[0-9]*") {
		cgroup, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		args := arguments(dir)
		if args == "" {
			continue
		}
		if strings.Contains(string(cgroup), "/"+lab+"/") || strings.Contains(args, lab) {
			found = append(found, fmt.Sprintf("%s: %q", dir, args))
		}
	}
	return found
}

// arguments is empty for a process that is dead but not yet waited for: the
// outer PID 1 may take its time.
func arguments(dir string) string {
	raw, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	return string(raw)
}

// inNamespace lists the processes in the lab's namespace that link, as of
// /proc/PID/ns/KIND, names. Another lab that comes meanwhile may get the number
// of a namespace that is gone.
func inNamespace(t *testing.T, lab, kind, link string) []string {
	t.Helper()
	var found []string
	for _, file := range glob(t, "/proc/[0-9]*/ns/"+kind) {
		dir := filepath.Dir(filepath.Dir(file))
		other, err := os.Readlink(file)
		if err == nil && other == link && arguments(dir) != "" && !inOtherLab(dir, lab) {
			found = append(found, file)
		}
	}
	return found
}

// inOtherLab tells whether a process is in the cgroup of a lab, but not of this one.
func inOtherLab(dir, lab string) bool {
	const labs = "/machined-go-lab/"
	raw, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
	cgroup := string(raw)
	return strings.Contains(cgroup, labs) && !strings.Contains(cgroup, labs+lab+"/")
}

func assertNothingLeft(t *testing.T, before, after world) {
	t.Helper()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the lab left something behind (-before +after):\n%s", diff)
	}
	if len(after.Named) > 0 {
		t.Errorf("the lab left %q", after.Named)
	}
}
