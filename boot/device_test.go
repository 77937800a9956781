// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFindDevices(t *testing.T) {
	nodes, err := findDevices([]Device{{Path: "/dev/null", Access: "r"}})
	if err != nil || len(nodes) != 1 || nodes[0].Major != 1 || nodes[0].Minor != 3 || nodes[0].Mode&unix.S_IFMT != unix.S_IFCHR {
		t.Errorf("/dev/null gives %+v, %v", nodes, err)
	}
	dir := t.TempDir()
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	nodes, err = findDevices([]Device{{Path: dir, Target: "/dev/x", Mode: "0600"}})
	if err != nil || len(nodes) != 1 || nodes[0].Target != "/dev/x/link" || nodes[0].Minor != 5 {
		t.Errorf("a directory gives %+v, %v", nodes, err)
	}
	for path, want := range map[string]string{"/dev/missing": "no such file", filepath.Join(dir, "file"): "is no device"} {
		if _, err := findDevices([]Device{{Path: path}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v", path, err)
		}
	}
}

func TestDeviceRefused(t *testing.T) {
	for want, d := range map[string]Device{
		`"/etc/passwd" is not a path below /dev`:        {Path: "/etc/passwd"},
		`"/dev/../etc/passwd" is not a path below /dev`: {Path: "/dev/../etc/passwd"},
		`"/etc/x" is not a path below /dev`:             {Path: "/dev/null", Target: "/etc/x"},
		`access "x" is not of r, w and m`:               {Path: "/dev/null", Access: "x"},
		`mode "4755" is not permissions such as 0660`:   {Path: "/dev/null", Mode: "4755"},
	} {
		if err := d.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v gives %v, want %q", d, err, want)
		}
	}
}
