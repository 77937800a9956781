// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
	"machined-go/machine"
)

// controlled is a server whose machines of ours have sockets in dir.
type controlled struct {
	*served
	controls *Controls
	dir      string
}

func control(t *testing.T) *controlled {
	t.Helper()
	c := &controlled{served: serve(t), dir: filepath.Join(t.TempDir(), "control")}
	poll, err := sys.NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go poll.Run(ctx)
	if err := os.MkdirAll(filepath.Join(c.dir, "stale"), 0o755); err != nil {
		t.Fatal(err)
	}
	if c.controls, err = NewControls(c.Server, poll, c.dir); err != nil {
		t.Fatal(err)
	}
	c.Manager.Serve(c.controls)
	return c
}

// create makes a machine known, one of ours or another.
func (c *controlled) create(t *testing.T, name string, ours bool) {
	t.Helper()
	leader, err := machine.OpenProcess(sleeper(t))
	if err != nil {
		t.Fatal(err)
	}
	r := machine.Registration{Name: name, Class: machine.ClassContainer, Leader: leader, VSockCID: machine.VSockAny, Ours: ours}
	if _, err := c.Manager.Create(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
}

func (c *controlled) dialControl(t *testing.T, name string) *client {
	t.Helper()
	sock, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join(c.dir, name), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, sock)
}

func newClient(t *testing.T, sock *net.UnixConn) *client {
	t.Cleanup(func() { sock.Close() })
	_ = sock.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{t, sock, bufio.NewReader(sock)}
}

func TestControl(t *testing.T) {
	s := control(t)
	s.create(t, "one", true)
	s.create(t, "other", false)
	if got, err := os.ReadDir(s.dir); err != nil || len(got) != 1 || got[0].Name() != "one" {
		t.Fatalf("sockets %v, %v", got, err)
	}
	m, _ := s.Manager.Get("one")
	if m.ControlAddress != filepath.Join(s.dir, "one") {
		t.Errorf("address %q", m.ControlAddress)
	}
	a, b := s.dialControl(t, "one"), s.dialControl(t, "one")
	for _, tt := range []struct{ method, params, want string }{
		{"Describe", `{}`, `{"running":true,"status":"running"}`},
		{"Pause", `{}`, "{}"},
		{"Resume", `{"allowInteractiveAuthentication":true}`, "{}"},
		{"Pause", `{"name":"other"}`, `InvalidParameter {"parameter":"name"}`},
		{"SubscribeEvents", `{}`, "ExpectedMore {}"},
		{"AddStorage", `{"fileDescriptorIndex":0,"name":"a:b"}`, instanceIf + ".NotSupported {}"},
		{"RemoveStorage", `{}`, `InvalidParameter {"parameter":"name"}`},
		{"QueryStatus", `{}`, `MethodNotFound {"method":"` + instanceIf + `.QueryStatus"}`},
	} {
		if got := a.call(instanceIf+"."+tt.method, tt.params); got != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.method, tt.params, got, tt.want)
		}
	}
	if got := a.call(machineIf+".List", `{"name":"one"}`); !strings.HasPrefix(got, "MethodNotFound") {
		t.Errorf("machines can be listed there: %s", got)
	}
	if err := s.Manager.Unregister("one"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(m.ControlAddress); err == nil {
		t.Error("the socket is left over")
	}
	if _, err := b.r.ReadByte(); err != io.EOF {
		t.Errorf("a connection outlives the machine: %v", err)
	}
}

// A machine of the same name is not the one that was meant.
func TestControlOfAnother(t *testing.T) {
	s := control(t)
	s.create(t, "one", true)
	m, _ := s.Manager.Get("one")
	of := &controlSocket{machine: "one", since: m.Monotonic}
	c := &call{Server: s.Server, conn: &conn{of: of}}
	if err := c.findMachine(); err != nil {
		t.Errorf("before: %v", err)
	}
	if err := s.Manager.Unregister("one"); err != nil {
		t.Fatal(err)
	}
	s.create(t, "one", true)
	if err := c.findMachine(); err == nil || err.Error() != instanceIf+".NotConnected" {
		t.Errorf("afterwards: %v", err)
	}
}

// Who asks may ask his user, unless he says no; machinectl says nothing.
func TestControlAsks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	s := control(t)
	s.create(t, "one", true)
	for _, dir := range []string{filepath.Dir(filepath.Dir(s.dir)), filepath.Dir(s.dir)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for params, want := range map[string]string{
		`{}`: "PermissionDenied {}",
		`{"allowInteractiveAuthentication":true}`:  "PermissionDenied {}",
		`{"allowInteractiveAuthentication":false}`: "io.systemd.InteractiveAuthenticationRequired {}",
	} {
		var sock *net.UnixConn
		err := sys.AsUser(1234, 1234, func() (err error) {
			sock, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join(s.dir, "one"), Net: "unix"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := newClient(t, sock).call(instanceIf+".Pause", params); got != want {
			t.Errorf("%s: got %s, want %s", params, got, want)
		}
	}
	if asked := s.polkit.told(); len(asked) != 3 || asked[0] != "manage-machines one" {
		t.Errorf("polkit was asked %q", asked)
	}
}

// No goroutine waits at a socket, and all are heard.
func TestManyControls(t *testing.T) {
	s := control(t)
	const many = 100
	name := func(i int) string { return "m" + string(rune('a'+i/26)) + string(rune('a'+i%26)) }
	before := runtime.NumGoroutine()
	for i := range many {
		if _, err := s.controls.Open(machine.Machine{Name: name(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines more", now-before)
	}
	for i := range many {
		if got := s.dialControl(t, name(i)).call(instanceIf+".Describe", `{}`); got != instanceIf+".NotConnected {}" {
			t.Fatalf("%s: %s", name(i), got)
		}
	}
	for i := range many {
		s.controls.Close(name(i))
	}
	if left, err := os.ReadDir(s.dir); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if _, err := net.Dial("unix", filepath.Join(s.dir, name(0))); !errors.Is(err, unix.ENOENT) {
		t.Errorf("closed: %v", err)
	}
}
