// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// encodeCall has godbus write a call.
func encodeCall(t testing.TB, order binary.ByteOrder, args ...any) []byte {
	t.Helper()
	m := &dbus.Message{Type: dbus.TypeMethodCall, Body: args, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/a/b")), dbus.FieldInterface: dbus.MakeVariant("a.b"),
		dbus.FieldMember: dbus.MakeVariant("Do"), dbus.FieldSender: dbus.MakeVariant(":1.7"),
	}}
	if len(args) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
	}
	if n, err := m.CountFds(); err != nil {
		t.Fatal(err)
	} else if n > 0 {
		m.Headers[dbus.FieldUnixFDs] = dbus.MakeVariant(uint32(n))
	}
	var b bytes.Buffer
	if _, err := m.EncodeToWithFDs(&b, order); err != nil {
		t.Fatal(err)
	}
	order.PutUint32(b.Bytes()[atSerial:], 42)
	return b.Bytes()
}

func TestParse(t *testing.T) {
	for name, args := range map[string][]any{
		"nothing": nil,
		"plain":   {"one", uint32(2)},
		"other":   {"one", map[string]dbus.Variant{"k": dbus.MakeVariant([]string{"v"})}},
	} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			raw := encodeCall(t, order, args...)
			if n, err := sizeOf(raw[:headSize]); err != nil || n != len(raw) {
				t.Errorf("%s: size %d, %v, want %d", name, n, err, len(raw))
			}
			m, fds, err := parse(raw)
			if err != nil || fds != 0 {
				t.Fatalf("%s: %v, %d descriptors", name, err, fds)
			}
			if m.Type != dbus.TypeMethodCall || m.Serial != 42 || m.Path != "/a/b" || m.Interface != "a.b" || m.Member != "Do" || m.Sender != ":1.7" {
				t.Errorf("%s: parsed %+v", name, m)
			}
			if got, err := m.Args(); err != nil || !reflect.DeepEqual(got, args) {
				t.Errorf("%s: args %v, %v, want %v", name, got, err, args)
			}
		}
	}
}

// A header field that nobody knows must not hide those behind it: the number of
// descriptors decides whose the next ones are.
func TestParseSkipsUnknownFields(t *testing.T) {
	for _, unknown := range []func(e *Encoder){
		func(e *Encoder) { e.Signature("s"); e.Str("text") },
		func(e *Encoder) { e.Signature("ay"); e.Value([]byte{1, 2, 3}) },
		func(e *Encoder) { e.Signature("a(ssu)"); e.Array(8, func() { e.Str("a"); e.Str("b"); e.Uint32(1) }) },
		func(e *Encoder) {
			e.Signature("(yv)")
			e.Align(8)
			*e = append(*e, 9)
			e.Signature("t")
			e.Value(uint64(1))
		},
	} {
		e := Encoder{'l', byte(dbus.TypeMethodCall), 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}
		e = append(e, 200)
		unknown(&e)
		e.field(dbus.FieldUnixFDs, 'u')
		e.Uint32(3)
		binary.LittleEndian.PutUint32(e[atFields:], uint32(len(e)-headSize))
		e.Align(8)
		if _, fds, err := parse(e); err != nil || fds != 3 {
			t.Errorf("%q: %d descriptors, %v, want 3", e, fds, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(encodeCall(f, binary.LittleEndian, "one", uint32(2)))
	f.Add(encodeCall(f, binary.BigEndian, []string{"one"}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) < headSize {
			return
		}
		n, err := sizeOf(raw)
		if err != nil || n > len(raw) {
			return
		}
		if m, _, err := parse(raw[:n]); err == nil {
			_, _ = m.Args()
		}
	})
}

// What godbus reads from a reply of ours is what was written.
func TestReply(t *testing.T) {
	for sig, v := range map[string]any{
		"s": "text", "o": dbus.ObjectPath("/a"), "u": uint32(7), "t": uint64(8), "b": true, "ay": []byte("id"),
		"ai": []int32{-1, 2}, "a{ss}": map[string]string{"A": "b", "C": ""},
	} {
		var body Encoder
		if !body.Value(v) {
			t.Errorf("%s: not encoded", sig)
			continue
		}
		raw := append(replyHead(&Message{Serial: 5, Sender: ":1.7"}, sig, len(body)), body...)
		binary.LittleEndian.PutUint32(raw[atSerial:], 1)
		m, err := dbus.DecodeMessage(bytes.NewReader(raw))
		if err != nil {
			t.Errorf("%s: %v", sig, err)
			continue
		}
		if len(m.Body) != 1 || !reflect.DeepEqual(m.Body[0], v) || m.Headers[dbus.FieldReplySerial].Value() != uint32(5) {
			t.Errorf("%s: %v, want %v", sig, m, v)
		}
	}
	for _, bad := range []any{"\xff", "a\x00b", dbus.ObjectPath("a"), map[string]string{"a": "\xff"}, 1.5} {
		if new(Encoder).Value(bad) {
			t.Errorf("%q is sent", bad)
		}
	}
}

// Each message gets the descriptors that were sent with it, however the bytes
// are cut.
func TestDescriptorsBelongToTheirMessage(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	r := newReader(unixConn(t, pair[1]))
	var files []*os.File
	for i := range 3 {
		f, err := os.Create(filepath.Join(t.TempDir(), string('a'+rune(i))))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	handle := func(i int) dbus.UnixFD { return dbus.UnixFD(files[i].Fd()) }
	send := func(raw []byte, fds ...int) {
		if err := unix.Sendmsg(pair[0], raw, unix.UnixRights(fds...), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	send(encodeCall(t, binary.LittleEndian, "none"))
	// The second names one of its two descriptors twice, the other never.
	second := encodeCall(t, binary.LittleEndian, handle(0), handle(1))
	binary.LittleEndian.PutUint32(second[len(second)-4:], 0)
	send(second, int(files[0].Fd()), int(files[1].Fd()))
	send(encodeCall(t, binary.LittleEndian, "long", make([]byte, 3*usual)))
	send(encodeCall(t, binary.LittleEndian, handle(2)), int(files[2].Fd()))
	for i, want := range [][]*os.File{nil, {files[0], files[0]}, nil, {files[2]}} {
		m, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		args, err := m.Args()
		if err != nil {
			t.Fatal(err)
		}
		for k, f := range want {
			if !sameFile(t, int(args[k].(dbus.UnixFD)), f) {
				t.Errorf("message %d, argument %d is another file", i, k)
			}
		}
		m.Close()
	}
	if len(r.fds) != 0 {
		t.Errorf("%d descriptors are left", len(r.fds))
	}
}

func unixConn(t *testing.T, fd int) *net.UnixConn {
	t.Helper()
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.UnixConn)
}

func sameFile(t *testing.T, fd int, f *os.File) bool {
	t.Helper()
	var a, b unix.Stat_t
	if unix.Fstat(fd, &a) != nil || unix.Fstat(int(f.Fd()), &b) != nil {
		t.Fatal("no such file descriptor")
	}
	return a.Ino == b.Ino && a.Dev == b.Dev
}
