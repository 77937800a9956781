// SPDX-License-Identifier: Apache-2.0

package image

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMetadata(t *testing.T) {
	dir := poolDir(t)
	etc := filepath.Join(dir, "web/etc")
	for name, text := range map[string]string{
		"hostname": "# mine\n web-1.example \n", "machine-id": "0123456789abcdef0123456789abcdef\n",
		"machine-info": "PRETTY_HOSTNAME=\"The Shop\"\n", "os-release": "ID=debian\n",
	} {
		must(t, os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644))
	}
	img := imageIn(t, dir, "web")
	m, err := img.Metadata()
	must(t, err)
	if m.Hostname != "web-1.example" || len(m.MachineID) != 16 || m.MachineInfo["PRETTY_HOSTNAME"] != "The Shop" || m.OSRelease["ID"] != "debian" {
		t.Errorf("%+v", m)
	}
	names, err := lockNames(img.Path)
	must(t, err)
	for _, n := range names {
		if exists(n) {
			t.Errorf("%s is left over", n)
		}
	}
}

// Files of an image lead nowhere else and are not waited for.
func TestHostileMetadata(t *testing.T) {
	dir := poolDir(t)
	etc := filepath.Join(dir, "web/etc")
	must(t, os.Symlink("../../../../../../../../etc/hostname", filepath.Join(etc, "hostname")))
	must(t, unix.Mkfifo(filepath.Join(etc, "machine-info"), 0o644))
	must(t, os.WriteFile(filepath.Join(etc, "machine-id"), []byte("uninitialized\n"), 0o644))
	must(t, os.Symlink("os-release", filepath.Join(etc, "os-release")))
	img := imageIn(t, dir, "web")
	m, err := img.Metadata()
	must(t, err)
	if m.Hostname != "" || len(m.MachineID) != 0 || len(m.MachineInfo) != 0 || len(m.OSRelease) != 0 {
		t.Errorf("%+v", m)
	}
}

func FuzzHostname(f *testing.F) {
	f.Add("#\na..b-.c\n")
	f.Fuzz(func(t *testing.T, text string) {
		name := parseHostname(text)
		if len(name) > 64 || name != cleanHostname(name) {
			t.Errorf("%q", name)
		}
	})
}

func FuzzMachineID(f *testing.F) {
	f.Add("0123456789abcdef0123456789abcdef\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n := len(parseMachineID(text)); n != 0 && n != 16 {
			t.Errorf("%d bytes", n)
		}
	})
}
