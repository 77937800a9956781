// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
	"machined-go/machine/systemd1"
)

// fakeUnits is a systemd whose units are all in one state.
type fakeUnits struct {
	mu     sync.Mutex
	active string
	scope  error
	calls  []string
	asked  int
	onAsk  func(unit string)
}

func (u *fakeUnits) set(active string) { u.mu.Lock(); u.active = active; u.mu.Unlock() }

func (u *fakeUnits) State(_ context.Context, name string) (systemd1.Unit, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked++
	if u.onAsk != nil {
		go u.onAsk(name)
	}
	return systemd1.Unit{Name: name, ActiveState: u.active}, nil
}
func (u *fakeUnits) StartScope(_ context.Context, s systemd1.Scope) error { return u.scope }
func (u *fakeUnits) QueueStop(_ context.Context, unit string) error {
	u.calls = append(u.calls, "stop "+unit)
	return nil
}
func (u *fakeUnits) KillUnit(_ context.Context, unit, whom string, _ int32) error {
	u.calls = append(u.calls, "kill "+unit+" "+whom)
	return nil
}
func (u *fakeUnits) Freeze(_ context.Context, unit string) error {
	u.calls = append(u.calls, "freeze "+unit)
	return nil
}
func (u *fakeUnits) Thaw(_ context.Context, unit string) error {
	u.calls = append(u.calls, "thaw "+unit)
	return nil
}

// log is an observer that remembers.
type observed struct{ events chan string }

func (o observed) MachineNew(m Machine)     { o.events <- "new " + m.Name }
func (o observed) MachineRemoved(m Machine) { o.events <- "removed " + m.Name }

type world struct {
	*Manager
	units  *fakeUnits
	path   string
	events chan string
}

func newWorld(t *testing.T, dir string, units *fakeUnits) *world {
	t.Helper()
	poll, err := sys.NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir(filepath.Join(dir, "public"), filepath.Join(dir, "own"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{units: units, path: dir, events: make(chan string, 64)}
	w.Manager = NewManager(units, poll, d, slog.New(slog.DiscardHandler))
	w.Observe(observed{w.events})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go poll.Run(ctx)
	go w.Run(ctx)
	return w
}

func (w *world) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-w.events:
		if got != want {
			t.Fatalf("event %q, want %q", got, want)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("no event, want %q", want)
	}
}

func (w *world) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(w.path, "public", name))
	return err == nil
}

// sleeper is a process to be a leader.
func sleeper(t *testing.T) (*exec.Cmd, *Process) {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	p, err := OpenProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, p
}

func wish(name string, leader *Process) Registration {
	return Registration{Name: name, Class: ClassContainer, Service: "test", Leader: leader, VSockCID: VSockAny}
}

func TestCreateFollowCollect(t *testing.T) {
	w := newWorld(t, t.TempDir(), &fakeUnits{active: "active"})
	cmd, leader := sleeper(t)
	m, err := w.Create(t.Context(), wish("web", leader), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.expect(t, "new web")
	if m.State != Running || m.Unit != "machine-web.scope" || !w.exists("web") || !w.exists("unit:machine-web.scope") {
		t.Errorf("machine %+v, files: %v, %v", m, w.exists("web"), w.exists("unit:machine-web.scope"))
	}
	if _, err := w.Create(t.Context(), wish("web", leader), nil); !errors.Is(err, ErrMachineExists) {
		t.Errorf("second of a name: %v", err)
	}
	if got, err := w.ByPID(leader.PID); err != nil || got.Name != "web" {
		t.Errorf("ByPID = %q, %v", got.Name, err)
	}
	if err := w.Terminate(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if m, _ := w.Get("web"); m.State != Closing {
		t.Errorf("state after Terminate is %q", m.State)
	}
	cmd.Process.Kill()
	select {
	case e := <-w.events:
		t.Fatalf("%s: while its unit is active", e)
	case <-time.After(100 * time.Millisecond):
	}
	w.units.set("inactive")
	w.UnitChanged(systemd1.Event{Unit: "machine-web.scope", Removed: true})
	w.expect(t, "removed web")
	if w.exists("web") || w.exists("unit:machine-web.scope") {
		t.Error("files are left over")
	}
}

func TestCreateFails(t *testing.T) {
	w := newWorld(t, t.TempDir(), &fakeUnits{active: "inactive", scope: &systemd1.JobError{Unit: "x", Result: "failed"}})
	_, leader := sleeper(t)
	if _, err := w.Create(t.Context(), wish("web", leader), nil); err == nil {
		t.Fatal("no error")
	}
	w.expect(t, "new web")
	w.expect(t, "removed web")
	if w.exists("web") {
		t.Error("files are left over")
	}
}

// A new manager, as after a kill, finds the machine that lives and clears away
// the one that died meanwhile and the one whose number is somebody else's now.
func TestLoadAfterKill(t *testing.T) {
	dir := t.TempDir()
	units := &fakeUnits{active: "active"}
	first := newWorld(t, dir, units)
	_, alive := sleeper(t)
	dying, dead := sleeper(t)
	_, other := sleeper(t)
	for name, p := range map[string]*Process{"alive": alive, "dead": dead} {
		if _, err := first.Create(t.Context(), wish(name, p), nil); err != nil {
			t.Fatal(err)
		}
	}
	reused := *other
	reused.StartTime++
	reused.ID++
	r := recordOf(&Machine{Name: "reused", Class: ClassContainer, Unit: "machine-reused.scope", Leader: &reused, VSockCID: VSockAny})
	if err := first.Manager.dir.save(&r.Machine); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "public", ".#half"), []byte("NAME="), 0o644); err != nil {
		t.Fatal(err)
	}
	dying.Process.Kill()
	dying.Wait()
	units.set("inactive")

	second := newWorld(t, dir, units)
	second.Load(t.Context())
	var names []string
	for _, m := range second.List() {
		names = append(names, m.Name)
	}
	if len(names) != 2 || names[1] != "alive" {
		t.Errorf("machines after the restart: %q", names)
	}
	for name, want := range map[string]bool{"alive": true, "dead": false, "reused": false, "unit:machine-dead.scope": false, ".#half": false} {
		if second.exists(name) != want {
			t.Errorf("file %q exists: %v", name, !want)
		}
	}
}

func TestRegistrationRules(t *testing.T) {
	_, leader := sleeper(t)
	for name, change := range map[string]func(*Registration){
		"bad name":       func(r *Registration) { r.Name = "a/b" },
		"host's name":    func(r *Registration) { r.Name = HostName },
		"short id":       func(r *Registration) { r.ID = []byte{1} },
		"host class":     func(r *Registration) { r.Class = ClassHost },
		"unknown class":  func(r *Registration) { r.Class = "pod" },
		"no leader":      func(r *Registration) { r.Leader = nil },
		"relative root":  func(r *Registration) { r.RootDirectory = "x" },
		"host's vsock":   func(r *Registration) { r.VSockCID = 2 },
		"relative key":   func(r *Registration) { r.SSHPrivateKeyPath = "k" },
		"interface 0":    func(r *Registration) { r.NetIf = []int32{0} },
		"newline":        func(r *Registration) { r.Service = "a\nLEADER=1" },
		"unit is a path": func(r *Registration) { r.ServiceUnit = "../x.service" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, t.TempDir(), &fakeUnits{})
			r := wish("web", leader)
			change(&r)
			var ie *InvalidError
			if _, err := w.Create(t.Context(), r, nil); !errors.As(err, &ie) {
				t.Errorf("got %v, want InvalidError", err)
			}
		})
	}
}

func TestStopGoesToOwner(t *testing.T) {
	units := &fakeUnits{active: "active"}
	w := newWorld(t, t.TempDir(), units)
	_, leader := sleeper(t)
	r := wish("web", leader)
	r.ServiceUnit = "contain@web.service"
	if _, err := w.Create(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Terminate(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if err := w.Kill(t.Context(), "web", "", 15); err != nil {
		t.Fatal(err)
	}
	want := []string{"stop contain@web.service", "kill machine-web.scope all"}
	if len(units.calls) != 2 || units.calls[0] != want[0] || units.calls[1] != want[1] {
		t.Errorf("calls %q, want %q", units.calls, want)
	}
	if err := w.Kill(t.Context(), "web", KillSupervisor, 15); !errors.Is(err, unix.ESRCH) {
		t.Errorf("killing nobody: %v", err)
	}
	for _, err := range []error{w.Terminate(t.Context(), HostName), w.Kill(t.Context(), HostName, "all", 15), w.Unregister(HostName)} {
		if !errors.Is(err, ErrNotHost) {
			t.Errorf("on the host: %v", err)
		}
	}
}

func TestProcessIdentity(t *testing.T) {
	cmd, p := sleeper(t)
	again, err := ProcessOfPIDFD(p.FD())
	if err != nil {
		t.Fatal(err)
	}
	if again.PID != p.PID || again.ID != p.ID || again.StartTime != p.StartTime || !again.Alive() {
		t.Errorf("%+v is not %+v", again, p)
	}
	cmd.Process.Kill()
	deadline := time.Now().Add(5 * time.Second)
	for p.Alive() { // a zombie counts as dead
		if time.Now().After(deadline) {
			t.Fatal("still alive")
		}
		time.Sleep(time.Millisecond)
	}
	cmd.Wait()
	if _, err := OpenProcess(cmd.Process.Pid); err == nil {
		t.Error("a process that is gone can be opened")
	}
}

// Asking systemd for a unit that it has not loaded makes it load and drop it,
// of which we hear: that must not make us ask again.
func TestAskingMakesNoStorm(t *testing.T) {
	units := &fakeUnits{active: "inactive"}
	w := newWorld(t, t.TempDir(), units)
	units.onAsk = func(unit string) { w.UnitChanged(systemd1.Event{Unit: unit, Removed: true}) }
	_, leader := sleeper(t)
	r := wish("web", leader)
	r.ServiceUnit = "contain@web.service"
	if _, err := w.Create(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "new web")
	for range 10 {
		w.Check("web")
		time.Sleep(10 * time.Millisecond)
	}
	units.mu.Lock()
	defer units.mu.Unlock()
	if units.asked > 2 {
		t.Errorf("asked %d times", units.asked)
	}
	if _, err := w.Get("web"); err != nil {
		t.Errorf("a machine whose leader lives: %v", err)
	}
}
