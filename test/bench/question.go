// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/godbus/dbus/v5"
)

// question is a call on the bus, with the proof that its reply is one.
type question struct {
	key         string
	destination string
	path        dbus.ObjectPath
	method      string
	args        []any
	proof       func(body []any) bool
}

// questions ask for machine n and for the whole list.
func (r registry) questions(n int) []question {
	name := r.name(n - 1)
	// Letters, digits; a dash is escaped as sd_bus_path_encode(3) does.
	path := machine1Path + "/machine/" + dbus.ObjectPath(strings.ReplaceAll(name, "-", "_2d"))
	ask := func(key string, proof func([]any) bool, args ...any) question {
		return question{key, machine1, machine1Path, managerIface + key, args, proof}
	}
	isPath := func(body []any) bool { return body[0] == path }
	return []question{
		{"bus", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.GetId", nil, func(body []any) bool { return len(body) == 1 }},
		ask("GetMachine", isPath, name),
		ask("GetMachineByPID", isPath, uint32(r.pids[n-1])),
		{"GetAll", machine1, path, "org.freedesktop.DBus.Properties.GetAll", []any{machine1 + ".Machine"}, func(body []any) bool {
			all, _ := body[0].(map[string]dbus.Variant)
			return all["Name"].Value() == name
		}},
		ask("ListMachines", func(body []any) bool {
			list, _ := body[0].([][]any)
			return len(list) == n+1 // and the host
		}),
		ask("GetMachineOSRelease", func(body []any) bool {
			fields, _ := body[0].(map[string]string)
			return fields["ID"] == "debian"
		}, name),
		ask("GetMachineAddresses", func(body []any) bool {
			list, _ := body[0].([][]any)
			return len(list) == 1
		}, name),
	}
}

// time makes the call often; the first reply is looked at and does not count.
func (q question) time(bus *wire) (us float64, err error) {
	call, err := encodeCall(q.destination, q.path, q.method, q.args...)
	if err != nil {
		return 0, err
	}
	reply, err := bus.call(call)
	if err != nil {
		return 0, err
	}
	m, err := dbus.DecodeMessage(bytes.NewReader(reply))
	if err != nil {
		return 0, err
	}
	if !q.proof(m.Body) {
		return 0, fmt.Errorf("unexpected reply %v", m)
	}
	return medianOf(func() error {
		_, err := bus.call(call)
		return err
	})
}

// timeList runs the stock client once, in ms.
func timeList(ctx context.Context, n int) (float64, error) {
	cmd := exec.CommandContext(ctx, "machinectl", "list", "--no-pager", "--no-legend")
	var said bytes.Buffer
	cmd.Stdout = &said
	called := now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("machinectl list: %w", err)
	}
	ms := now().since(called)
	if rows := strings.Count(said.String(), "192.0.2.1"); rows != n {
		return 0, fmt.Errorf("machinectl list: %d rows with an address, want %d", rows, n)
	}
	return ms, nil
}
