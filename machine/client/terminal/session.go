// SPDX-License-Identifier: Apache-2.0

// Package terminal joins the user's terminal, or a pipe, with the master of a
// terminal inside a machine, for as long as a session lasts.
package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/containerd/console"
)

const (
	endOfFile = 0x04 // what a terminal turns into end of file

	// systemd empties a terminal's buffers when it hands it to a service, so
	// what comes from a pipe waits for the first sign of life, but not for ever:
	// some programs read first.
	firstSign = time.Second

	retry = 10 * time.Millisecond  // between reads of a terminal nobody has open
	drain = 200 * time.Millisecond // for the last words of a machine that is gone
)

// End says how a session ended.
type End int

const (
	HungUp      End = iota // the program inside closed the terminal
	Escaped                // the user pressed the keys that lead out
	InputEnded             // input ended, and the machine had nothing to add
	MachineGone            // the machine is no longer there
)

// Session is one conversation. The zero values of Gone and Patience do.
type Session struct {
	In     *os.File // keys; raw mode while the session lasts if it is a terminal; nil for none
	Out    *os.File // screen
	Master *os.File // the far terminal, non-blocking

	// Background is the colour that the screen has meanwhile, as the numbers of ECMA-48's SGR, such as "44"; empty for its own.
	Background string

	// Gone is closed when the machine is no longer there.
	Gone <-chan struct{}
	// Patience is how long nobody may have the far terminal open before that
	// counts as the end: a login prompt closes and opens it several times.
	Patience time.Duration
	// Quiet is how long the machine has to be silent after the end of input for
	// that to be the end of all. Zero: the program inside decides. A login prompt
	// would come back for ever.
	Quiet time.Duration

	spoke atomic.Int64 // when output came last, in nanoseconds since 1970
}

// Run carries bytes both ways until the session ends, and leaves the user's
// terminal as it was.
func (s *Session) Run(ctx context.Context) (End, error) {
	typed, restore, err := s.prepare()
	if err != nil {
		return HungUp, err
	}
	defer restore()
	screen, uncolour, err := s.screen()
	if err != nil {
		return HungUp, err
	}
	defer uncolour()
	var (
		once      sync.Once
		alive     = make(chan struct{})
		output    = make(chan error, 1)
		input     = make(chan End, 1)
		firstByte = func() { once.Do(func() { close(alive) }) }
	)
	go func() { output <- s.show(screen, firstByte) }()
	go func() {
		switch {
		case s.In == nil:
		case s.send(typed, alive):
			input <- Escaped
		case s.Quiet > 0:
			s.untilQuiet()
			input <- InputEnded
		}
	}()
	select {
	case err := <-output:
		return HungUp, err
	case end := <-input:
		return end, nil
	case <-s.Gone:
		select {
		case <-output:
		case <-time.After(drain):
		}
		return MachineGone, nil
	case <-ctx.Done():
		return HungUp, context.Cause(ctx)
	}
}

// prepare makes the user's terminals raw and keeps the far one at their size. It
// reports whether input is typed, that is, comes from a terminal.
func (s *Session) prepare() (typed bool, restore func(), err error) {
	var undo []func()
	restore = func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}
	if s.In == nil {
		typed = false
	} else if in, err := console.ConsoleFromFile(s.In); err == nil {
		if err := in.SetRaw(); err != nil {
			return true, nil, err
		}
		typed = true
		undo = append(undo, func() { _ = in.Reset() })
		// The far terminal has ended its lines with CR LF already.
		_ = console.ClearONLCR(s.In.Fd())
	}
	if out, err := console.ConsoleFromFile(s.Out); err == nil {
		undo = append(undo, s.follow(out))
	}
	return typed, restore, nil
}

// follow gives the far terminal the size of the near one, now and on change.
func (s *Session) follow(near console.Console) (stop func()) {
	far, err := console.ConsoleFromFile(s.Master)
	if err != nil {
		return func() {}
	}
	// A size that cannot be had or set spoils the layout, not the session.
	_ = far.ResizeFrom(near)
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	go func() {
		for range changed {
			_ = far.ResizeFrom(near)
		}
	}()
	return func() {
		signal.Stop(changed)
		close(changed)
	}
}

// screen is where output goes; uncolour takes back what was done to it.
func (s *Session) screen() (screen io.Writer, uncolour func(), err error) {
	if _, err := console.ConsoleFromFile(s.Out); err != nil || s.Background == "" {
		return s.Out, func() {}, nil
	}
	t := &tint{screen: s.Out, colour: s.Background}
	return t, t.end, t.begin()
}

// show carries the machine's output until its terminal is closed for good.
func (s *Session) show(screen io.Writer, firstByte func()) error {
	buf := make([]byte, 16*1024)
	var closed time.Time // since when nobody has it open
	for {
		n, err := s.Master.Read(buf)
		if n > 0 {
			firstByte()
			s.spoke.Store(time.Now().UnixNano())
			closed = time.Time{}
			if _, err := screen.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case !errors.Is(err, syscall.EIO):
			if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
				return nil
			}
			return err
		case closed.IsZero() && s.Patience > 0:
			closed = time.Now()
		case time.Since(closed) >= s.Patience:
			return nil
		default:
			time.Sleep(retry)
		}
	}
}

// send carries the user's keys until they end. It reports whether they were
// the keys that lead out.
func (s *Session) send(typed bool, alive <-chan struct{}) (escaped bool) {
	if !typed {
		select {
		case <-alive:
		case <-time.After(firstSign):
		}
	}
	var keys escape
	buf := make([]byte, 4096)
	last := byte('\n')
	for {
		n, err := s.In.Read(buf)
		if n > 0 {
			pass, out := n, false
			if typed {
				pass, out = keys.pressed(buf[:n], time.Now())
			}
			if _, err := s.Master.Write(buf[:pass]); err != nil || out {
				return out
			}
			last = buf[n-1]
		}
		if err != nil {
			s.finish(last)
			return false
		}
	}
}

// finish tells the program inside that no more input comes. In the middle of a
// line the first end of file only sends the line off.
func (s *Session) finish(last byte) {
	end := []byte{endOfFile}
	if last != '\n' {
		end = append(end, endOfFile)
	}
	_, _ = s.Master.Write(end)
}

// untilQuiet returns once the machine has been silent for long enough.
func (s *Session) untilQuiet() {
	s.spoke.Store(time.Now().UnixNano())
	for {
		rest := s.Quiet - time.Since(time.Unix(0, s.spoke.Load()))
		if rest <= 0 {
			return
		}
		time.Sleep(rest)
	}
}
