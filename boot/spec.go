// SPDX-License-Identifier: Apache-2.0

// Package boot starts machines.
//
// A [Spec] is what somebody wants, a [Plan] what that means on this host, as lists of small operations that can be printed; both
// are pure. [Starter] carries a plan out. Nothing stays behind: once a machine runs, its first process is all there is.
package boot

import (
	"fmt"
	"strings"

	"machined-go/boot/sys"
)

// Spec is the whole wish for one boot of a machine. Its fields, and those of its sections, are at the same time the keys of the
// settings files (machine.toml(5)): a field's toml tag is its key, its doc comment its documentation.
type Spec struct {
	// Who starts the machine fills these; a settings file cannot.

	Name     string   `toml:"-"` // the machine's name and, unless Hostname is set, its host name
	Root     string   `toml:"-"` // absolute path of the OS tree, or of the disk image or the layers that it is put together of
	Unit     string   `toml:"-"` // the service that supervises the machine; empty for a machine in the foreground
	Traces   []string `toml:"-"` // small files that whoever starts the machine makes about it, and that are to go with it
	Terminal bool     `toml:"-"` // a PTY as /dev/console and standard streams; otherwise the caller's own streams

	Parts []sys.Part `toml:"-"` // the file systems of the disk image that Root is, the root first
	Stack *sys.Stack `toml:"-"` // what the layers are that Root is

	Container *Container `toml:"-"` // what an OCI bundle asks for; nil for every other machine

	// Host name at boot; by default the machine's name.
	Hostname string `toml:"hostname"`
	// Machine id, 32 hexadecimal digits, for a tree that has none yet; by default a random one.
	MachineID string `toml:"machine_id"`

	// What to run instead of the tree's init: an absolute path inside, and arguments.
	Command []string `toml:"command"`
	// Arguments for the tree's init. Those of the form NAME=VALUE become variables of its environment, as in a kernel's command line.
	InitArguments []string `toml:"init_arguments"`
	// Run a minimal init as PID 1, which reaps processes and passes signals on, and the command as PID 2.
	StubInit bool `toml:"stub_init"`
	// Variables for the machine's first program, beyond or instead of what every machine gets.
	Environment map[string]string `toml:"environment"`
	// User to run the command as, by name or number inside the machine; by default root. The machine's own getent(1) is
	// asked who that is; a number needs no entry.
	User string `toml:"user"`
	// Directory to run the command in; by default the user's home.
	WorkingDirectory string `toml:"working_directory"`
	// Signal that asks the first program to end, such as "SIGTERM"; by default SIGRTMIN+3 for an init, SIGKILL for a command. A service
	// has it from the next reload of the service manager on.
	KillSignal string `toml:"kill_signal"`
	// Whether the machine counts as started only once its init says so; by default for an init that is systemd. In the
	// foreground this is what `mctl run` tells a service manager that started it.
	NotifyReady *bool `toml:"notify_ready"`
	// Which kernel the machine is told it runs on, "x86-64" or "x86", on ARM "arm64" or "arm" (personality(2)); by default the host's.
	Personality string `toml:"personality"`
	// Where console and standard streams of a machine in the foreground lead: "interactive" (a terminal of its own, joined with the
	// caller's streams), "read-only" (the same, but it gets no input), "passive" (a terminal that is joined with nothing), "pipe" (the
	// caller's streams themselves) or "auto", the default: interactive on a terminal, else pipe. The console of a service leads to the
	// journal and `mctl console`.
	Console string `toml:"console"`

	// Make the root read-only.
	ReadOnly bool `toml:"read_only"`
	// What of the root is forgotten when the machine ends: "no", "yes" (all but /usr), "state" (/var) or "overlay" (every change).
	Volatile string `toml:"volatile"`
	// Run from a snapshot or copy of the image that is removed when the machine ends.
	Ephemeral bool `toml:"ephemeral"`
	// Image or directory from which the machine's own tree is made if there is none yet.
	Template string `toml:"template"`
	// Which partitions a disk image may have, which of them are used, and how they must be protected (systemd.image-policy(7)), such as
	// "root=unprotected+read-only-on:home=absent:=ignore"; by default all that a machine has a use for.
	ImagePolicy string `toml:"image_policy"`
	// Directory of the tree that becomes the root, with ":OLD" the place where the former root then is.
	PivotRoot string `toml:"pivot_root"`
	// Files and directories of the host shown in the machine.
	Binds []Bind `toml:"bind"`
	// Empty file systems in memory.
	Tmpfs []Tmpfs `toml:"tmpfs"`
	// Directories laid over one another.
	Overlays []Overlay `toml:"overlay"`
	// Directories of the machine's own that outlive it, and a new tree.
	Volumes []Volume `toml:"volume"`
	// Paths that the machine shall see but not open.
	Inaccessible []string `toml:"inaccessible"`

	Users       Users       `toml:"users"`
	Security    Security    `toml:"security"`
	Limits      ProcLimits  `toml:"limits"`
	Resources   Resources   `toml:"resources"`
	Devices     []Device    `toml:"device"`
	Integration Integration `toml:"integration"`
	Network     Network     `toml:"network"`
	Health      Health      `toml:"health"`
	Start       StartOrder  `toml:"start"`
}

// maxName is HOST_NAME_MAX, which machine names obey as they become host names.
const maxName = 64

// CheckName tells what is wrong with a machine name, which must be a host name (machined's hostname_is_valid).
func CheckName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("machine name %q is not 1 to %d characters long", name, maxName)
	}
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(label) {
			return fmt.Errorf("machine name %q is not a host name: use letters, digits, '-' and '.'", name)
		}
	}
	return nil
}

// isLabel tells whether a text can be between the dots of a host name.
func isLabel(text string) bool {
	for i, c := range []byte(text) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		case c == '-' && i > 0 && i < len(text)-1:
		default:
			return false
		}
	}
	return text != ""
}

// section is a part of a spec that can be wrong by itself.
type section interface{ validate() error }

// sections are in the order of the reference page.
func (s Spec) sections() []section {
	list := []section{s.Users, s.Security, s.Limits, s.Resources, s.Integration, s.Network, s.Health, s.Start}
	for _, b := range s.Binds {
		list = append(list, b)
	}
	for _, t := range s.Tmpfs {
		list = append(list, t)
	}
	for _, o := range s.Overlays {
		list = append(list, o)
	}
	for _, v := range s.Volumes {
		list = append(list, v)
	}
	for _, d := range s.Devices {
		list = append(list, d)
	}
	return list
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
	if err := s.validateProgram(); err != nil {
		return err
	}
	err := unsupported(s, "Hostname", "MachineID", "Command", "InitArguments", "StubInit", "Environment", "User", "WorkingDirectory", "KillSignal", "NotifyReady", "Console",
		"Personality", "ReadOnly", "Volatile", "Ephemeral", "Template", "ImagePolicy", "PivotRoot", "Inaccessible",
		"Binds", "Tmpfs", "Overlays", "Volumes", "Devices")
	if err != nil {
		return err
	}
	if err := s.validateFiles(); err != nil {
		return err
	}
	if err := s.validateImagePolicy(); err != nil {
		return err
	}
	for _, part := range s.sections() {
		if err := part.validate(); err != nil {
			return err
		}
	}
	return s.conflict()
}
