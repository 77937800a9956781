// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"machined-go/boot"
)

// maxSize bounds a settings file: reading some lists takes time by the square of their length.
const maxSize = 64 << 10

// Read changes spec to what the settings file at path says. Files that are not trusted, such as those that came with an image, cannot
// give a machine more than every machine has. What was ignored is told in lines that name file, line, key and why. A value that
// makes no sense is an error, and then spec is as it was.
//
// As with systemd-nspawn, what the file says of the network, but for ports, replaces all that spec said of it.
func Read(path string, trusted bool, spec *boot.Spec) (ignored []string, err error) {
	flags := os.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	if !trusted {
		flags |= unix.O_NOFOLLOW // the link is that of who made the image, the file it leads to the host's
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return nil, fmt.Errorf("read settings: %s is not a regular file of at most %d bytes", path, maxSize)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize))
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	return decode(path, string(text), trusted, spec)
}

// decode does it with the text of the file at path.
func decode(path, text string, trusted bool, spec *boot.Spec) (ignored []string, err error) {
	list, remarks := parse(text)
	d := decoder{spec: *spec, trusted: trusted, remarks: remarks}
	for _, a := range lasting(list) {
		if err := d.take(a); err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %s: correct it, or move the file away", path, a.line, plain(a.String()), plain(err.Error()))
		}
	}
	if err := d.finish(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	slices.SortStableFunc(d.remarks, func(a, b remark) int { return cmp.Compare(a.line, b.line) })
	for _, r := range d.remarks {
		ignored = append(ignored, fmt.Sprintf("%s:%d: %s", path, r.line, plain(r.text)))
	}
	*spec = d.spec
	return ignored, nil
}

// lasting leaves out what a later empty assignment takes back.
func lasting(list []assignment) []assignment {
	type key struct{ section, key string }
	var kept []assignment
	taken := map[key]bool{}
	for _, a := range slices.Backward(list) {
		if k := (key{a.section, a.key}); a.value == "" {
			taken[k] = true
		} else if !taken[k] {
			kept = append(kept, a)
		}
	}
	slices.Reverse(kept)
	return kept
}

// plain puts blanks where a text has line breaks or what a terminal obeys.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// decoder changes a spec by one assignment after the other.
type decoder struct {
	spec    boot.Spec
	trusted bool
	remarks []remark
	network bool // whether any line was about the network
	start   start
}

func (d *decoder) ignore(a assignment, why string) {
	d.remarks = append(d.remarks, remark{a.line, a.String() + " is ignored: " + why})
}

const untrusted = "the file lies beside the image, so it is not trusted: move it to /etc/systemd/nspawn/ if you do"

func (d *decoder) take(a assignment) error {
	keys := keys()
	i := slices.IndexFunc(keys, func(k key) bool { return k.section == a.section && k.name == a.key })
	switch {
	case i < 0:
		d.ignore(a, "there is no such setting")
		return nil
	case !d.trusted && (keys[i].privileged || a.key == "SystemCallFilter" && !strings.HasPrefix(a.value, "~")):
		d.ignore(a, untrusted)
		return nil
	case keys[i].set == nil:
		return d.start.take(a)
	case a.section == "Network" && a.key != "Port" && !d.network:
		d.network = true
		no := false
		d.spec.Network = boot.Network{Private: &no, Veth: new(false), Ports: d.spec.Network.Ports}
	}
	return keys[i].set(&d.spec, a.value)
}

// finish decides what several lines say together.
func (d *decoder) finish() error {
	if n := &d.spec.Network; d.network && n.NamespacePath != "" && !*n.Private {
		n.Private = nil // it is that of the namespace
	}
	return d.start.apply(d)
}

// start is how the machine is to start.
type start struct {
	boot, stub bool
	said       bool // whether it is to boot or not
	parameters []string
	line       assignment // of the parameters
}

func (s *start) take(a assignment) (err error) {
	switch a.key {
	case "Boot":
		s.said = true
		s.boot, err = ParseBool(a.value)
	case "ProcessTwo":
		s.said = true
		s.stub, err = ParseBool(a.value)
	case "Parameters":
		var more []string
		more, err = quoted(a.value)
		s.parameters, s.line = append(s.parameters, more...), a
	}
	return err
}

// shell is what runs that neither boots nor says what to run.
const shell = "/bin/sh"

func (s *start) apply(d *decoder) error {
	switch {
	case s.boot && s.stub:
		return fmt.Errorf("[Exec] Boot=yes and ProcessTwo=yes exclude each other: remove one")
	case !s.said && len(s.parameters) > 0:
		d.ignore(s.line, "neither Boot= nor ProcessTwo= says how to start")
	case !s.said:
	case s.boot:
		d.spec.Command, d.spec.InitArguments, d.spec.StubInit = nil, s.parameters, false
	default:
		if len(s.parameters) == 0 {
			s.parameters = []string{shell}
		}
		d.spec.Command, d.spec.InitArguments, d.spec.StubInit = s.parameters, nil, s.stub
	}
	return nil
}
