// SPDX-License-Identifier: Apache-2.0

// Package journal puts the console output of machines into the host's journal,
// as entries of the machine's own units: journalctl -u contain@NAME and
// machinectl status NAME both show it.
package journal

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// Socket is where journald takes entries (systemd.io/JOURNAL_NATIVE_PROTOCOL).
const Socket = "/run/systemd/journal/socket"

const (
	// writeWait is how long a full queue of journald's is waited for.
	writeWait = 500 * time.Millisecond
	// pause is how long nothing is written after that was not enough.
	pause = time.Second
)

// ErrBusy says that journald does not keep up and the entries are lost.
var ErrBusy = errors.New("journal does not take entries")

// Writer sends entries to journald. It is safe for concurrent use.
type Writer struct {
	path string

	mu    sync.Mutex
	conn  *net.UnixConn
	until time.Time // nothing is written before
}

// NewWriter makes a writer to the socket at path. It connects when it has to.
func NewWriter(path string) *Writer { return &Writer{path: path} }

// write sends one datagram of one or more entries. It may wait a moment for
// journald, which slows a machine that writes more than journald can take.
func (w *Writer) write(entries []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Now().Before(w.until) {
		return ErrBusy
	}
	for attempt := 0; ; attempt++ {
		err := w.send(entries)
		if err == nil {
			return nil
		}
		w.close()
		if attempt > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			w.until = time.Now().Add(pause)
			return ErrBusy
		}
	}
}

func (w *Writer) send(b []byte) error {
	if w.conn == nil {
		c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: w.path, Net: "unixgram"})
		if err != nil {
			return err
		}
		w.conn = c
	}
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	_, err := w.conn.Write(b)
	return err
}

func (w *Writer) close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}
