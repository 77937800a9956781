// SPDX-License-Identifier: Apache-2.0

// Package polkit asks polkit(8) what somebody who is not root may do.
package polkit

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sync/semaphore"
)

const (
	busName    = "org.freedesktop.PolicyKit1"
	objectPath = dbus.ObjectPath("/org/freedesktop/PolicyKit1/Authority")
	checkCall  = busName + ".Authority.CheckAuthorization"
	cancelCall = busName + ".Authority.CancelCheckAuthorization"

	// mayAsk is AllowUserInteraction of CheckAuthorizationFlags.
	mayAsk uint32 = 1
)

// Answers of polkit that are not yes.
var (
	ErrDenied = errors.New("access denied")
	// ErrChallenge: somebody who proves who he is might be allowed, but
	// cannot be asked, or may not.
	ErrChallenge = errors.New("interactive authentication required")
)

// Subject is who wants something, in polkit's own form.
type Subject struct {
	Kind    string
	Details map[string]dbus.Variant
}

// BusName is whoever has a unique name on the system bus.
func BusName(name string) Subject {
	return Subject{"system-bus-name", map[string]dbus.Variant{"name": dbus.MakeVariant(name)}}
}

// Process is a process of the host. Its start time, of /proc/PID/stat, keeps
// polkit from taking another one for it.
func Process(pid int, startTime uint64, uid uint32) Subject {
	return Subject{"unix-process", map[string]dbus.Variant{
		"pid":        dbus.MakeVariant(uint32(pid)),
		"start-time": dbus.MakeVariant(startTime),
		"uid":        dbus.MakeVariant(int32(uid)),
	}}
}

// Question is what polkit is asked.
type Question struct {
	Subject     Subject
	UID         uint32 // of the subject
	Action      string
	Details     map[string]string
	Interactive bool // polkit may ask the user, which takes until he answers
}

// A question that the user is asked stays open until he answers, and he may be
// one who never does. A bus lets a connection wait for so many replies only
// (dbus-daemon(1), max_replies_per_connection: 128), and others wait for some
// on the same one. So the questions of one user wait for each other from some
// number on, and all of them from a higher one.
const (
	maxOpen    = 48
	maxOfAUser = 12
)

// Authority asks polkit, over a connection to the system bus. It is safe for
// concurrent use.
type Authority struct {
	conn *dbus.Conn
	open *semaphore.Weighted
	last atomic.Uint64 // of the questions, which have a number each

	mu    sync.Mutex
	users map[uint32]*share
}

// share is what one user takes of the open questions.
type share struct {
	open *semaphore.Weighted
	used int // by questions that are open or wait
}

// New gives an authority on a connection, which stays the caller's to close.
func New(conn *dbus.Conn) *Authority {
	return &Authority{conn: conn, open: semaphore.NewWeighted(maxOpen), users: map[uint32]*share{}}
}

// Check returns nil if polkit says yes, ErrDenied or ErrChallenge if it says
// no, and another error if it does not answer. No polkit means no.
func (a *Authority) Check(ctx context.Context, q Question) error {
	leave, err := a.enter(ctx, q.UID)
	if err != nil {
		return err
	}
	call, err := a.ask(ctx, q, leave)
	if err != nil {
		return err
	}
	var answer struct {
		Authorized, Challenge bool
		Details               map[string]string
	}
	err = call.Store(&answer)
	switch {
	case absent(err):
		return ErrDenied
	case err != nil:
		return err
	case answer.Authorized:
		return nil
	case answer.Challenge:
		return ErrChallenge
	}
	return ErrDenied
}

// ask waits for the answer, or for ctx, when it tells polkit that nobody wants
// to know any more. The question is open until its answer is there, also then.
func (a *Authority) ask(ctx context.Context, q Question, leave func()) (*dbus.Call, error) {
	var flags uint32
	if q.Interactive {
		flags = mayAsk
	}
	number := strconv.FormatUint(a.last.Add(1), 10)
	authority := a.conn.Object(busName, objectPath)
	call := authority.Go(checkCall, 0, make(chan *dbus.Call, 1), q.Subject, q.Action, q.Details, flags, number)
	select {
	case <-call.Done:
		leave()
		return call, nil
	case <-ctx.Done():
		authority.Go(cancelCall, dbus.FlagNoReplyExpected, nil, number)
		go func() {
			<-call.Done
			leave()
		}()
		return nil, ctx.Err()
	}
}

// enter waits until one more question of the user may be open.
func (a *Authority) enter(ctx context.Context, uid uint32) (leave func(), err error) {
	user := a.take(uid)
	if err := user.open.Acquire(ctx, 1); err != nil {
		a.drop(uid)
		return nil, err
	}
	if err := a.open.Acquire(ctx, 1); err != nil {
		user.open.Release(1)
		a.drop(uid)
		return nil, err
	}
	return func() {
		a.open.Release(1)
		user.open.Release(1)
		a.drop(uid)
	}, nil
}

func (a *Authority) take(uid uint32) *share {
	a.mu.Lock()
	defer a.mu.Unlock()
	user := a.users[uid]
	if user == nil {
		user = &share{open: semaphore.NewWeighted(maxOfAUser)}
		a.users[uid] = user
	}
	user.used++
	return user
}

// drop forgets a user of whom no question is left.
func (a *Authority) drop(uid uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.users[uid].used--; a.users[uid].used == 0 {
		delete(a.users, uid)
	}
}

// absent tells that no polkit is there.
func absent(err error) bool {
	var remote dbus.Error
	if !errors.As(err, &remote) {
		return false
	}
	return remote.Name == "org.freedesktop.DBus.Error.ServiceUnknown" || remote.Name == "org.freedesktop.DBus.Error.NameHasNoOwner"
}
