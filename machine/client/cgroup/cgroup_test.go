// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plant writes files below a new folder.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestReadGroupsAndProcesses(t *testing.T) {
	root := plant(t, map[string]string{
		"g/web/cgroup.procs":            "",
		"g/web/init.scope/cgroup.procs": "10\n",
		"g/web/sub/cgroup.procs":        "11\n12\n99\n",
		"proc/10/cmdline":               "/sbin/init\x00--log\x00",
		"proc/11/cmdline":               "sleep\x00100\x00",
		"proc/12/cmdline":               "",
		"proc/12/comm":                  "kworker\n",
	})
	got, err := read(filepath.Join(root, "g/web"), filepath.Join(root, "proc"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Group{Name: "web", Groups: []*Group{
		{Name: "init.scope", Processes: []Process{{10, "/sbin/init --log"}}},
		{Name: "sub", Processes: []Process{{11, "sleep 100"}, {12, "[kworker]"}}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Count() != 3 {
		t.Errorf("count %d", got.Count())
	}
}

func TestUseWithoutControllers(t *testing.T) {
	root := plant(t, map[string]string{"a/memory.current": "4096\n", "b/cgroup.procs": ""})
	for path, want := range map[string]Usage{"a": {4096, Unknown}, "b": {Unknown, Unknown}} {
		got, err := Use(root, path)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v", path, got, err)
		}
	}
	if _, err := Use(root, "c"); err == nil {
		t.Error("no error for a group that is not there")
	}
}
