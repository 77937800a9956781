// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"net"

	"golang.org/x/sys/unix"

	"machined-go/machine"
)

// peer is who is at the other end of a connection, as the kernel noted it when
// he connected.
type peer struct {
	uid   uint32
	pid   int // 0 if he is in a PID namespace that we do not see
	pidfd int // -1 before Linux 6.5
}

func peerOf(sock *net.UnixConn) (p peer, err error) {
	raw, err := sock.SyscallConn()
	if err != nil {
		return p, err
	}
	var cred *unix.Ucred
	p.pidfd = -1
	err2 := raw.Control(func(fd uintptr) {
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err != nil {
			return
		}
		if n, e := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PEERPIDFD); e == nil {
			p.pidfd = n
		}
	})
	if err == nil {
		err = err2
	}
	if err != nil {
		return p, err
	}
	p.uid, p.pid = cred.Uid, int(cred.Pid)
	return p, nil
}

// process takes hold of the peer. Without a pidfd of his it may, in theory, be
// another process that has got his number.
func (p *peer) process() (*machine.Process, error) {
	if p.pidfd >= 0 {
		return machine.ProcessOfPIDFD(p.pidfd)
	}
	return machine.OpenProcess(p.pid)
}

func (p *peer) close() {
	if p.pidfd >= 0 {
		_ = unix.Close(p.pidfd)
	}
}
