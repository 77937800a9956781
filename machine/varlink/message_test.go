// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestParseMessage(t *testing.T) {
	for _, tt := range []struct {
		frame string
		want  string // "" if malformed
	}{
		{`{"method":"a.B"}`, "a.B"},
		{`{"method":"a.B","parameters":{"x":1},"more":true}`, "a.B+"},
		{` {"method":"a.B","parameters":null,"oneway":true,"more":false}`, "a.B-"},
		{`{"Method":"a.B"}`, ""},
		{`{"method":"a.B","parameters":[]}`, ""},
		{`{"method":"a.B","more":1}`, ""},
		{`{"method":"a.B","more":true,"oneway":true}`, ""},
		{`{"method":7}`, ""},
		{`{"method":""}`, ""},
		{`{"method":"a.B","extra":1}`, ""},
		{`{"method":"a.B"}{}`, ""},
		{`{}`, ""},
		{``, ""},
		{`null`, ""},
		{`[]`, ""},
		{"{\"method\":\"a.\xff\"}", ""},
		{strings.Repeat(`[`, 100000), ""},
		{strings.Repeat(`{"method":`, 20000), ""},
	} {
		m, err := parseMessage([]byte(tt.frame))
		got := m.method
		if m.more {
			got += "+"
		}
		if m.oneway {
			got += "-"
		}
		if err != nil {
			got = ""
		}
		if got != tt.want {
			t.Errorf("%.60s: got %q, want %q", tt.frame, got, tt.want)
		}
	}
}

func TestReadFrame(t *testing.T) {
	long := strings.Repeat("x", maxMessage)
	r := bufio.NewReader(strings.NewReader("one\x00\x00" + long[:maxMessage-1] + "\x00" + long + "\x00"))
	for i, want := range []string{"one", "", long[:maxMessage-1]} {
		if got, err := readFrame(r); err != nil || string(got) != want {
			t.Fatalf("frame %d: %d bytes, %v", i, len(got), err)
		}
	}
	if _, err := readFrame(r); !errors.Is(err, errTooLong) {
		t.Errorf("a frame that is too long: %v", err)
	}
	if _, err := readFrame(bufio.NewReader(strings.NewReader("half"))); !errors.Is(err, io.EOF) {
		t.Errorf("a frame without end: %v", err)
	}
}

func TestCheck(t *testing.T) {
	i := machineInterface()
	for _, tt := range []struct{ method, params, bad string }{
		{"List", `{}`, ""},
		{"List", `{"name":"deb","acquireMetadata":"graceful","pid":{"pid":1}}`, ""},
		{"List", `{"name":null}`, ""},
		{"List", `{"name":7}`, "name"},
		{"List", `{"name":"a\u0000b"}`, "name"},
		{"List", `{"Name":"deb"}`, "Name"},
		{"List", `{"acquireMetadata":"maybe"}`, "acquireMetadata"},
		{"List", `{"pid":7}`, "pid"},
		{"List", `{"pid":{}}`, "pid"},
		{"List", `{"pid":{"pid":1.5}}`, "pid"},
		{"List", `{"pid":{"pid":18446744073709551616}}`, "pid"},
		{"List", `{"allowInteractiveAuthentication":"yes"}`, "allowInteractiveAuthentication"},
		{"Kill", `{"name":"deb"}`, "signal"},
		{"Kill", `{"name":"deb","signal":null}`, "signal"},
		{"Open", `{"mode":"shell","args":["a",7]}`, "args"},
		{"Open", `{"mode":"shell","args":{}}`, "args"},
		{"Register", `{"name":"x","class":"container","ifIndices":[1,2]}`, ""},
	} {
		given, ok := parseObject([]byte(tt.params))
		if !ok {
			t.Fatalf("%s is no object", tt.params)
		}
		_, bad, _ := i.decodeFields(i.method(tt.method).in, given)
		if bad != tt.bad {
			t.Errorf("%s %s: bad field %q, want %q", tt.method, tt.params, bad, tt.bad)
		}
	}
}

func TestObject(t *testing.T) {
	var inner, o object
	inner.uint("n", 1<<64-1)
	o.str("s", "a\"\\\n\x7fé\xff€")
	o.boolean("b", true)
	o.object("o", inner)
	o.object("empty", nil)
	o.strs("list", []string{"x", ""})
	o.bytes("raw", []byte{0, 255})
	o.objects("all", []object{inner, nil})
	o.text("none", "")
	var back map[string]any
	if err := json.Unmarshal(o.end(), &back); err != nil {
		t.Fatalf("%s: %v", o.end(), err)
	}
	if got := back["s"]; got != "a\"\\\n\x7fé\uFFFD€" {
		t.Errorf("string is %q", got)
	}
	if len(back) != 7 {
		t.Errorf("%d fields in %s", len(back), o.end())
	}
}

// Whatever a caller sends, it is parsed or refused, and what is answered is
// JSON.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"method":"io.systemd.Machine.List","parameters":{"name":"deb","pid":{"pid":1,"pidfdId":2,"bootId":"x"}},"more":true}`,
		`{"method":"io.systemd.Machine.Register","parameters":{"name":"a","class":"container","ifIndices":[1],"leader":7,"allocateUnit":true}}`,
		`{"method":"io.systemd.Machine.Open","parameters":{"mode":"shell","args":["a"],"environment":["A=\u00e9"]},"oneway":true}`,
		`{"method":"io.systemd.Resolve.Hook.ResolveRecord","parameters":{"question":[{"key":{"class":1,"type":28,"name":"deb"}}]}}`,
		`{"method":"io.systemd.UserDatabase.GetUserRecord","parameters":{"uid":-1,"service":null}}`, `{"method":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	faces := newFaces()
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := parseMessage(frame)
		if err != nil {
			return
		}
		for _, face := range faces {
			row, ok := face.methods[m.method]
			if !ok {
				continue
			}
			args, err := row.iface.check(row.in, m.parameters)
			if err == nil && len(args) > len(m.parameters) {
				t.Errorf("more fields than were given: %v", args)
			}
		}
		reply := appendError(nil, m.method, failWith("x", "method", m.method).(*wireError).params)
		if !json.Valid(reply[:len(reply)-1]) || reply[len(reply)-1] != 0 {
			t.Errorf("no JSON: %q", reply)
		}
	})
}
