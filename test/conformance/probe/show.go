// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"

	"machined-go/boot/sys"
)

// connectAs makes a connection of another user's.
func connectAs(uid uint32) (*dbus.Conn, error) {
	var conn *dbus.Conn
	err := sys.AsUser(uid, uid, func() error {
		c, err := net.Dial("unix", "/run/dbus/system_bus_socket")
		if err == nil {
			conn, err = dbus.NewConn(c)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(int(uid)))}); err != nil {
		return nil, err
	}
	return conn, conn.Hello()
}

// show writes a value in one way, whatever order it came in.
func show(v any) string {
	switch v := v.(type) {
	case []any:
		return "(" + list(v, show) + ")"
	case [][]any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = show(x)
		}
		sort.Strings(parts)
		return "[" + strings.Join(parts, " ") + "]"
	case map[string]dbus.Variant:
		parts := make([]string, 0, len(v))
		for k, x := range v {
			parts = append(parts, k+"="+show(x.Value())+":"+x.Signature().String())
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, " ") + "}"
	case dbus.Variant:
		return show(v.Value()) + ":" + v.Signature().String()
	case dbus.UnixFD:
		f := os.NewFile(uintptr(v), "fd")
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return "fd?"
		}
		return "fd " + st.Mode().Type().String()
	}
	return fmt.Sprintf("%v", v)
}

func list(v []any, each func(any) string) string {
	parts := make([]string, len(v))
	for i, x := range v {
		parts[i] = each(x)
	}
	return strings.Join(parts, " ")
}

// changing are values that differ from run to run.
var changing = []*regexp.Regexp{
	regexp.MustCompile(`(Timestamp\w*=)\d+`), regexp.MustCompile(`(PIDFDId=)\d+`), regexp.MustCompile(`(Supervisor=)\d+`),
	regexp.MustCompile(`((?:REALTIME|MONOTONIC|SUPERVISOR|LEADER_PIDFDID|SUPERVISOR_PIDFDID)=)\d+`), regexp.MustCompile(`\b()\d{15,16}\b`),
	regexp.MustCompile(`("(?:pid|pidfdId|monotonic)":)\d+`), regexp.MustCompile(`()\b(?:[1-9a-f][0-9a-f]{31}|[0-9a-f]{12}[1-9a-f][0-9a-f]{19})\b`),
	regexp.MustCompile(`(pid=|PID )\d+`), regexp.MustCompile(`(dev/pts/)\d+`), regexp.MustCompile(`(:1\.)\d+`),
}

var child = regexp.MustCompile(`<node name="([^"]*)"`)

// children are the names of the objects below one, of what it says of itself.
func children(xml string) string {
	var names []string
	for _, m := range child.FindAllStringSubmatch(xml, -1) {
		names = append(names, m[1])
	}
	sort.Strings(names)
	return strings.Join(names, " ")
}

// plain takes from a text what differs from run to run.
func (p *probe) plain(s string) string {
	for from, to := range p.host {
		s = strings.ReplaceAll(s, from, to)
	}
	s = regexp.MustCompile(`(Leader=|LEADER=|PID |process )`+strconv.Itoa(p.leader)+`\b`).ReplaceAllString(s, "${1}it")
	for _, re := range changing {
		s = re.ReplaceAllString(s, "${1}…")
	}
	return s
}

// hostMarks are what this host calls itself.
func hostMarks() map[string]string {
	marks := map[string]string{}
	if name, err := os.Hostname(); err == nil {
		marks[name] = "HOSTNAME"
	}
	if b, err := os.ReadFile("/etc/machine-id"); err == nil {
		if id, err := hex.DecodeString(strings.TrimSpace(string(b))); err == nil {
			marks[fmt.Sprintf("%v", id)] = "[HOST ID]"
		}
	}
	return marks
}
