// SPDX-License-Identifier: Apache-2.0

// Package generator is a systemd.generator(7): it brings who names systemd-nspawn@NAME.service, as "machinectl start" and
// "machinectl enable" do, to contain@NAME.service, while machined-go has the place of systemd-machined.
//
// That is a link from the template systemd-nspawn@.service to contain@.service. It lies in the generator's directory, so that
// the host's own units in /etc win over it, it wins over the stock unit in /usr, it goes when machined-go is disabled, and it can be
// enabled: of an alias in /etc systemd would enable nothing.
//
// What stock nspawn has already stays with it, see rules. Such a machine gets a copy of the stock unit under its own name, which
// systemd prefers to a template; a link to the stock unit would lead on to contain@.service.
package generator

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	bus     = "dbus-org.freedesktop.machine1.service"
	daemon  = "machined-go.service"
	contain = "contain@.service"
	prefix  = "systemd-nspawn@"
	suffix  = ".service"
	stock   = prefix + suffix
)

// own are the directories of the host's own units, shipped those of packages, each with the most important first (systemd.unit(5)).
var (
	own     = []string{"etc/systemd/system", "run/systemd/system", "etc/systemd/system.control", "run/systemd/system.control"}
	shipped = []string{"usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}
)

// Generate writes units for the host below root to dir, as systemd wants it done at boot and at each reload.
func Generate(root, dir string) error {
	h := host{root}
	target, found := h.find(contain, own, shipped)
	if !found || !h.enabled() || h.changed(stock) {
		return nil
	}
	if err := h.keep(dir); err != nil {
		return fmt.Errorf("keep machines of systemd-nspawn: %w", err)
	}
	return os.Symlink(filepath.Join("/", target), filepath.Join(dir, stock))
}

// host is a host by its files.
type host struct{ root string }

func (h host) path(parts ...string) string {
	return filepath.Join(append([]string{h.root}, parts...)...)
}

// find gives the path of the unit file that counts.
func (h host) find(unit string, dirs ...[]string) (path string, found bool) {
	for _, group := range dirs {
		for _, dir := range group {
			if _, err := os.Lstat(h.path(dir, unit)); err == nil {
				return filepath.Join(dir, unit), true
			}
		}
	}
	return "", false
}

// enabled tells whether the bus starts our daemon for machine1.
func (h host) enabled() bool {
	path, _ := h.find(bus, own, shipped)
	target, err := os.Readlink(h.path(path))
	return err == nil && filepath.Base(target) == daemon
}

// changed tells whether the host has made a unit its own, by a file or by drop-ins.
func (h host) changed(unit string) bool {
	_, file := h.find(unit, own)
	_, dropins := h.find(unit+".d", own)
	return file || dropins
}

// keep writes the units of machines that stay with stock nspawn.
func (h host) keep(dir string) error {
	path, found := h.find(stock, shipped)
	if !found {
		return nil
	}
	text, err := os.ReadFile(h.path(path))
	if err != nil {
		return err
	}
	for name, why := range h.kept() {
		note := fmt.Sprintf("# This machine stays with systemd-nspawn, see machined-go(8): %s.\n", why)
		if err := os.WriteFile(filepath.Join(dir, prefix+name+suffix), append([]byte(note), text...), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// rules say which files tell that a machine stays with stock nspawn: what it runs, or what was enabled for it, for the host relies
// on that as it is; and images that only it can boot.
var rules = []struct {
	pattern, before, after, why string
	but                         func(path, name string) bool
}{
	{"etc/systemd/system/*.d", prefix, suffix + ".d", "its unit has drop-ins", nil},
	{"run/systemd/system/*.d", prefix, suffix + ".d", "its unit has drop-ins", nil},
	{"etc/systemd/system.control/*.d", prefix, suffix + ".d", "its unit has drop-ins", nil},
	{"run/systemd/system.control/*.d", prefix, suffix + ".d", "its unit has drop-ins", nil},
	{"var/lib/machines/*", "", ".roothash", "its image has verity", nil},
	{"var/lib/machines/*", "", ".usrhash", "its image has verity", nil},
	{"var/lib/machines/*", "", ".verity", "its image has verity", nil},
	{"etc/systemd/system/*.wants/*", prefix, suffix, "it was enabled for it", wantsOurs},
	{"sys/fs/cgroup/machine.slice/*", prefix, suffix, "it ran when the units were last read", nil},
}

// kept gives the machines that stay with stock nspawn, and why.
func (h host) kept() map[string]string {
	kept := map[string]string{}
	for _, rule := range rules {
		paths, _ := filepath.Glob(h.path(rule.pattern))
		for _, path := range paths {
			base, before := strings.CutPrefix(filepath.Base(path), rule.before)
			name, after := strings.CutSuffix(base, rule.after)
			if before && after && valid(name) && (rule.but == nil || !rule.but(path, name)) {
				kept[name] = rule.why
			}
		}
	}
	return kept
}

// wantsOurs tells that beside a link in a .wants directory there is one for contain@NAME.service: what was asked for by our own name
// counts.
func wantsOurs(path, name string) bool {
	_, err := os.Lstat(filepath.Join(filepath.Dir(path), "contain@"+name+suffix))
	return err == nil
}

// valid tells whether a name can be a machine's, and so that of a unit.
func valid(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return name != "" && name[0] != '.' && strings.Trim(name, letters) == ""
}
