// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"machined-go/boot/mount"
)

func TestReceiver(t *testing.T) {
	all := Integration{ForwardJournal: "/var/log/web.journal", ForwardJournalMaxUse: "1G", ForwardJournalKeepFree: "2M", ForwardJournalMaxFileSize: "3", ForwardJournalMaxFiles: 4}
	for _, tt := range []struct {
		i         Integration
		version   int
		want, env string
	}{
		{Integration{ForwardJournal: "/var//log/web/"}, 262, "/r --output=/var/log/web --split-mode=host", "SYSTEMD_JOURNAL_REMOTE_CONFIG_FILE=/dev/null"},
		{Integration{ForwardJournal: "/var/log/web.journal"}, 257, "/r --output=/var/log/web.journal --split-mode=none", ""},
		{all, 261, "/r --output=/var/log/web.journal --split-mode=none --max-use=1073741824 --keep-free=2097152 --max-file-size=3 --max-files=4",
			"SYSTEMD_JOURNAL_REMOTE_CONFIG_FILE=/dev/null"},
		{all, 260, "forward journal: systemd-journal-remote of systemd 260 has no option --max-use=1073741824", ""},
		{Integration{ForwardJournal: "/a", ForwardJournalMaxFiles: 1}, 257, "forward journal: systemd-journal-remote of systemd 257 has no option --max-files=1", ""},
		{Integration{ForwardJournal: "/a"}, 255, "forward journal: systemd-journal-remote of systemd 255 cannot receive from machines: 256 or newer", ""},
	} {
		r, err := tt.i.receiver("web", journalRemote{"/r", tt.version})
		if err != nil {
			if !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%+v: %v", tt.i, err)
			}
			continue
		}
		if got := r.String(); got != tt.want || strings.Join(r.Env, " ") != tt.env || r.Machine != "web" {
			t.Errorf("%+v: %s %q, want %s", tt.i, got, r.Env, tt.want)
		}
	}
}

func TestForwardIsValid(t *testing.T) {
	for _, tt := range []struct {
		i    Integration
		want string
	}{
		{Integration{}, ""},
		{Integration{ForwardJournal: "/a.journal", ForwardJournalMaxUse: "1.5G", ForwardJournalMaxFiles: 1}, ""},
		{Integration{ForwardJournal: "a"}, `forward_journal "a" is not an absolute path`},
		{Integration{ForwardJournal: "/a/../b"}, `a ".." in it`},
		{Integration{ForwardJournal: "/a", ForwardJournalMaxUse: "much"}, `forward_journal_max_use: "much" is not an amount`},
		{Integration{ForwardJournal: "/a", ForwardJournalKeepFree: "infinity"}, "forward_journal_keep_free: leave it out"},
		{Integration{ForwardJournalMaxFileSize: "1"}, "forward_journal_max_file_size is about the journal"},
		{Integration{ForwardJournalMaxFiles: 1}, "forward_journal_max_files is about the journals"},
		{Integration{ForwardJournal: "/a", Credentials: []Credential{{ID: "journal.forward_to_socket"}}}, "exclude each other"},
	} {
		err := Spec{Name: "web", Root: "/tree", Integration: tt.i}.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.i, err, tt.want)
		}
	}
}

func TestReceiverMakesItsDirectory(t *testing.T) {
	top := t.TempDir()
	if err := os.WriteFile(filepath.Join(top, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"real", "dir.journal"} {
		if err := os.Mkdir(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for output, want := range map[string]string{
		"a/b": "a/b", "c/d.journal": "c", "link/e": "real/e", "link/f.journal": "real", "file/x": "file is not a directory", "file": "file is not a directory",
		"dir.journal": "is no file",
	} {
		dir, err := Receiver{Output: filepath.Join(top, output)}.dir()
		if err != nil {
			if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "forward journal to ") {
				t.Errorf("%s: %v, want %q", output, err, want)
			}
			continue
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() || dir != filepath.Join(top, want) {
			t.Errorf("%s: directory %s, %v", output, dir, err)
		}
	}
}

// sendJournal does what a machine's journald does.
func sendJournal() int {
	conn, err := net.Dial("unix", journalSocket)
	if err != nil {
		return 2
	}
	if _, err := conn.Write([]byte("MESSAGE=hello\n\n")); err != nil {
		return 3
	}
	conn.Close()
	return 0
}

// forwarding is a plan of a machine that sends its journal, on whatever host.
func forwarding(t *testing.T, output string) *Plan {
	needRoot(t)
	spec := Spec{Name: "boot-forward", Root: tree(t), Environment: map[string]string{insideVar: "journal"}, Network: Network{Veth: new(false)}}
	p := planFor(t, spec)
	p.Receiver = &Receiver{Machine: spec.Name, Output: output}
	i := slices.IndexFunc(p.Mounts, func(op mount.Op) bool { _, ok := op.(mount.Notify); return ok })
	p.Mounts = slices.Insert(slices.Clone(p.Mounts), i, mount.Op(mount.Dir{Path: filepath.Dir(journalSocket), Mode: 0o755}), mount.Op(mount.Listen{Path: journalSocket}))
	return p
}

// What a machine writes to its socket comes to the receiver, which was started before the machine ran.
func TestJournalIsReceived(t *testing.T) {
	output := filepath.Join(t.TempDir(), "logs")
	plan := forwarding(t, output)
	received := make(chan string, 1)
	ended := false
	s := &Starter{Units: &fakeUnits{t: t}, Registry: &fakeRegistry{}, Receive: func(_ context.Context, r Receiver) (func(), error) {
		l, err := net.FileListener(r.Socket)
		if err != nil {
			return nil, err
		}
		go func() {
			defer l.Close()
			conn, err := l.Accept()
			if err != nil {
				received <- err.Error()
				return
			}
			text, _ := io.ReadAll(conn)
			received <- string(text)
		}()
		if info, err := os.Stat(output); err != nil || !info.IsDir() {
			t.Errorf("its directory: %v", err)
		}
		return func() { ended = true }, nil
	}}
	m, err := s.Start(t.Context(), plan, nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := m.Leader.Wait(); err != nil || status != 0 {
		t.Errorf("inside: %v, %v", status, err)
	}
	if got := <-received; got != "MESSAGE=hello\n\n" {
		t.Errorf("received %q", got)
	}
	if m.received(); !ended {
		t.Error("nobody ends the receiver")
	}
}

// A machine whose journal nobody receives does not start, and leaves nothing.
func TestJournalIsNotReceived(t *testing.T) {
	plan := forwarding(t, filepath.Join(t.TempDir(), "logs"))
	broken := errors.New("broken")
	s := &Starter{Units: &fakeUnits{t: t}, Registry: &fakeRegistry{}, Receive: func(context.Context, Receiver) (func(), error) { return nil, broken }}
	_, err := s.Start(t.Context(), plan, nil)
	var failure *Failure
	if !errors.As(err, &failure) || failure.Step != "receive journal" || !errors.Is(err, broken) {
		t.Errorf("it starts, or fails at something else: %v", err)
	}
}
