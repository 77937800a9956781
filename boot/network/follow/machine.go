// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"machined-go/boot/network"
	"machined-go/boot/network/nat"
)

// machine is one that runs.
type machine struct {
	record  network.Record
	noted   stamp // of the note that says so
	pidfd   int
	ns      *os.File    // if its addresses matter
	changed atomic.Bool // since they were looked at
	done    chan struct{}

	addr4, addr6 netip.Addr
}

// errOver says that a machine does not run any more.
var errOver = errors.New("machine has ended")

// take gets hold of a noted machine, if it runs.
func take(r network.Record) (*machine, error) {
	pidfd, err := unix.PidfdOpen(r.Leader, 0)
	if err == unix.ESRCH {
		return nil, errOver
	}
	if err != nil {
		return nil, fmt.Errorf("open leader %d: %w", r.Leader, err)
	}
	m := &machine{record: r, pidfd: pidfd, done: make(chan struct{})}
	// Only now, for the number is not given away before the leader has ended, which the descriptor tells.
	if !r.Alive() || m.over() {
		m.close()
		return nil, errOver
	}
	if len(r.Ports) > 0 {
		if m.ns, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", r.Leader)); err != nil {
			m.close()
			return nil, errOver
		}
	}
	return m, nil
}

// over tells whether the machine has ended.
func (m *machine) over() bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(m.pidfd), Events: unix.POLLIN}}, 0)
	return n > 0 && err == nil
}

// listen calls tell whenever addresses of the machine may be others than before, until the machine is closed.
func (m *machine) listen(tell func()) {
	const pause = 100 * time.Millisecond
	for {
		m.changed.Store(true)
		tell()
		updates := make(chan netlink.AddrUpdate)
		err := network.Within(m.ns, func() error { return netlink.AddrSubscribe(updates, m.done) })
		if err == nil {
			m.changed.Store(true) // what came before the subscription
			tell()
			for range updates {
				m.changed.Store(true)
				tell()
			}
		}
		select {
		case <-m.done:
			return
		case <-time.After(pause): // messages were lost
		}
	}
}

// look reads the addresses of the machine if they may have changed.
func (m *machine) look() error {
	if m.ns == nil || !m.changed.Swap(false) {
		return nil
	}
	list, err := addresses(m.ns)
	if err != nil {
		m.changed.Store(true)
		return err
	}
	m.addr4, m.addr6 = choose(list, true, m.record.Given), choose(list, false, m.record.Given)
	return nil
}

// rules lead the machine's ports to its addresses.
func (m *machine) rules() (rules []nat.Rule) {
	for _, p := range m.record.Ports {
		for _, addr := range []netip.Addr{m.addr4, m.addr6} {
			if addr.IsValid() {
				rules = append(rules, nat.Rule{
					Protocol: p.Protocol, Port: p.Host, To: netip.AddrPortFrom(addr, p.Inside), Comment: m.record.Machine,
				})
			}
		}
	}
	return rules
}

func (m *machine) close() {
	close(m.done)
	unix.Close(m.pidfd)
}
