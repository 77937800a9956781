// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// probeWord begins what the program inside does line by line: a word and a path.
const probeWord = "probe\n"

// probes tell what the machine's root sees. An error is its errno's name.
var probes = map[string]func(path string) (string, error){
	"read": func(path string) (string, error) {
		b, err := os.ReadFile(path)
		return strings.TrimSpace(string(b)), err
	},
	"list": func(path string) (string, error) {
		entries, err := os.ReadDir(path)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, " "), err
	},
	"write":  func(path string) (string, error) { return "done", os.WriteFile(path, []byte("inside"), 0o644) },
	"remove": func(path string) (string, error) { return "done", os.Remove(path) },
	"link":   os.Readlink,
	// Owner, group, permissions.
	"stat": func(path string) (string, error) {
		var st unix.Stat_t
		err := unix.Lstat(path, &st)
		return fmt.Sprintf("%d:%d %o", st.Uid, st.Gid, st.Mode), err
	},
	// File system type and size in MiB.
	"type": func(path string) (string, error) {
		var st unix.Statfs_t
		err := unix.Statfs(path, &st)
		name := map[int64]string{unix.TMPFS_MAGIC: "tmpfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay", unix.RAMFS_MAGIC: "ramfs"}[st.Type]
		return name, err
	},
	"unmount": func(path string) (string, error) { return "done", unix.Unmount(path, unix.MNT_DETACH) },
	// What a read-only mount must not become.
	"remount": func(path string) (string, error) {
		return "done", unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_BIND, "")
	},
	"cwd": func(string) (string, error) { return os.Getwd() },
	"env": func(name string) (string, error) { return os.Getenv(strings.TrimPrefix(name, "/")), nil },
}

func probe(lines string) int {
	results := map[string]string{}
	for line := range strings.SplitSeq(lines, "\n") {
		word, path, _ := strings.Cut(line, " ")
		got, err := probes[word](path)
		var errno unix.Errno
		if errors.As(err, &errno) {
			got = unix.ErrnoName(errno)
		} else if err != nil {
			got = err.Error()
		}
		results[line] = got
	}
	_ = json.NewEncoder(os.Stdout).Encode(results)
	return 0
}

// wantInside boots a tree and compares what probes say inside.
func wantInside(t *testing.T, change func(*Spec), want map[string]string) {
	t.Helper()
	out, status := bootInside(t, probeWord+strings.Join(inOrder(want), "\n"), change)
	got := map[string]string{}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: output %q, %v", err, out, status)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inside (-want +got):\n%s", diff)
	}
}

// runInside boots a plan and gives what probes say inside.
func runInside(t *testing.T, plan *Plan, what string) map[string]string {
	t.Helper()
	plan.Env = append(plan.Env, insideVar+"="+what)
	out, status := bootPlan(t, plan)
	got := map[string]string{}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: output %q, %v", err, out, status)
	}
	return got
}

// inOrder gives reads before writes, and what undoes something last.
func inOrder(m map[string]string) []string {
	var first, last []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if word, _, _ := strings.Cut(k, " "); word == "unmount" || word == "remount" || word == "write" || word == "remove" {
			last = append(last, k)
		} else {
			first = append(first, k)
		}
	}
	return append(first, last...)
}

// failToStart boots a tree and returns the error, which is one line.
func failToStart(t *testing.T, spec Spec) error {
	t.Helper()
	needRoot(t)
	if _, err := Inspect(spec); err != nil {
		return err
	}
	m, err := (&Starter{Units: &fakeUnits{t: t}, Registry: &fakeRegistry{}}).Start(t.Context(), planFor(t, spec), nil)
	if err == nil {
		m.Leader.Kill()
		_, _ = m.Leader.Wait()
		t.Fatal("started")
	}
	if bytes.ContainsRune([]byte(err.Error()), '\n') {
		t.Errorf("error has several lines: %v", err)
	}
	return err
}

// fill makes files below root by path: what ends in "/" is a directory, what begins with "->" a link.
func fill(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		link, isLink := strings.CutPrefix(files[name], "->")
		switch {
		case err != nil:
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case isLink:
			err = os.Symlink(link, path)
		default:
			err = os.WriteFile(path, []byte(files[name]), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
