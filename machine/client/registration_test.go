// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"machined-go/machine/client"
	"machined-go/machine/client/clienttest"
)

const ownInterface = "org.machinedgo.Manager1"

func TestRegisterSurvivesADaemonThatDies(t *testing.T) {
	bus, c := start(t)
	leader, console, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer leader.Close()
	defer console.Close()
	lives := 0
	bus.Handle(ownInterface+".RegisterMachine", func(clienttest.Call) ([]any, error) {
		if lives++; lives < 4 {
			return nil, clienttest.ErrNoReply()
		}
		return []any{dbus.ObjectPath("/org/freedesktop/machine1/machine/web")}, nil
	})
	path, err := c.Register(t.Context(), client.Registration{
		Name: "web", ID: [16]byte{1}, Service: "machined-go", Class: "container",
		LeaderPIDFD: leader, Console: console, NetworkInterfaces: []int32{3}, ServiceUnit: "contain@web.service",
	})
	if err != nil || path != "/org/freedesktop/machine1/machine/web" {
		t.Fatalf("got %q, %v", path, err)
	}
	calls := bus.Calls(ownInterface + ".RegisterMachine")
	if len(calls) != 4 {
		t.Fatalf("%d calls", len(calls))
	}
	checkRegistration(t, calls[3])
}

func checkRegistration(t *testing.T, call clienttest.Call) {
	t.Helper()
	if call.Service != "org.machinedgo" || call.Path != "/org/machinedgo" || call.Args[0] != "web" {
		t.Errorf("call %+v", call)
	}
	got := call.Args[1].(map[string]dbus.Variant)
	want := map[string]string{
		"Id": "ay", "Service": "s", "Class": "s", "LeaderPIDFD": "h",
		"NetworkInterfaces": "ai", "Console": "h", "ServiceUnit": "s",
	}
	if len(got) != len(want) {
		t.Errorf("properties %v", got)
	}
	for key, signature := range want {
		if is := got[key].Signature().String(); is != signature {
			t.Errorf("%s has type %q, want %q", key, is, signature)
		}
	}
}

func TestRegisterEndsWithItsContext(t *testing.T) {
	bus, c := start(t)
	bus.Handle(ownInterface+".RegisterMachine", func(clienttest.Call) ([]any, error) {
		return nil, clienttest.ErrNoReply()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := c.Register(ctx, client.Registration{Name: "web"})
	if !errors.Is(err, client.ErrNoDaemon) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if n := len(bus.Calls(ownInterface + ".RegisterMachine")); n < 3 {
		t.Errorf("only %d calls", n)
	}
}

func TestRegisterTakesARefusalAtOnce(t *testing.T) {
	bus, c := start(t)
	bus.Handle(ownInterface+".RegisterMachine", func(clienttest.Call) ([]any, error) {
		return nil, busError("org.freedesktop.machine1.MachineExists", "Machine 'web' already exists")
	})
	_, err := c.Register(t.Context(), client.Registration{Name: "web"})
	if !errors.Is(err, client.ErrMachineExists) || len(bus.Calls(ownInterface+".RegisterMachine")) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestAttachNotifyPassesTheSocket(t *testing.T) {
	bus, c := start(t)
	socket, other, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	defer other.Close()
	bus.Handle(ownInterface+".AttachNotify", func(clienttest.Call) ([]any, error) { return nil, nil })
	if err := c.AttachNotify(t.Context(), "web", socket); err != nil {
		t.Fatal(err)
	}
	call := bus.Calls(ownInterface + ".AttachNotify")[0]
	if _, isFD := call.Args[1].(dbus.UnixFD); call.Args[0] != "web" || !isFD {
		t.Errorf("arguments %v", call.Args)
	}
}
