// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

// journalHandler writes one line per record with journald's priority prefix
// (sd-daemon(3)) and without the time, which the journal has itself.
type journalHandler struct {
	mu    *sync.Mutex
	out   io.Writer
	level *severity
	attrs string
}

func newLogger(out io.Writer, level string) (*slog.Logger, *severity, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, fmt.Errorf("log level %q: want debug, info, warn or error", level)
	}
	s := new(severity)
	s.SetSyslog(priority(l))
	return slog.New(journalHandler{mu: new(sync.Mutex), out: out, level: s}), s, nil
}

// severity is the least that is logged, as a number of syslog(3); it can be
// changed while the daemon runs.
type severity struct{ n atomic.Int32 }

// Syslog is the number.
func (s *severity) Syslog() int { return int(s.n.Load()) }

// SetSyslog sets it.
func (s *severity) SetSyslog(n int) { s.n.Store(int32(n)) }

func (h journalHandler) Enabled(_ context.Context, l slog.Level) bool {
	return priority(l) <= h.level.Syslog()
}

func (h journalHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>%s%s", priority(r.Level), r.Message, h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		appendAttr(&b, a)
		return true
	})
	line := strings.ReplaceAll(b.String(), "\n", `\n`) + "\n"
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.out, line)
	return err
}

func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		appendAttr(&b, a)
	}
	h.attrs += b.String()
	return h
}

func (h journalHandler) WithGroup(string) slog.Handler { return h }

func appendAttr(b *strings.Builder, a slog.Attr) {
	v := a.Value.Resolve().String()
	if strings.ContainsAny(v, " \"=") {
		fmt.Fprintf(b, " %s=%q", a.Key, v)
		return
	}
	fmt.Fprintf(b, " %s=%s", a.Key, v)
}

// priority is syslog's.
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}
