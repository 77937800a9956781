// SPDX-License-Identifier: Apache-2.0

package varlink

import (
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

func peerOf(sock int) (p peer, err error) {
	cred, err := unix.GetsockoptUcred(sock, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return p, err
	}
	p.uid, p.pid = cred.Uid, int(cred.Pid)
	if p.pidfd, err = unix.GetsockoptInt(sock, unix.SOL_SOCKET, unix.SO_PEERPIDFD); err != nil {
		p.pidfd = -1
	}
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
