// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Store keeps file descriptors beyond our own life: systemd's fd store
// (sd_notify(3), FDSTORE=1).
type Store interface {
	Keep(name string, fd int) error
	Forget(name string) error
}

// Console reads a machine's console; journal.Console does.
type Console interface {
	Drain() (more bool)
	Finish()
}

// Polling is what the keeper needs of boot/sys.Poller.
type Polling interface {
	Watcher
	// Again calls a function once more if there is more to read.
	Again(fd int)
}

// Names of descriptors in the fd store.
const (
	consolePrefix = "console-"
	notifyPrefix  = "notify-"
)

// Keeper holds the descriptors of machines that must be read for as long as
// the machine lives, lest it block: the master of its console and its notify
// socket. They are in the fd store before Hold… returns.
type Keeper struct {
	store Store
	poll  Polling
	open  func(m Machine, fd int) Console
	log   *slog.Logger

	mu   sync.Mutex
	held map[string]*held // by name in the store
}

// held is one descriptor.
type held struct {
	mu     sync.Mutex // of fd, which is -1 once released
	fd     int
	leader int
	status string
	finish func()
	once   sync.Once
}

// NewKeeper makes a keeper; open makes a reader of a console.
func NewKeeper(store Store, poll Polling, open func(m Machine, fd int) Console, log *slog.Logger) *Keeper {
	return &Keeper{store: store, poll: poll, open: open, log: log, held: map[string]*held{}}
}

// HoldConsole takes a duplicate of a console's master and reads it from now on.
func (k *Keeper) HoldConsole(m Machine, fd int) error {
	return k.hold(consolePrefix, m, fd, true, k.readConsole)
}

// HoldNotify takes a duplicate of the machine's notify socket.
func (k *Keeper) HoldNotify(m Machine, fd int) error {
	return k.hold(notifyPrefix, m, fd, true, k.readNotify)
}

// Restore takes back a descriptor that was in the fd store when we started. The
// machine is asked for by find; what belongs to none is let go.
func (k *Keeper) Restore(name string, fd int, find func(machine string) (Machine, error)) {
	defer unix.Close(fd)
	err := fmt.Errorf("unknown name")
	for prefix, read := range map[string]func(Machine, *held) func(){consolePrefix: k.readConsole, notifyPrefix: k.readNotify} {
		if of, ok := strings.CutPrefix(name, prefix); ok {
			var m Machine
			if m, err = find(of); err == nil {
				err = k.hold(prefix, m, fd, false, read)
			}
		}
	}
	if err != nil {
		k.log.Debug("kept file descriptor belongs to no machine", "name", name, "why", err)
		_ = k.store.Forget(name)
	}
}

func (k *Keeper) hold(prefix string, m Machine, fd int, store bool, reader func(Machine, *held) func()) error {
	name := prefix + m.Name
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	if err := unix.SetNonblock(dup, true); err != nil {
		unix.Close(dup)
		return fmt.Errorf("keep %s: %w", name, err)
	}
	h := &held{fd: dup, leader: m.Leader.PID}
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := k.held[name]; old != nil {
		delete(k.held, name)
		go old.release(k.poll)
		if store {
			_ = k.store.Forget(name)
		}
	}
	if store {
		if err := k.store.Keep(name, dup); err != nil {
			unix.Close(dup)
			return fmt.Errorf("keep %s: %w", name, err)
		}
	}
	if err := k.poll.Add(dup, reader(m, h)); err != nil {
		_ = k.store.Forget(name)
		unix.Close(dup)
		return fmt.Errorf("keep %s: %w", name, err)
	}
	k.held[name] = h
	return nil
}

// release reads what is left and closes the descriptor.
func (h *held) release(poll Polling) {
	h.once.Do(func() {
		poll.Remove(h.fd)
		if h.finish != nil {
			h.finish()
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		unix.Close(h.fd)
		h.fd = -1
	})
}

func (k *Keeper) readConsole(m Machine, h *held) func() {
	fd := h.fd
	c := k.open(m, fd)
	h.finish = c.Finish
	return func() {
		if c.Drain() {
			k.poll.Again(fd)
		}
	}
}

// MachineNew implements Observer.
func (k *Keeper) MachineNew(Machine) {}

// MachineRemoved implements Observer: it lets go of what belonged to a machine.
func (k *Keeper) MachineRemoved(m Machine) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(consolePrefix + m.Name)
	k.drop(notifyPrefix + m.Name)
}

// drop lets go of a descriptor that is held, in the fd store too. The lock is held.
func (k *Keeper) drop(name string) {
	h := k.held[name]
	if h == nil {
		return
	}
	delete(k.held, name)
	if err := k.store.Forget(name); err != nil {
		k.log.Warn("fd store keeps a descriptor that nobody needs, ignoring", "name", name, "error", err)
	}
	go h.release(k.poll) // not here: the manager may be locked
}

// Unlisten lets go of the notify sockets, for nobody will read them. A message that waits in one keeps its sender's network
// namespace, and the link to it, beyond the machine's end.
func (k *Keeper) Unlisten() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for name := range k.held {
		if strings.HasPrefix(name, notifyPrefix) {
			k.drop(name)
		}
	}
}

// Status is the last STATUS= (sd_notify(3)) that the machine's PID 1 sent.
func (k *Keeper) Status(name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.held[notifyPrefix+name]; h != nil {
		return h.status
	}
	return ""
}

// Reading tells whether there is any console to be read.
func (k *Keeper) Reading() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for name := range k.held {
		if strings.HasPrefix(name, consolePrefix) {
			return true
		}
	}
	return false
}
