// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Receiver is what takes a machine's journal on the host: a foreign program, systemd-journal-remote(8), in a unit of its own.
type Receiver struct {
	Machine    string
	Unit       string   // which the machine is in, and with which it ends
	Argv, Env  []string // Env has what is set beyond what services have
	Output     string   // directory in which it writes, or file
	Properties []UnitProperty
	Socket     *os.File // on which it listens, its file descriptor 3
}

// The place inside, and the credential that tells it to journald (NSPAWN_JOURNAL_SOCKET_PATH of systemd's src/nspawn/nspawn.c).
const (
	journalSocket     = "/run/host/journal/socket"
	journalCredential = "journal.forward_to_socket"
)

// journalSuffix is how an output is called that is a file.
const journalSuffix = ".journal"

// Versions of systemd-journal-remote: the first that takes journals from a socket of the host, and the first with options for limits.
const (
	receivesLocally = 256
	receivesLimited = 261
)

// journalLimits are the limits on what is received, each with its option and its setting.
func (i Integration) journalLimits() []struct{ option, key, text string } {
	return []struct{ option, key, text string }{
		{"max-use", "forward_journal_max_use", i.ForwardJournalMaxUse}, {"keep-free", "forward_journal_keep_free", i.ForwardJournalKeepFree},
		{"max-file-size", "forward_journal_max_file_size", i.ForwardJournalMaxFileSize},
	}
}

// validateForward checks where the journal is to be forwarded to.
func (i Integration) validateForward() error {
	for _, l := range i.journalLimits() {
		if l.text == "" {
			continue
		}
		switch n, err := parseBytes(l.text); {
		case err != nil:
			return fmt.Errorf("%s: %w", l.key, err)
		case n == unlimited:
			return fmt.Errorf("%s: leave it out for no limit", l.key)
		case i.ForwardJournal == "":
			return fmt.Errorf("%s is about the journal in forward_journal, and there is none", l.key)
		}
	}
	switch {
	case i.ForwardJournal == "" && i.ForwardJournalMaxFiles > 0:
		return errors.New("forward_journal_max_files is about the journals in forward_journal, and there is none")
	case i.ForwardJournal == "":
		return nil
	}
	for _, c := range i.Credentials {
		if c.ID == journalCredential {
			return fmt.Errorf("credential %q and forward_journal exclude each other: leave out one", c.ID)
		}
	}
	return checkPath("forward_journal", i.ForwardJournal)
}

// journalRemote is the receiver as a host has it.
type journalRemote struct {
	Path    string
	Version int // of the systemd that it belongs to
}

// findJournalRemote finds the receiver, and of which version it is.
func findJournalRemote() (r journalRemote, err error) {
	const name = "systemd-journal-remote"
	if !UnderSystemd() {
		return r, errors.New("setting integration.forward_journal needs systemd as PID 1 of the host")
	}
	r.Path = "/usr/lib/systemd/" + name
	if _, err := os.Stat(r.Path); err != nil {
		if r.Path, err = exec.LookPath(name); err != nil {
			return r, errors.New("forward journal: there is no systemd-journal-remote on this host: install package systemd-journal-remote")
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, r.Path, "--version").Output()
	if err == nil {
		_, err = fmt.Sscanf(string(out), "systemd %d", &r.Version)
	}
	if err != nil {
		return r, fmt.Errorf("forward journal: ask %s for its version: %w", r.Path, err)
	}
	return r, nil
}

// receiver decides how the machine's journal is received (fork_journal_remote of systemd's src/shared/fork-notify.c).
func (i Integration) receiver(machine string, host journalRemote) (*Receiver, error) {
	if host.Version < receivesLocally {
		return nil, fmt.Errorf("forward journal: systemd-journal-remote of systemd %d cannot receive from machines: %d or newer is needed, or use link_journal = \"host\"",
			host.Version, receivesLocally)
	}
	output, split := filepath.Clean(i.ForwardJournal), "host"
	if strings.HasSuffix(output, journalSuffix) {
		split = "none"
	}
	r := &Receiver{Machine: machine, Output: output, Argv: []string{host.Path, "--output=" + output, "--split-mode=" + split}}
	var limits []string
	for _, l := range i.journalLimits() {
		if n, err := parseBytes(l.text); err == nil {
			limits = append(limits, "--"+l.option+"="+strconv.FormatUint(n, 10))
		}
	}
	if i.ForwardJournalMaxFiles > 0 {
		limits = append(limits, "--max-files="+strconv.FormatUint(i.ForwardJournalMaxFiles, 10))
	}
	if host.Version >= receivesLimited {
		// What counts is what is said here.
		r.Argv, r.Env = append(r.Argv, limits...), []string{"SYSTEMD_JOURNAL_REMOTE_CONFIG_FILE=/dev/null"}
	} else if len(limits) > 0 {
		return nil, fmt.Errorf("forward journal: systemd-journal-remote of systemd %d has no option %s: set limits in journal-remote.conf(5), or use %d or newer",
			host.Version, limits[0], receivesLimited)
	}
	return r, nil
}

// String is the receiver in one line.
func (r Receiver) String() string { return strings.Join(r.Argv, " ") }

// dir makes the directory in which the receiver writes, and gives where it really is.
func (r Receiver) dir() (string, error) {
	dir := r.Output
	if strings.HasSuffix(dir, journalSuffix) {
		info, err := os.Stat(r.Output)
		if err == nil && !info.Mode().IsRegular() {
			return "", fmt.Errorf("forward journal to %q: it is no file: name another, or a directory that does not end in %s", r.Output, journalSuffix)
		}
		dir = filepath.Dir(dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		var path *fs.PathError
		if errors.As(err, &path) && errors.Is(err, unix.ENOTDIR) {
			err = fmt.Errorf("%s is not a directory", path.Path)
		}
		return "", fmt.Errorf("forward journal to %q: make its directory: %w", r.Output, err)
	}
	return filepath.EvalSymlinks(dir)
}

// addressFamilies is RestrictAddressFamilies= of type (bas).
type addressFamilies struct {
	Allow bool
	List  []string
}

// receiverPatience is how long a receiver may hang until it is killed. As long as one does, the machine's journald waits for it.
const receiverPatience = 30 * time.Second

// sandbox gives the receiver's unit what it needs and no more, for what it reads is the machine's: as systemd-journal-remote.service of
// systemd 262, and nothing that it can write to but one directory.
func sandbox(dir string) []UnitProperty {
	list := []UnitProperty{
		{"ProtectSystem", "strict"}, {"ReadWritePaths", []string{dir}}, {"CapabilityBoundingSet", uint64(1 << unix.CAP_DAC_OVERRIDE)},
		{"RestrictAddressFamilies", addressFamilies{true, []string{"AF_UNIX"}}}, {"RestrictNamespaces", uint64(0)},
		{"SystemCallArchitectures", []string{"native"}}, {"ProtectProc", "invisible"}, {"LimitNOFILE", uint64(524288)},
		{"WatchdogUSec", uint64(receiverPatience.Microseconds())},
	}
	for name := range strings.FieldsSeq(`LockPersonality MemoryDenyWriteExecute NoNewPrivileges PrivateDevices PrivateNetwork ProtectClock
		ProtectControlGroups ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables RestrictRealtime RestrictSUIDSGID`) {
		list = append(list, UnitProperty{name, true})
	}
	return list
}

// makeJournal makes the socket that becomes journalSocket, if somebody is to listen on it.
func (s *start) makeJournal(context.Context) (func(), error) {
	if s.plan.Receiver == nil {
		return nil, nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s.journal = os.NewFile(uintptr(fd), "journal")
	return func() { s.journal.Close() }, nil
}

// receiveJournal starts the receiver, which ends with the unit that the machine is in. From then on the socket is the service manager's.
func (s *start) receiveJournal(ctx context.Context) (func(), error) {
	if s.plan.Receiver == nil {
		return nil, nil
	}
	r := *s.plan.Receiver
	dir, err := r.dir()
	if err != nil {
		return nil, err
	}
	cgroup, err := cgroupOf(s.leader.PID)
	if err != nil {
		return nil, err
	}
	r.Unit, r.Socket, r.Properties = unitIn(strings.TrimPrefix(cgroup, cgroupRoot())), s.journal, sandbox(dir)
	if s.received, err = s.Receive(ctx, r); err != nil {
		return nil, err
	}
	s.journal.Close()
	return s.received, nil
}
