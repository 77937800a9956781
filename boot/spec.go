// SPDX-License-Identifier: Apache-2.0

// Package boot starts machines.
//
// A [Spec] is what somebody wants, a [Plan] what that means on this host, as lists of small operations that can be printed; both
// are pure. [Starter] carries a plan out. Nothing stays behind: once a machine runs, its first process is all there is.
package boot

import (
	"fmt"
	"regexp"
	"strings"
)

// Spec is the whole wish for one boot of a machine.
type Spec struct {
	Name     string   // the machine's name and, unless Hostname is set, its host name
	Root     string   // absolute path of the OS tree
	Command  []string // what to run instead of the tree's init
	Env      []string // NAME=VALUE, beyond or instead of what every machine gets
	Hostname string
	ReadOnly bool   // the root is not writable
	Veth     bool   // a veth pair to the host; otherwise only loopback
	Terminal bool   // a PTY as /dev/console and standard streams; otherwise the caller's own streams
	Unit     string // the service that supervises the machine; empty for a machine in the foreground
}

// maxName is HOST_NAME_MAX, which machine names obey as they become host names.
const maxName = 64

var nameLabel = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?$`)

// CheckName tells what is wrong with a machine name, which must be a host name (machined's hostname_is_valid).
func CheckName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("machine name %q is not 1 to %d characters long", name, maxName)
	}
	for label := range strings.SplitSeq(name, ".") {
		if !nameLabel.MatchString(label) {
			return fmt.Errorf("machine name %q is not a host name: use letters, digits, '-' and '.'", name)
		}
	}
	return nil
}

// Validate tells what is wrong with a spec.
func (s Spec) Validate() error {
	if err := CheckName(s.Name); err != nil {
		return err
	}
	if s.Hostname != "" {
		if err := CheckName(s.Hostname); err != nil {
			return fmt.Errorf("host name: %w", err)
		}
	}
	if !strings.HasPrefix(s.Root, "/") {
		return fmt.Errorf("root directory %q is not an absolute path", s.Root)
	}
	for _, e := range s.Env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" || strings.ContainsRune(e, 0) {
			return fmt.Errorf("environment variable %q is not NAME=VALUE", e)
		}
	}
	for _, arg := range s.Command {
		if strings.ContainsRune(arg, 0) {
			return fmt.Errorf("command argument %q has a NUL byte", arg)
		}
	}
	return nil
}
