// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot"
)

// Specifier is a letter that stands for something after a percent sign, as in unit files (systemd.unit(5)).
type Specifier struct {
	Letter  byte
	Meaning string
	own     bool // it says nothing of the host, so that also files that came with an image may use it
	value   func(where) (string, error)
}

// where is what specifiers depend on.
type where struct {
	machine string
	prefix  string // of the machine's name, for which the file is
	path    string // of the file
}

// Specifiers are all that there are, by letter.
func Specifiers() []Specifier {
	release := func(field string) func(where) (string, error) {
		return func(where) (string, error) { return osRelease(field) }
	}
	fixed := func(text string) func(where) (string, error) {
		return func(where) (string, error) { return text, nil }
	}
	return []Specifier{
		{'%', "a percent sign", true, fixed("%")},
		{'a', "the architecture of the host, such as x86-64", false, fixed(architecture())},
		{'b', "the boot id of the host", false, hostID("/proc/sys/kernel/random/boot_id")},
		{'B', "BUILD_ID of the host's os-release", false, release("BUILD_ID")},
		{'C', "/var/cache", false, fixed("/var/cache")},
		{'E', "/etc", false, fixed("/etc")},
		{'H', "the host name of the host", false, hostname},
		{'i', "what the machine's name has beyond the prefix that the file is for: 1 of web-1 in web-.toml", true, instance},
		{'j', "what the machine's name has after its last hyphen, or all of it", true, final},
		{'l', "the host name of the host up to the first dot", false, shortHostname},
		{'L', "/var/log", false, fixed("/var/log")},
		{'m', "the machine id of the host", false, hostID("/etc/machine-id")},
		{'M', "the machine's name", true, machine},
		{'n', "the same", true, machine},
		{'o', "ID of the host's os-release", false, release("ID")},
		{'p', "the prefix that the file is for, without its hyphen: web in web-.toml; or all of the name", true, prefix},
		{'S', "/var/lib", false, fixed("/var/lib")},
		{'t', "/run", false, fixed("/run")},
		{'T', "/tmp", false, fixed("/tmp")},
		{'v', "the kernel's release", false, kernel},
		{'V', "/var/tmp", false, fixed("/var/tmp")},
		{'w', "VERSION_ID of the host's os-release", false, release("VERSION_ID")},
		{'W', "VARIANT_ID of the host's os-release", false, release("VARIANT_ID")},
		{'y', "the path of the file", false, func(w where) (string, error) { return w.path, nil }},
		{'Y', "the directory of the file", false, func(w where) (string, error) { return filepath.Dir(w.path), nil }},
	}
}

// expand replaces the specifiers in a text. own tells that the text said nothing of the host. A percent sign before what is
// no letter stays, so that "50%" is what it looks like.
func expand(text string, w where) (expanded string, own bool, err error) {
	own = true
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		out.WriteString(before)
		if !found {
			return out.String(), own, nil
		}
		if after == "" || after[0] != '%' && !isLetter(after[0]) {
			out.WriteByte('%')
			text = after
			continue
		}
		s, ok := specifier(after[0])
		if !ok {
			return "", own, fmt.Errorf("%%%c stands for nothing: write %%%%%c for a percent sign, or see SPECIFIERS in machine.toml(5)",
				after[0], after[0])
		}
		value, err := s.value(w)
		if err != nil {
			return "", own, fmt.Errorf("find out what %%%c stands for: %w", after[0], err)
		}
		own = own && s.own
		out.WriteString(value)
		text = after[1:]
	}
}

// escape gives the text that expands to another.
func escape(text string) string {
	var out strings.Builder
	for i := range len(text) {
		out.WriteByte(text[i])
		if text[i] == '%' && i+1 < len(text) && (text[i+1] == '%' || isLetter(text[i+1])) {
			out.WriteByte('%')
		}
	}
	return out.String()
}

func specifier(letter byte) (Specifier, bool) {
	for _, s := range Specifiers() {
		if s.Letter == letter {
			return s, true
		}
	}
	return Specifier{}, false
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func machine(w where) (string, error) { return w.machine, nil }

func instance(w where) (string, error) { return strings.TrimPrefix(w.machine, w.prefix), nil }

func final(w where) (string, error) { return w.machine[strings.LastIndex(w.machine, "-")+1:], nil }

func prefix(w where) (string, error) {
	if w.prefix == "" {
		return w.machine, nil
	}
	return strings.TrimSuffix(w.prefix, "-"), nil
}

func hostname(where) (string, error) { return os.Hostname() }

func shortHostname(where) (string, error) {
	name, err := os.Hostname()
	name, _, _ = strings.Cut(name, ".")
	return name, err
}

// hostID reads an id and writes it without hyphens.
func hostID(path string) func(where) (string, error) {
	return func(where) (string, error) {
		text, err := os.ReadFile(path)
		return strings.ReplaceAll(strings.TrimSpace(string(text)), "-", ""), err
	}
}

func kernel(where) (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", err
	}
	return string(u.Release[:bytes.IndexByte(u.Release[:], 0)]), nil
}

// architecture gives systemd's name of the host's architecture (ConditionArchitecture= in systemd.unit(5)).
func architecture() string {
	names := map[string]string{"amd64": "x86-64", "386": "x86", "ppc64le": "ppc64-le", "loong64": "loongarch64"}
	if name, ok := names[runtime.GOARCH]; ok {
		return name
	}
	return runtime.GOARCH
}

func osRelease(field string) (string, error) {
	host, err := boot.ReadHost()
	return host.OSRelease[field], err
}
