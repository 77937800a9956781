// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/machine/polkit"
)

// What is no Varlink is answered with an error and the end.
func TestNoVarlink(t *testing.T) {
	s := serve(t)
	for _, text := range []string{"", "GET / HTTP/1.0\r\n", "{}", `{"method":7}`, `{"method":"a.B"`, strings.Repeat("x", maxMessage+1),
		strings.Repeat("[", maxMessage-1), `{"method":"a.B","upgrade":"yes"}`} {
		c := s.dial(t, FaceMachine)
		go c.sock.Write([]byte(text + "\x00"))
		if r := c.receive(); r.Error != "io.systemd.Protocol" {
			t.Errorf("%.20q: got %v", text, r)
		}
		if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("%.20q: connection goes on: %v", text, err)
		}
	}
}

// Calls sent together are answered in order, those without reply by none; who
// hangs up his half still gets his answers.
func TestPipeline(t *testing.T) {
	s := serve(t)
	c := s.dial(t, FaceMachine)
	c.send(strings.Repeat(`{"method":"io.systemd.service.GetLogLevel"}`+"\x00"+`{"method":"a.B","oneway":true}`+"\x00", 100) +
		`{"method":"a.B","upgrade":true}`)
	_ = c.sock.CloseWrite()
	for range 100 {
		if r := c.receive(); r.Error != "" || r.Parameters["level"] != 6.0 {
			t.Fatalf("got %v", r)
		}
	}
	if r := c.receive(); r.Error != serviceIf+".MethodNotFound" {
		t.Errorf("got %v", r)
	}
	if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("connection goes on: %v", err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Descriptors that a caller sends are not kept, nor are connections that he
// leaves, however he does.
func TestNothingLeaks(t *testing.T) {
	s := serve(t)
	s.dial(t, FaceMachine).call("io.systemd.service.Ping", "{}")
	before := openFiles(t)
	for i := range 50 {
		sock, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: s.places[0].Path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		null, err := os.Open("/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		rights := unix.UnixRights(int(null.Fd()), int(null.Fd()))
		text := []byte(`{"method":"io.systemd.Machine.List","more":true}` + "\x00" + `{"method":"half`)
		if _, _, err := sock.WriteMsgUnix(text, rights, nil); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			_, _ = sock.Read(make([]byte, 1))
		}
		null.Close()
		sock.Close()
	}
	eventually(t, func() bool { return openFiles(t) <= before })
}

// A user has so many connections and no more, and root still gets in.
func TestTooManyConnections(t *testing.T) {
	s := serve(t)
	for range maxUserConns {
		if !s.admit(1000) {
			t.Fatal("refused too early")
		}
	}
	if s.admit(1000) {
		t.Error("no limit for a user")
	}
	for uid := uint32(2000); s.admit(uid); uid++ {
	}
	for range maxUserConns {
		if !s.admit(0) {
			t.Fatal("users keep root out")
		}
	}
	if s.admit(0) {
		t.Error("no limit at all")
	}
	s.leave(1000)
	if s.users[1000] != maxUserConns-1 {
		t.Errorf("%d connections are counted", s.users[1000])
	}
}

// asUser calls as an ordinary user would and gives the error's name.
func (s *served) asUser(t *testing.T, face, method, params string) string {
	t.Helper()
	given, ok := parseObject([]byte(params))
	if !ok {
		t.Fatalf("%s is no object", params)
	}
	c := &call{Server: s.Server, ctx: context.Background(), message: message{method: method, parameters: given},
		conn: &conn{server: s.Server, face: s.faces[face], peer: peer{uid: 1000, pid: os.Getpid(), pidfd: -1}}}
	defer c.closeFiles()
	_, err := s.run(c)
	if err == nil {
		return ""
	}
	return wireErrorOf(err).name
}

func TestUserIsRefused(t *testing.T) {
	s := serve(t)
	s.dial(t, FaceMachine).register("one", sleeper(t))
	for _, tt := range []struct{ method, params, asked string }{
		{machineIf + ".Unregister", `{"name":"one"}`, "manage-machines one"},
		{machineIf + ".Terminate", `{"name":"one"}`, "manage-machines one"},
		{machineIf + ".Kill", `{"name":"one","signal":9}`, "manage-machines one"},
		{machineIf + ".OpenRootDirectory", `{"name":"one"}`, "manage-machines one"},
		{machineIf + ".BindMount", `{"name":"one","source":"/etc"}`, "manage-machines one"},
		{machineIf + ".CopyTo", `{"name":"one","source":"/etc"}`, "manage-machines one"},
		{machineIf + ".CopyFrom", `{"name":"one","source":"/etc"}`, "manage-machines one"},
		{machineIf + ".Open", `{"name":"one","mode":"tty"}`, "open-pty one"},
		{machineIf + ".Open", `{"name":"one","mode":"login"}`, "login one"},
		{machineIf + ".Open", `{"name":"one","mode":"shell"}`, "shell one"},
		{machineIf + ".Open", `{"name":".host","mode":"shell"}`, "host-shell .host"},
		{machineIf + ".Register", `{"name":"u","class":"container"}`, "register-machine u"},
		{machineIf + ".Register", `{"name":"u","class":"container","allocateUnit":true}`, "create-machine u"},
		{imageIf + ".SetPoolLimit", `{"limit":1}`, "manage-machines "},
	} {
		_ = s.polkit.told()
		got := s.asUser(t, FaceMachine, tt.method, tt.params)
		if asked := s.polkit.told(); got != "io.systemd.InteractiveAuthenticationRequired" || !slices.Equal(asked, []string{tt.asked}) {
			t.Errorf("%s %s: got %q, polkit was asked %q", tt.method, tt.params, got, asked)
		}
	}
	for _, method := range []string{"SetLogLevel", "GetEnvironment"} {
		if got := s.asUser(t, FaceMachine, "io.systemd.service."+method, `{}`); got != serviceIf+".PermissionDenied" {
			t.Errorf("%s: got %q", method, got)
		}
	}
}

// A user cannot make root's process his machine, even if polkit lets him.
func TestLeaderMustBeOnesOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs a process of root's")
	}
	s := serve(t)
	s.Polkit = lenient{}
	if got := s.asUser(t, FaceMachine, machineIf+".Register", `{"name":"u","class":"container","allocateUnit":true}`); got != serviceIf+".PermissionDenied" {
		t.Errorf("got %q", got)
	}
}

type lenient struct{}

func (lenient) Check(context.Context, polkit.Question) error { return nil }

// A caller that does not read holds up nobody else.
func TestSlowReader(t *testing.T) {
	s := serve(t)
	slow := s.dial(t, FaceMachine)
	flood := bytes.Repeat([]byte(`{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"io.systemd.Machine"}}`+"\x00"), 1000)
	go slow.sock.Write(flood)
	time.Sleep(50 * time.Millisecond)
	begin := time.Now()
	for range 20 {
		s.dial(t, FaceMachine).call("io.systemd.service.Ping", "{}")
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("others waited %v", d)
	}
}
