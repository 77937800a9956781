// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
)

// listSocket is where systemd 257 and newer can be asked for machines; older
// ones are not measured.
const listSocket = "/run/systemd/machine/io.systemd.Machine"

// listCall is the call for the whole list, one reply a machine.
const listCall = `{"method":"io.systemd.Machine.List","more":true}` + "\x00"

// measureVarlink times the call for the whole list, up to the last reply.
func (r registry) measureVarlink(n int, s sample) error {
	conn, err := dialBlocking(listSocket)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 1<<20)
	if err := askList(conn, in, n); err != nil {
		return err
	}
	us, err := medianOf(func() error { return askList(conn, in, n) })
	s[keyOf("List", n)] = us
	return err
}

// dialBlocking connects for a caller who waits in the kernel, as varlinkctl and
// machinectl do. Go's poller would wake another thread for each reply, which
// takes longer than the call and not the same time for all servers.
func dialBlocking(path string) (*os.File, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	file, err := conn.File()
	if err == nil {
		_ = file.Fd() // it blocks from here on
	}
	return file, err
}

func askList(conn io.Writer, in *bufio.Reader, n int) error {
	if _, err := conn.Write([]byte(listCall)); err != nil {
		return err
	}
	for replies := 1; ; replies++ {
		reply, err := in.ReadSlice(0)
		if err != nil {
			return err
		}
		if bytes.Contains(reply, []byte(`"continues":true`)) {
			continue
		}
		if replies != n+1 { // and the host
			return fmt.Errorf("varlink list: %d replies, want %d; the last is %s", replies, n+1, reply)
		}
		return nil
	}
}
