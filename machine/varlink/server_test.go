// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/machine"
	"machined-go/machine/polkit"
	"machined-go/machine/systemd1"
)

// calmUnits is a systemd where everything works and nothing happens.
type calmUnits struct{}

func (calmUnits) State(_ context.Context, name string) (systemd1.Unit, error) {
	return systemd1.Unit{Name: name, ActiveState: "active"}, nil
}
func (calmUnits) StartScope(context.Context, systemd1.Scope) error      { return nil }
func (calmUnits) QueueStop(context.Context, string) error               { return nil }
func (calmUnits) KillUnit(context.Context, string, string, int32) error { return nil }
func (calmUnits) Freeze(context.Context, string) error                  { return nil }
func (calmUnits) Thaw(context.Context, string) error                    { return nil }

type noWatch struct{}

func (noWatch) Add(int, func()) error { return nil }
func (noWatch) Remove(int)            {}

type someLevel struct{ n int }

func (l *someLevel) Syslog() int     { return l.n }
func (l *someLevel) SetSyslog(n int) { l.n = n }

// strict is a polkit that refuses, and notes what it was asked.
type strict struct {
	mu    sync.Mutex
	asked []string
}

// told gives what it was asked since the last time.
func (s *strict) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.asked = nil }()
	return s.asked
}

func (s *strict) Check(_ context.Context, q polkit.Question) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, strings.TrimPrefix(q.Action, "org.freedesktop.machine1.")+" "+q.Details["machine"]+q.Details["name"])
	if q.Interactive {
		return polkit.ErrDenied
	}
	return polkit.ErrChallenge
}

// served is a server with its sockets.
type served struct {
	*Server
	places []Place
	polkit *strict
}

func serve(t testing.TB) *served {
	t.Helper()
	dir := t.TempDir()
	files, err := machine.OpenDir(filepath.Join(dir, "public"), filepath.Join(dir, "own"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	m := machine.NewManager(calmUnits{}, noWatch{}, files, log)
	s := &served{polkit: new(strict)}
	s.Server = New(Config{Manager: m, Polkit: s.polkit, Level: &someLevel{6}, Log: log, Version: "1", Environ: []string{"A=b"}})
	m.Observe(s)
	s.places = []Place{
		{FaceMachine, filepath.Join(dir, "m/machine"), []string{filepath.Join(dir, "m/image")}, nil},
		{FaceUsers, filepath.Join(dir, "u/users"), nil, userMarks()},
		{FaceHook, filepath.Join(dir, "h/hook"), nil, nil},
	}
	sockets, err := Listen(s.places, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range sockets {
		go s.Serve(l)
		t.Cleanup(l.Close)
	}
	return s
}

// client is one connection to it.
type client struct {
	t    testing.TB
	sock *net.UnixConn
	r    *bufio.Reader
}

func (s *served) dial(t testing.TB, face string) *client {
	t.Helper()
	for _, p := range s.places {
		if p.Face == face {
			sock, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: p.Path, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { sock.Close() })
			_ = sock.SetDeadline(time.Now().Add(20 * time.Second))
			return &client{t, sock, bufio.NewReader(sock)}
		}
	}
	t.Fatalf("no face %q", face)
	return nil
}

// reply is a message from the server.
type reply struct {
	Error      string
	Parameters map[string]any
	Continues  bool
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := c.sock.Write([]byte(text + "\x00")); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) receive() (r reply) {
	c.t.Helper()
	b, err := c.r.ReadBytes(0)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal(b[:len(b)-1], &r); err != nil {
		c.t.Fatalf("%s: %v", b, err)
	}
	return r
}

// call sends a call and gives the error's name, or the parameters as JSON.
func (c *client) call(method, params string) string {
	c.t.Helper()
	c.send(`{"method":"` + method + `","parameters":` + params + `}`)
	r := c.receive()
	b, _ := json.Marshal(r.Parameters)
	if r.Error != "" {
		return strings.TrimPrefix(r.Error+" "+string(b), "org.varlink.service.")
	}
	return string(b)
}

func sleeper(t testing.TB) int {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

func (c *client) register(name string, pid int) string {
	return c.call(machineIf+".Register", fmt.Sprintf(
		`{"name":%q,"class":"container","service":"test","leaderProcessId":{"pid":%d},"allocateUnit":true,"ifIndices":[3]}`, name, pid))
}

func TestCalls(t *testing.T) {
	s := serve(t)
	c := s.dial(t, FaceMachine)
	if got := c.register("one", sleeper(t)); got != "{}" {
		t.Fatalf("register: %s", got)
	}
	for _, tt := range []struct{ method, params, want string }{
		{machineIf + ".Register", `{"name":"one","class":"container","allocateUnit":true}`, machineIf + ".MachineExists {}"},
		{machineIf + ".Register", `{"name":"a..b","class":"container"}`, `InvalidParameter {"parameter":"name"}`},
		{machineIf + ".Register", `{"name":"a","class":"host"}`, `InvalidParameter {"parameter":"class"}`},
		{machineIf + ".Register", `{"name":"a","class":"vm","id":"123"}`, `InvalidParameter {"parameter":"id"}`},
		{machineIf + ".Register", `{"name":"a","class":"vm","leader":1}`, `InvalidParameter {"parameter":"leader"}`},
		{machineIf + ".Register", `{"name":"a","class":"vm","ifIndices":[0]}`, `InvalidParameter {"parameter":"ifIndices"}`},
		{machineIf + ".Register", `{"name":"a","class":"vm","service":"x\ny"}`, `InvalidParameter {"parameter":"service"}`},
		{machineIf + ".Register", `{"name":"a","class":"vm","vSockCid":2}`, `InvalidParameter {"parameter":"vSockCid"}`},
		{machineIf + ".Register", `{"name":"a","class":"vm","vSockCid":4294967295}`, `InvalidParameter {"parameter":"vSockCid"}`},
		{machineIf + ".Register", `{"name":"a","class":"vm","sshPrivateKeyPath":"k"}`, `InvalidParameter {"parameter":"sshPrivateKeyPath"}`},
		{machineIf + ".Register", `{"name":"a","class":"vm","controlAddress":""}`, `InvalidParameter {"parameter":"controlAddress"}`},
		{machineIf + ".Register", `{"name":"a","class":"vm","rootDirectory":"x"}`, `InvalidParameter {"parameter":"rootDirectory"}`},
		{machineIf + ".List", `{}`, "ExpectedMore {}"},
		{machineIf + ".List", `{"name":"two"}`, machineIf + ".NoSuchMachine {}"},
		{machineIf + ".List", `{"name":"one","pid":{"pid":1}}`, machineIf + ".NoSuchMachine {}"},
		{machineIf + ".List", `{"pid":{"pid":2147483648}}`, `InvalidParameter {"parameter":"pid"}`},
		{machineIf + ".Kill", `{"name":"two","signal":65}`, `InvalidParameter {"parameter":"signal"}`},
		{machineIf + ".Terminate", `{"name":".host"}`, `io.systemd.System {"errno":95,"errnoName":"EOPNOTSUPP","origin":"linux"}`},
		{machineIf + ".Open", `{"name":"one","mode":"shell","path":"sh"}`, `InvalidParameter {"parameter":"path"}`},
		{machineIf + ".MapTo", `{"uid":7}`, machineIf + ".UserInHostRange {}"},
		{machineIf + ".BindMount", `{"name":"one","source":"/a/../b"}`, `InvalidParameter {"parameter":"source"}`},
		{machineIf + ".CopyTo", `{"name":".host","source":"/a"}`, machineIf + ".NotSupported {}"},
		{imageIf + ".List", `{"name":".#x"}`, `InvalidParameter {"parameter":"name"}`},
		{imageIf + ".Remove", `{"name":"none-such"}`, imageIf + ".NoSuchImage {}"},
		{"io.systemd.service.Ping", `{}`, "{}"},
		{"io.systemd.service.Reload", `{}`, `MethodNotFound {"method":"io.systemd.service.Reload"}`},
		{"io.systemd.service.SetLogLevel", `{"level":7}`, "{}"},
		{"io.systemd.service.GetLogLevel", `{}`, `{"level":7}`},
		{"io.systemd.service.GetEnvironment", `{}`, `{"environment":["A=b"]}`},
		{"a.b.C", `{}`, `MethodNotFound {"method":"a.b.C"}`},
		{serviceIf + ".GetInterfaceDescription", `{"interface":"a.b"}`, `InterfaceNotFound {"interface":"a.b"}`},
		{machineIf + ".Unregister", `{"name":"one"}`, "{}"},
		{machineIf + ".Unregister", `{"name":"one"}`, machineIf + ".NoSuchMachine {}"},
	} {
		if got := c.call(tt.method, tt.params); got != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.method, tt.params, got, tt.want)
		}
	}
}

func (c *client) list() (names []string) {
	c.t.Helper()
	c.send(`{"method":"io.systemd.Machine.List","more":true}`)
	for {
		r := c.receive()
		names = append(names, fmt.Sprint(r.Parameters["name"]))
		if !r.Continues {
			return names
		}
	}
}

// The list is kept, but never longer than it is right.
func TestListIsFresh(t *testing.T) {
	s := serve(t)
	a, b := s.dial(t, FaceMachine), s.dial(t, FaceMachine)
	for i, want := range []string{".host", ".host m1", ".host m1 m2", ".host m1 m2 m3"} {
		for range 2 {
			if got := strings.Join(a.list(), " "); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
		b.register(fmt.Sprintf("m%d", i+1), sleeper(t))
	}
	b.call(machineIf+".Unregister", `{"name":"m2"}`)
	if got := strings.Join(a.list(), " "); got != ".host m1 m3 m4" {
		t.Errorf("got %s", got)
	}
}

func TestDescriptorInReply(t *testing.T) {
	s := serve(t)
	c := s.dial(t, FaceMachine)
	c.send(`{"method":"io.systemd.Machine.OpenRootDirectory","parameters":{"name":".host"}}`)
	buf, oob := make([]byte, 4096), make([]byte, 256)
	n, oobn, _, _, err := c.sock.ReadMsgUnix(buf, oob)
	if err != nil {
		t.Fatal(err)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(msgs) != 1 {
		t.Fatalf("%q, %d control messages, %v", buf[:n], len(msgs), err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("%d descriptors, %v", len(fds), err)
	}
	defer unix.Close(fds[0])
	if got, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fds[0])); got != "/" || err != nil {
		t.Errorf("descriptor is of %q, %v", got, err)
	}
	if want := `{"parameters":{"fileDescriptor":0}}` + "\x00"; string(buf[:n]) != want {
		t.Errorf("reply is %q", buf[:n])
	}
}

// Who is told of names is told again when they change, and forgotten when he
// hangs up.
func TestNamesAreFollowed(t *testing.T) {
	s := serve(t)
	m, h := s.dial(t, FaceMachine), s.dial(t, FaceHook)
	h.send(`{"method":"io.systemd.Resolve.Hook.QueryFilter","more":true}`)
	if r := h.receive(); fmt.Sprint(r.Parameters["filterDomains"]) != "[]" || !r.Continues {
		t.Fatalf("first: %v", r)
	}
	m.register("Web.one", sleeper(t))
	if r := h.receive(); fmt.Sprint(r.Parameters["filterDomains"]) != "[web.one]" || !r.Continues {
		t.Fatalf("after registration: %v", r)
	}
	ask := func(name string) string {
		return s.dial(t, FaceHook).call("io.systemd.Resolve.Hook.ResolveRecord", `{"question":[{"key":{"type":1,"name":"`+name+`"}}]}`)
	}
	for name, want := range map[string]string{"a.WEB.one": `{"rcode":3}`, "one": "{}", "web.one.": "{}", "": "{}", "..": "{}"} {
		if got := ask(name); got != want { // it shares our network, so it has no addresses
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	before := s.count()
	h.sock.Close()
	eventually(t, func() bool { return s.count() == before-1 })
}

func (s *served) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never happens")
		}
	}
}
