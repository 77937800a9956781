// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// maxNotify is how much of one message is looked at.
	maxNotify = 4096
	// maxStatus bounds a machine's status text.
	maxStatus = 512
	// perTurn is how many messages are read before others have their turn.
	perTurn = 64
)

// readNotify drains the machine's notify socket. Anybody inside may write to
// it; only what the machine's PID 1 says counts.
func (k *Keeper) readNotify(_ Machine, h *held) func() {
	_ = unix.SetsockoptInt(h.fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		buf, oob := make([]byte, maxNotify), make([]byte, 1024)
		for range perTurn {
			n, oobn, _, _, err := unix.Recvmsg(h.fd, buf, oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return
			}
			if pid := senderOf(oob[:oobn]); pid != h.leader {
				continue
			}
			if status, ok := statusOf(buf[:n]); ok {
				k.mu.Lock()
				h.status = status
				k.mu.Unlock()
			}
		}
		k.poll.Again(h.fd)
	}
}

// senderOf is the process that sent a message, 0 if unknown. Descriptors that
// came along are closed.
func senderOf(oob []byte) (pid int) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for i := range msgs {
		if cred, err := unix.ParseUnixCredentials(&msgs[i]); err == nil {
			pid = int(cred.Pid)
			continue
		}
		if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
	}
	return pid
}

// statusOf finds the text of STATUS= in a message of sd_notify(3).
func statusOf(msg []byte) (status string, ok bool) {
	for line := range bytes.SplitSeq(msg, []byte("\n")) {
		text, found := bytes.CutPrefix(line, []byte("STATUS="))
		if !found {
			continue
		}
		s := strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, strings.ToValidUTF8(string(text), "\uFFFD"))
		return strings.ToValidUTF8(s[:min(len(s), maxStatus)], ""), true
	}
	return "", false
}
