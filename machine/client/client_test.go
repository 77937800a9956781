// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"machined-go/machine/client"
	"machined-go/machine/client/clienttest"
)

const (
	managerInterface = "org.freedesktop.machine1.Manager"
	getAll           = "org.freedesktop.DBus.Properties.GetAll"
)

func start(t *testing.T) (*clienttest.Bus, *client.Client) {
	t.Helper()
	bus := clienttest.Start(t)
	return bus, client.New(bus.Dial(t))
}

func busError(name, text string) error { return *dbus.NewError(name, []any{text}) }

func TestMachineReadsAllInOneCall(t *testing.T) {
	bus, c := start(t)
	bus.Handle(getAll, func(clienttest.Call) ([]any, error) {
		return []any{map[string]dbus.Variant{
			"Name":               dbus.MakeVariant("my-c1"),
			"Id":                 dbus.MakeVariant([]byte{1, 2}),
			"Timestamp":          dbus.MakeVariant(uint64(1700000000000000)),
			"TimestampMonotonic": dbus.MakeVariant(uint64(2000000)),
			"Unit":               dbus.MakeVariant("machine-my\\x2dc1.scope"),
			"Leader":             dbus.MakeVariant(uint32(42)),
			"Class":              dbus.MakeVariant("container"),
			"NetworkInterfaces":  dbus.MakeVariant([]int32{7}),
			"Surprise":           dbus.MakeVariant("of a later version"),
		}}, nil
	})
	got, err := c.Machine(t.Context(), "my-c1")
	if err != nil {
		t.Fatal(err)
	}
	want := &client.Machine{
		Name: "my-c1", ID: []byte{1, 2}, Since: time.UnixMicro(1700000000000000), SinceMonotonic: 2 * time.Second,
		Unit: "machine-my\\x2dc1.scope", Leader: 42, Class: "container", NetworkInterfaces: []int32{7},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	calls := bus.Calls(getAll)
	if len(calls) != 1 || calls[0].Path != "/org/freedesktop/machine1/machine/my_2dc1" {
		t.Errorf("calls: %+v", calls)
	}
	if !calls[0].Interactive {
		t.Error("polkit may not ask the user")
	}
}

// A bus refuses a connection that waits for more replies than it may.
func TestManyAtOnce(t *testing.T) {
	bus, c := start(t)
	bus.Handle(getAll, func(clienttest.Call) ([]any, error) {
		time.Sleep(20 * time.Millisecond)
		return []any{map[string]dbus.Variant{}}, nil
	})
	var all sync.WaitGroup
	for range 300 {
		all.Go(func() {
			if _, err := c.Machine(t.Context(), "web"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestWhoWaitsForHisTurnIsInterrupted(t *testing.T) {
	bus, c := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	never := make(chan struct{})
	defer close(never)
	bus.Handle(getAll, func(clienttest.Call) ([]any, error) {
		cancel()
		<-never
		return nil, nil
	})
	var all sync.WaitGroup
	for range 300 {
		all.Go(func() {
			if _, err := c.Machine(ctx, "web"); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
}

func TestErrorsHaveACauseToActOn(t *testing.T) {
	tests := []struct {
		name string
		want error
	}{
		{"org.freedesktop.machine1.NoSuchMachine", client.ErrNoSuchMachine},
		{"org.freedesktop.machine1.NoSuchImage", client.ErrNoSuchImage},
		{"org.freedesktop.machine1.MachineExists", client.ErrMachineExists},
		{"org.freedesktop.machine1.NoPrivateNetworking", client.ErrNoPrivateNetworking},
		{"org.freedesktop.DBus.Error.AccessDenied", client.ErrNotAuthorized},
		{"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", client.ErrNotAuthorized},
		{"org.freedesktop.DBus.Error.ServiceUnknown", client.ErrNoDaemon},
		{"org.freedesktop.DBus.Error.Spawn.ChildExited", client.ErrNoDaemon},
		{"org.freedesktop.systemd1.UnitMasked", client.ErrNoDaemon},
		{"org.freedesktop.DBus.Error.NotSupported", client.ErrNotSupported},
	}
	for _, test := range tests {
		bus, c := start(t)
		bus.Handle(managerInterface+".KillMachine", func(clienttest.Call) ([]any, error) {
			return nil, busError(test.name, "its words")
		})
		err := c.Kill(t.Context(), "web", "leader", 15)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want cause %v", test.name, err, test.want)
		}
		if want := `signal machine "web": its words`; err == nil || err.Error() != want {
			t.Errorf("%s: got %q, want %q", test.name, err, want)
		}
	}
}

func TestUnknownObjectIsNoSuchMachineOrImage(t *testing.T) {
	bus, c := start(t)
	bus.Handle(getAll, func(clienttest.Call) ([]any, error) {
		return nil, busError("org.freedesktop.DBus.Error.UnknownObject", "Unknown object.")
	})
	if _, err := c.Machine(t.Context(), "web"); !errors.Is(err, client.ErrNoSuchMachine) {
		t.Errorf("machine: %v", err)
	}
	if _, err := c.Image(t.Context(), "web"); !errors.Is(err, client.ErrNoSuchImage) {
		t.Errorf("image: %v", err)
	}
}

func TestLostBus(t *testing.T) {
	bus, c := start(t)
	bus.Handle(managerInterface+".ListMachines", func(clienttest.Call) ([]any, error) {
		bus.HangUp()
		return nil, nil
	})
	_, err := c.List(t.Context())
	if !errors.Is(err, client.ErrNoDaemon) {
		t.Errorf("got %v", err)
	}
}

func TestAddresses(t *testing.T) {
	bus, c := start(t)
	type row struct {
		Family int32
		Bytes  []byte
	}
	bus.Handle(managerInterface+".GetMachineAddresses", func(clienttest.Call) ([]any, error) {
		return []any{[]row{{2, []byte{10, 0, 0, 2}}, {10, netip.MustParseAddr("fe80::1").AsSlice()}}}, nil
	})
	got, err := c.Addresses(t.Context(), "web")
	if err != nil || len(got) != 2 || got[0].String() != "10.0.0.2" || got[1].String() != "fe80::1" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestOpenLoginGivesAWorkingFile(t *testing.T) {
	bus, c := start(t)
	near, far, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	number := dbus.UnixFD(far.Fd())
	bus.Handle(managerInterface+".OpenMachineLogin", func(clienttest.Call) ([]any, error) {
		return []any{number, "/dev/pts/3"}, nil
	})
	master, slave, err := c.OpenLogin(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	far.Close()
	defer master.Close()
	if slave != "/dev/pts/3" {
		t.Errorf("slave %q", slave)
	}
	io.WriteString(near, "hello")
	buf := make([]byte, 5)
	if _, err := io.ReadFull(master, buf); err != nil || string(buf) != "hello" {
		t.Errorf("read %q, %v", buf, err)
	}
}

func socketPair() (*os.File, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far"), nil
}

func TestWatchSeesWhatACallCauses(t *testing.T) {
	bus, c := start(t)
	path := dbus.ObjectPath("/org/freedesktop/machine1/machine/web")
	bus.Handle(managerInterface+".TerminateMachine", func(clienttest.Call) ([]any, error) {
		bus.Emit("/org/freedesktop/machine1", managerInterface+".MachineRemoved", "other", path)
		bus.Emit("/org/freedesktop/machine1", managerInterface+".MachineRemoved", "web", path)
		return nil, nil
	})
	w, err := c.Watch(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Terminate(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(client.Event{Name: "web", Path: path, Removed: true}, <-w.Events); diff != "" {
		t.Error(diff)
	}
	bus.HangUp()
	if _, open := <-w.Events; open {
		t.Error("events go on after the bus is lost")
	}
	w.Close()
	w.Close()
}

// A bus lets a connection have so many match rules only.
func TestWatchesShareARule(t *testing.T) {
	const added, removed = "org.freedesktop.DBus.AddMatch", "org.freedesktop.DBus.RemoveMatch"
	bus, c := start(t)
	var all []*client.Watch
	for _, name := range []string{"web", "db", ""} {
		w, err := c.Watch(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	all[0].Close()
	all[0].Close()
	if made, gone := len(bus.Calls(added)), len(bus.Calls(removed)); made != 1 || gone != 0 {
		t.Errorf("%d rules added, %d removed", made, gone)
	}
	path := dbus.ObjectPath("/org/freedesktop/machine1/machine/db")
	bus.Emit("/org/freedesktop/machine1", managerInterface+".MachineNew", "db", path)
	for _, w := range all[1:] {
		if diff := cmp.Diff(client.Event{Name: "db", Path: path}, <-w.Events); diff != "" {
			t.Error(diff)
		}
		w.Close()
	}
	if gone := len(bus.Calls(removed)); gone != 1 {
		t.Errorf("%d rules removed", gone)
	}
	if _, err := c.Watch(t.Context(), "web"); err != nil || len(bus.Calls(added)) != 2 {
		t.Errorf("watch again: %v, %d rules added", err, len(bus.Calls(added)))
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	bus, c := start(t)
	bus.Handle(managerInterface+".ListMachines", func(clienttest.Call) ([]any, error) {
		<-t.Context().Done()
		return nil, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.List(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
