// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// maxMessage bounds a notification, as systemd does (NOTIFY_BUFFER_MAX is a page).
const maxMessage = 4096

// AwaitReady reads a machine's notifications until its PID 1, which is process pid on the host, says READY=1, or ctx ends.
// Messages of other processes inside do not count. status is called with each STATUS= line of it.
func AwaitReady(ctx context.Context, socket *os.File, pid int, status func(string)) error {
	stop := context.AfterFunc(ctx, func() { _ = socket.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	for {
		message, sender, err := receive(raw)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read notification of machine: %w", err)
		}
		if sender != pid {
			continue
		}
		if readNotification(message, status) {
			return nil
		}
	}
}

// readNotification calls status with each STATUS= line of a message, less control characters, which a terminal would obey, and
// tells whether it says READY=1 (sd_notify(3)).
func readNotification(message []byte, status func(string)) (ready bool) {
	for line := range bytes.SplitSeq(message, []byte("\n")) {
		if text, ok := bytes.CutPrefix(line, []byte("STATUS=")); ok {
			status(string(bytes.Map(printable, bytes.ToValidUTF8(text, []byte("?")))))
		}
		ready = ready || string(line) == "READY=1"
	}
	return ready
}

func printable(r rune) rune {
	if unicode.IsControl(r) {
		return -1
	}
	return r
}

type rawConn interface {
	Read(func(fd uintptr) bool) error
}

// receive returns one message and the pid of its sender, which the kernel vouches for. Descriptors that come along are closed.
func receive(raw rawConn) (message []byte, sender int, err error) {
	buf, oob := make([]byte, maxMessage), make([]byte, unix.CmsgSpace(unix.SizeofUcred)+unix.CmsgSpace(4*253))
	var n, oobn int
	readErr := raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, err = unix.Recvmsg(int(fd), buf, oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		return err != unix.EAGAIN
	})
	if readErr != nil || err != nil {
		return nil, 0, errors.Join(readErr, err)
	}
	return buf[:n], senderOf(oob[:oobn]), nil
}

func senderOf(oob []byte) (pid int) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for _, m := range messages {
		if cred, err := unix.ParseUnixCredentials(&m); err == nil {
			pid = int(cred.Pid)
		}
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
	}
	return pid
}
