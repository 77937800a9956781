// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"bytes"
	"net"
	"os"
	"slices"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// maxSignature is how long a signature can be (D-Bus specification).
const maxSignature = 255

// screened speaks D-Bus to a machine's socket through a pair of our own, since
// at the other end is whatever the machine's root put there: of an array of
// structs without fields, which a real bus does not let through, godbus would
// read without end. What sends one is hung up on.
func screened(machine *net.UnixConn, opts ...dbus.ConnOption) (*dbus.Conn, error) {
	name := "machined-go-" + sys.RandomName()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "@" + name, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	conn, err := dbus.Dial("unix:abstract="+name, opts...)
	if err != nil {
		return nil, err
	}
	for {
		near, err := l.AcceptUnix()
		if err != nil {
			conn.Close()
			return nil, err
		}
		if isOurs(near) {
			go sendOn(near, machine)
			go receiveScreened(machine, near)
			return conn, nil
		}
		near.Close() // anybody can read names of sockets
	}
}

// isOurs tells whether this process is at the other end.
func isOurs(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var peer *unix.Ucred
	var peerErr error
	err = raw.Control(func(fd uintptr) { peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return err == nil && peerErr == nil && int(peer.Pid) == os.Getpid()
}

// sendOn passes on what we say, with descriptors, until either side hangs up.
func sendOn(from, to *net.UnixConn) {
	defer from.Close()
	defer to.Close()
	const maxDescriptors = 253 // SCM_MAX_FD
	buf, oob := make([]byte, 64<<10), make([]byte, unix.CmsgSpace(4*maxDescriptors))
	for {
		n, oobn, _, _, err := from.ReadMsgUnix(buf, oob)
		if err != nil || n == 0 {
			return
		}
		_, _, err = to.WriteMsgUnix(buf[:n], oob[:oobn], nil)
		closeRights(oob[:oobn])
		if err != nil {
			return
		}
	}
}

func closeRights(oob []byte) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}
}

// receiveScreened passes on what the machine says, without descriptors, until
// either side hangs up or a message would be without end.
func receiveScreened(from, to *net.UnixConn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, maxSignature+1+64<<10)
	kept := 0 // of what was passed on, which a signature may have begun in
	for {
		n, err := from.Read(buf[kept:])
		if err != nil || n == 0 || endless(buf[:kept+n]) {
			return
		}
		if _, err := to.Write(buf[kept : kept+n]); err != nil {
			return
		}
		tail := max(kept+n-maxSignature-1, 0)
		kept = copy(buf, buf[tail:kept+n])
	}
}

// endless tells whether a signature in a message has a struct without fields.
// Signatures are found by what they look like: a byte with the length and as
// many of their characters. The NUL behind them godbus does not look for. Text
// that has "()" in it has no such byte before it, or is unlucky.
func endless(b []byte) bool {
	for i, length := range b {
		sig := b[i+1:]
		if len(sig) < int(length) || !bytes.Contains(sig[:length], []byte("()")) {
			continue
		}
		if !slices.ContainsFunc(sig[:length], func(c byte) bool { return !isSignature(c) }) {
			return true
		}
	}
	return false
}

func isSignature(c byte) bool { return bytes.IndexByte([]byte("ybnqiuxtdsogvhar(){}e"), c) >= 0 }
