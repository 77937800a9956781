// SPDX-License-Identifier: Apache-2.0

package polkit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"machined-go/machine/client/clienttest"
	"machined-go/machine/polkit"
)

const (
	check  = "org.freedesktop.PolicyKit1.Authority.CheckAuthorization"
	cancel = "org.freedesktop.PolicyKit1.Authority.CancelCheckAuthorization"
)

func start(t *testing.T, answer clienttest.Handler) (*clienttest.Bus, *polkit.Authority) {
	t.Helper()
	bus := clienttest.Start(t)
	bus.Handle(check, answer)
	return bus, polkit.New(bus.Dial(t))
}

type reply struct {
	Authorized, Challenge bool
	Details               map[string]string
}

func TestAnswers(t *testing.T) {
	busError := func(name string) error { return *dbus.NewError(name, []any{"its words"}) }
	tests := []struct {
		name  string
		reply reply
		err   error
		want  error // nil: polkit says yes
		text  string
	}{
		{name: "yes", reply: reply{Authorized: true}},
		{name: "no", want: polkit.ErrDenied},
		{name: "challenge", reply: reply{Challenge: true}, want: polkit.ErrChallenge},
		{name: "no polkit", err: busError("org.freedesktop.DBus.Error.ServiceUnknown"), want: polkit.ErrDenied},
		{name: "gone polkit", err: busError("org.freedesktop.DBus.Error.NameHasNoOwner"), want: polkit.ErrDenied},
		{name: "error", err: busError("org.freedesktop.PolicyKit1.Error.Failed"), text: "its words"},
	}
	for _, tt := range tests {
		_, a := start(t, func(clienttest.Call) ([]any, error) { return []any{tt.reply}, tt.err })
		err := a.Check(t.Context(), polkit.Question{Subject: polkit.BusName(":1.7"), UID: 1000, Action: "org.example.act"})
		if tt.text != "" {
			if err == nil || err.Error() != tt.text {
				t.Errorf("%s: got %v, want %q", tt.name, err, tt.text)
			}
			continue
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestQuestion(t *testing.T) {
	bus, a := start(t, func(clienttest.Call) ([]any, error) { return []any{reply{Authorized: true}}, nil })
	for _, q := range []polkit.Question{
		{Subject: polkit.BusName(":1.7"), UID: 1000, Action: "org.example.act", Details: map[string]string{"machine": "web"}},
		{Subject: polkit.Process(42, 7, 1000), UID: 1000, Action: "org.example.act", Interactive: true},
	} {
		if err := a.Check(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	calls := bus.Calls(check)
	if len(calls) != 2 {
		t.Fatalf("calls: %+v", calls)
	}
	for i, want := range []uint32{0, 1} {
		if flags := calls[i].Args[3]; flags != want {
			t.Errorf("question %d: flags %v, want %d", i, flags, want)
		}
	}
	for i, want := range []string{"system-bus-name", "unix-process"} {
		if subject, _ := calls[i].Args[0].([]any); len(subject) != 2 || subject[0] != want {
			t.Errorf("question %d: subject %v, want a %s", i, calls[i].Args[0], want)
		}
	}
	if details, _ := calls[0].Args[2].(map[string]string); details["machine"] != "web" {
		t.Errorf("details: %v", calls[0].Args[2])
	}
}

// deaf are users who never answer what polkit asks them, with a hundred
// questions each, until stop is called.
func deaf(t *testing.T, a *polkit.Authority, users int) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range users * 100 {
		uid := uint32(1000 + i%users)
		all.Go(func() {
			if err := a.Check(ctx, polkit.Question{UID: uid, Interactive: true}); !errors.Is(err, context.Canceled) {
				t.Errorf("user %d: got %v", uid, err)
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	return func() { cancel(); all.Wait() }
}

// asks is a polkit that answers only who may not be asked.
func asks(t *testing.T) clienttest.Handler {
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	return func(c clienttest.Call) ([]any, error) {
		if c.Args[3] == uint32(1) {
			<-never
		}
		return []any{reply{Authorized: true}}, nil
	}
}

func TestUsersWhoNeverAnswerHoldUpNobodyElse(t *testing.T) {
	_, a := start(t, asks(t))
	defer deaf(t, a, 3)()
	within, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	var others sync.WaitGroup
	for range 100 {
		others.Go(func() {
			if err := a.Check(within, polkit.Question{UID: 2000}); err != nil {
				t.Errorf("another user: %v", err)
			}
		})
	}
	others.Wait()
}

// What is given up stays open until polkit has answered it, which it is told
// to do: those who give up do not make room for more of the same.
func TestGivenUp(t *testing.T) {
	bus, a := start(t, asks(t))
	bus.Handle(cancel, func(clienttest.Call) ([]any, error) { return nil, nil })
	for range 10 {
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				if err := a.Check(ctx, polkit.Question{UID: 1000, Interactive: true}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
		stop()
	}
	asked := bus.Calls(check)
	if len(asked) > 12 {
		t.Errorf("%d questions are open", len(asked))
	}
	numbers := map[any]bool{}
	for _, c := range asked {
		numbers[c.Args[4]] = true
	}
	for deadline := time.Now().Add(5 * time.Second); len(bus.Calls(cancel)) < len(asked) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	for _, c := range bus.Calls(cancel) {
		delete(numbers, c.Args[0])
	}
	if len(numbers) > 0 {
		t.Errorf("polkit is not told to drop %v", numbers)
	}
}

// What waits for a place on the connection for other reasons is not held up.
func TestManyUsersLeaveRoomOnTheBus(t *testing.T) {
	bus, a := start(t, asks(t))
	defer deaf(t, a, 20)()
	if open := len(bus.Calls(check)); open > 64 {
		t.Errorf("%d questions are open", open)
	}
}
