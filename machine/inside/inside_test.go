// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// guestIn makes a guest whose root is a directory of the test.
func guestIn(t *testing.T, dir string) *Guest {
	t.Helper()
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	g := &Guest{pid: os.Getpid(), pidfd: ourselves(t), root: root}
	t.Cleanup(g.Close)
	return g
}

func ourselves(t *testing.T) int {
	t.Helper()
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func TestOSRelease(t *testing.T) {
	dir := t.TempDir()
	g := guestIn(t, dir)
	if _, err := g.OSRelease(); !errors.Is(err, ErrNoOSRelease) {
		t.Errorf("no file: %v", err)
	}
	put(t, dir, "usr/lib/os-release", "ID=debian\nVERSION_ID=\"12\"\nNAME='De bian'\n# x\nodd line\nB=a\\ b\n")
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	// As Debian has it, and absolute as a guest may have it.
	for _, target := range []string{"../usr/lib/os-release", "/usr/lib/os-release"} {
		link := filepath.Join(dir, "etc/os-release")
		os.Remove(link)
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		got, err := g.OSRelease()
		if err != nil || got["ID"] != "debian" || got["VERSION_ID"] != "12" || got["NAME"] != "De bian" || got["B"] != "a b" || len(got) != 4 {
			t.Errorf("through a link to %s: %q, %v", target, got, err)
		}
	}
}

// A guest lays out its os-release so as to hurt who reads it.
func TestHostileOSRelease(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, path string){
		"link out of the machine": func(t *testing.T, p string) { must(t, os.Symlink("../../../../../../etc/passwd", p)) },
		"link to the host's proc": func(t *testing.T, p string) { must(t, os.Symlink("/proc/self/fd/0", p)) },
		"pipe":                    func(t *testing.T, p string) { must(t, unix.Mkfifo(p, 0o644)) },
		"directory":               func(t *testing.T, p string) { must(t, os.Mkdir(p, 0o755)) },
		"without end":             func(t *testing.T, p string) { must(t, os.WriteFile(p, nil, 0o644)); must(t, os.Truncate(p, 1<<40)) },
		"loop":                    func(t *testing.T, p string) { must(t, os.Symlink("os-release", p)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.Mkdir(filepath.Join(dir, "etc"), 0o755))
			make(t, filepath.Join(dir, "etc/os-release"))
			g := guestIn(t, dir)
			defer time.AfterFunc(10*time.Second, func() { panic("reading os-release blocks") }).Stop()
			if fields, err := g.OSRelease(); err == nil {
				t.Errorf("it was read: %.200q", fields)
			}
		})
	}
}

func TestParseIDMap(t *testing.T) {
	got, err := parseIDMap("         0 1871380480      65536\n")
	if err != nil || len(got) != 1 || got[0] != (idRange{0, 1871380480, 65536}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"0 1\n", "a b c\n", "0 0 99999999999\n"} {
		if _, err := parseIDMap(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Our own network is nobody's private one; without it, loopback is not told.
func TestAddresses(t *testing.T) {
	g := &Guest{pid: os.Getpid(), pidfd: ourselves(t)}
	if _, err := g.Addresses(); !errors.Is(err, ErrNoPrivateNetwork) {
		t.Errorf("own network: %v", err)
	}
	list, err := Host().Addresses()
	must(t, err)
	for _, a := range list {
		if a.Bytes[0] == 127 && len(a.Bytes) == 4 {
			t.Errorf("loopback is listed: %v", list)
		}
	}
}

func TestOpenPTYOnHost(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("gives the terminal to root: needs root")
	}
	g := Host()
	defer g.Close()
	p, err := g.OpenPTY()
	must(t, err)
	defer p.Master.Close()
	slave, err := p.Slave()
	must(t, err)
	defer slave.Close()
	if st, err := os.Stat(p.Path()); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		t.Errorf("%s: %v, %v", p.Path(), st, err)
	}
	if _, err := slave.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64)
	n, err := p.Master.Read(b)
	if err != nil || string(b[:n]) != "hello\r\n" {
		t.Errorf("read %q, %v", b[:n], err)
	}
}

// /dev/pts of a machine that is no devpts is left alone.
func TestOpenPTYRefusesOther(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "dev/pts/ptmx", "")
	if _, err := guestIn(t, dir).OpenPTY(); !errors.Is(err, unix.ENODEV) {
		t.Errorf("got %v, want ENODEV", err)
	}
}

func TestDeadProcess(t *testing.T) {
	var pipe [2]int
	must(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	unix.Close(pipe[1]) // readable (at its end), as the pidfd of a dead process is
	if _, err := Open(os.Getpid(), pipe[0]); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a dead process is opened: %v", err)
	}
}

func put(t *testing.T, dir, path, text string) {
	t.Helper()
	p := filepath.Join(dir, path)
	must(t, os.MkdirAll(filepath.Dir(p), 0o755))
	must(t, os.WriteFile(p, []byte(text), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
