// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"os"
	"syscall"

	"github.com/godbus/dbus/v5"
)

// Shell is what OpenShell runs inside a machine.
type Shell struct {
	User string   // empty: root
	Path string   // program, absolute; empty: the user's login shell
	Args []string // whole argument vector with its first; empty: Path alone
	Env  []string // "NAME=VALUE"
}

// OpenPTY opens a new terminal inside the machine: its master, and the path of
// its slave as the machine sees it. Root only.
func (c *Client) OpenPTY(ctx context.Context, name string) (*os.File, string, error) {
	return terminal("open terminal in machine", name, c.call(ctx, manager(), "OpenMachinePTY", name))
}

// OpenLogin opens a terminal inside the machine with a login prompt on it.
// ".host" is the host itself.
func (c *Client) OpenLogin(ctx context.Context, name string) (*os.File, string, error) {
	return terminal("log in to machine", name, c.call(ctx, manager(), "OpenMachineLogin", name))
}

// OpenShell opens a terminal inside the machine with a program on it that runs
// as a user's session, without a password.
func (c *Client) OpenShell(ctx context.Context, name string, s Shell) (*os.File, string, error) {
	args, env := append([]string{}, s.Args...), append([]string{}, s.Env...)
	call := c.call(ctx, manager(), "OpenMachineShell", name, s.User, s.Path, args, env)
	return terminal("open shell in machine", name, call)
}

// terminal takes the reply (hs) of the Open calls. The master is non-blocking,
// so that Go's poller carries it and a Close ends a Read.
func terminal(op, name string, call *dbus.Call) (*os.File, string, error) {
	var fd dbus.UnixFD
	var slave string
	if err := call.Store(&fd, &slave); err != nil {
		return nil, "", failed(op, name, err)
	}
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		syscall.Close(int(fd))
		return nil, "", failed(op, name, err)
	}
	return os.NewFile(uintptr(fd), name+":"+slave), slave, nil
}
