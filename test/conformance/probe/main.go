// SPDX-License-Identifier: Apache-2.0

// Command probe makes the calls of the conformance table to whatever serves
// org.freedesktop.machine1 here, and prints what came of each: a JSON object a
// line.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// Outcome is what came of a call.
type Outcome struct {
	Row     string
	Call    string
	Reply   string   `json:",omitempty"`
	Error   string   `json:",omitempty"`
	Text    string   `json:",omitempty"`
	Signals []string `json:",omitempty"`
	State   []string `json:",omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run() error {
	p, err := newProbe()
	if err != nil {
		return err
	}
	defer p.stopLeader()
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for _, r := range rows() {
		if err := out.Encode(p.try(r)); err != nil {
			return err
		}
	}
	return nil
}

// probe is a connection with a process that is registered.
type probe struct {
	root, user *dbus.Conn
	signals    chan *dbus.Signal
	leader     int
	host       map[string]string
}

func newProbe() (*probe, error) {
	p := &probe{signals: make(chan *dbus.Signal, 64), host: hostMarks()}
	var err error
	if p.root, err = dbus.ConnectSystemBus(); err != nil {
		return nil, err
	}
	p.root.Signal(p.signals)
	if err := p.root.AddMatchSignal(dbus.WithMatchInterface(bus + ".Manager")); err != nil {
		return nil, err
	}
	if p.user, err = connectAs(1000); err != nil {
		return nil, err
	}
	return p, p.startLeader()
}

const sleeper = "conformance-sleeper"

// startLeader starts a process in a service of its own.
func (p *probe) startLeader() error {
	p.stopLeader()
	if out, err := exec.Command("systemd-run", "-q", "--unit="+sleeper, "sleep", "1000").CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %s", err, out)
	}
	out, err := exec.Command("systemctl", "show", "-P", "MainPID", sleeper).Output()
	if err == nil {
		_, err = fmt.Sscan(string(out), &p.leader)
	}
	return err
}

func (p *probe) stopLeader() {
	_ = exec.Command("systemctl", "stop", sleeper).Run()
	_ = exec.Command("systemctl", "reset-failed", sleeper).Run()
}

// try makes one call.
func (p *probe) try(r row) Outcome {
	o := Outcome{Row: r.name, Call: r.method}
	text, err := p.prepare(r.before)
	if err != nil {
		o.Error = err.Error()
		return o
	}
	if r.method == "" {
		o.Reply = text
		return o
	}
	p.drain(0)
	if r.varlink {
		r.params = strings.ReplaceAll(r.params, "LEADER", strconv.Itoa(p.leader))
		p.varlink(r, &o)
		return o
	}
	conn, path, method := p.root, r.path, r.method
	if r.user {
		conn = p.user
	}
	if path == "" {
		path = manager
	}
	if !strings.Contains(method, ".") {
		method = bus + ".Manager." + method
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	call := conn.Object(bus, dbus.ObjectPath(path)).CallWithContext(ctx, method, 0, p.fill(r.args)...)
	var de dbus.Error
	switch {
	case errors.As(call.Err, &de):
		o.Error = de.Name
		o.Text = p.plain(fmt.Sprint(de.Body...))
	case call.Err != nil:
		o.Error = call.Err.Error()
	case strings.HasSuffix(method, ".Introspect"):
		o.Reply = children(fmt.Sprint(call.Body...))
	default:
		o.Reply = p.plain(show(call.Body))
	}
	if r.state {
		o.Signals = p.drain(300 * time.Millisecond)
		o.State = p.stateFile()
	}
	return o
}

// prepare runs a script, or starts another leader.
func (p *probe) prepare(script string) (string, error) {
	if script == "leader" {
		time.Sleep(500 * time.Millisecond)
		return "", p.startLeader()
	}
	if script == "" {
		return "", nil
	}
	out, err := exec.Command("bash", "-c", script).CombinedOutput()
	if err != nil {
		return string(out), nil // what it says is the outcome
	}
	return string(out), nil
}

func (p *probe) fill(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case leaderPID:
			a = uint32(p.leader)
		case ofLeader:
			a = append([]prop{{"LeaderPID", dbus.MakeVariant(uint32(p.leader))}, {"LeaderPIDFDID", dbus.MakeVariant(pidfdID(p.leader))}}, v...)
		}
		out[i] = a
	}
	return out
}

// pidfdID is the number by which a process is known until the next boot.
func pidfdID(pid int) uint64 {
	var st unix.Stat_t
	if fd, err := unix.PidfdOpen(pid, 0); err == nil {
		defer unix.Close(fd)
		_ = unix.Fstat(fd, &st) // 0 is no process's
	}
	return st.Ino
}

// drain gives the signals that came, after a while.
func (p *probe) drain(wait time.Duration) []string {
	time.Sleep(wait)
	var list []string
	for {
		select {
		case s := <-p.signals:
			if strings.HasPrefix(s.Name, bus) {
				list = append(list, strings.TrimPrefix(s.Name, bus+".Manager.")+show(s.Body))
			}
		default:
			return list
		}
	}
}

func (p *probe) stateFile() []string {
	b, err := os.ReadFile("/run/systemd/machines/my-c1")
	if err != nil {
		return []string{"none"}
	}
	var list []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, p.plain(line))
		}
	}
	return list
}
