// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Poller calls functions when file descriptors have something to read: one goroutine and one epoll for any number of them.
// It is edge triggered: a function is called once per change and must read until EAGAIN, and one whose other end hung up
// does not spin.
type Poller struct {
	epoll *os.File
	fd    int // of epoll; its Fd method would make it blocking again
	raw   func(func(fd uintptr) bool) error

	mu    sync.Mutex
	ready map[int32]registered
	next  int32
}

type registered struct {
	key int32
	fn  func()
}

// NewPoller makes a poller. Run must be called for anything to happen.
func NewPoller() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	// Nonblocking only so that the run-time waits for it without a thread.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set epoll nonblocking: %w", err)
	}
	p := &Poller{epoll: os.NewFile(uintptr(fd), "epoll"), fd: fd, ready: map[int32]registered{}}
	conn, err := p.epoll.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("poll epoll: %w", err)
	}
	p.raw = conn.Read
	return p, nil
}

// Add has ready called on the poller's goroutine each time fd becomes readable, hangs up or (a pidfd) its process ends,
// and once at the beginning if it is readable already. The fd must be removed before it is closed.
func (p *Poller) Add(fd int, ready func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	// The counter tells a late event for a removed fd from one for its successor of the same number.
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: int32(fd), Pad: p.next}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("epoll_ctl add: %w", err)
	}
	p.ready[int32(fd)] = registered{key: p.next, fn: ready}
	return nil
}

// Again has the function of fd called once more, in its turn, if there is (still) something to read.
func (p *Poller) Again(fd int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.ready[int32(fd)]
	if !ok {
		return
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: int32(fd), Pad: r.key}
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &ev)
}

// Remove ends what Add began. A call that runs already is not waited for.
func (p *Poller) Remove(fd int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.ready[int32(fd)]; !ok {
		return
	}
	delete(p.ready, int32(fd))
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

// Run calls the functions until ctx ends.
func (p *Poller) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { p.epoll.Close() })
	defer stop()
	events := make([]unix.EpollEvent, 64)
	for {
		var n int
		var err error
		werr := p.raw(func(fd uintptr) bool {
			n, err = unix.EpollWait(int(fd), events, 0)
			return n != 0 || err != nil && err != unix.EINTR
		})
		if ctx.Err() != nil || errors.Is(werr, os.ErrClosed) {
			return ctx.Err()
		}
		if err = errors.Join(werr, err); err != nil {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for _, ev := range events[:n] {
			p.mu.Lock()
			r, ok := p.ready[ev.Fd]
			p.mu.Unlock()
			if ok && r.key == ev.Pad {
				r.fn()
			}
		}
	}
}
