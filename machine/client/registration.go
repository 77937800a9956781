// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/godbus/dbus/v5"
)

// How long Register and AttachNotify go on calling a manager that does not
// answer. The bus starts it again on each call, unless no such service is
// installed, which can only change while a package is being replaced.
const (
	patience        = 20 * time.Second
	patienceUnknown = time.Second
)

func own() target {
	return target{"org.machinedgo", "/org/machinedgo", "org.machinedgo.Manager1"}
}

// Registration is what a starter tells the manager of the machine it made.
type Registration struct {
	Name              string
	ID                [16]byte // machine id; zero if it has none
	Service           string   // who registers, as "machined-go"
	Class             string   // "container" or "vm"
	LeaderPIDFD       *os.File // pidfd of the machine's PID 1
	RootDirectory     string   // absolute, or empty
	NetworkInterfaces []int32  // indices on the host's side
	Console           *os.File // master of the console's terminal, or nil
	ServiceUnit       string   // the unit that started it, as contain@web.service
}

// Register makes the machine known and gives its object path. It may be called
// again for the same leader, and does so by itself when the manager dies before
// it answers, until ctx ends or some 20 s have passed.
func (c *Client) Register(ctx context.Context, r Registration) (dbus.ObjectPath, error) {
	var path dbus.ObjectPath
	properties, err := r.properties()
	if err != nil {
		return "", failed("register machine", r.Name, err)
	}
	err = persist(ctx, func() error {
		return c.call(ctx, own(), "RegisterMachine", r.Name, properties).Store(&path)
	})
	runtime.KeepAlive(r.LeaderPIDFD)
	runtime.KeepAlive(r.Console)
	return path, failed("register machine", r.Name, err)
}

// AttachNotify hands over the socket on which the machine's init reports its
// state (sd_notify(3)) once the starter is gone. It persists like Register.
func (c *Client) AttachNotify(ctx context.Context, name string, socket *os.File) error {
	fd, err := descriptor(socket)
	if err != nil {
		return failed("hand over notify socket of machine", name, err)
	}
	err = persist(ctx, func() error {
		return c.call(ctx, own(), "AttachNotify", name, fd).Err
	})
	runtime.KeepAlive(socket)
	return failed("hand over notify socket of machine", name, err)
}

// properties gives the wire form; what is unset is left out.
func (r Registration) properties() (map[string]dbus.Variant, error) {
	p := map[string]dbus.Variant{}
	if r.ID != [16]byte{} {
		p["Id"] = dbus.MakeVariant(r.ID[:])
	}
	for key, text := range map[string]string{
		"Service": r.Service, "Class": r.Class,
		"RootDirectory": r.RootDirectory, "ServiceUnit": r.ServiceUnit,
	} {
		if text != "" {
			p[key] = dbus.MakeVariant(text)
		}
	}
	for key, file := range map[string]*os.File{"LeaderPIDFD": r.LeaderPIDFD, "Console": r.Console} {
		if file == nil {
			continue
		}
		fd, err := descriptor(file)
		if err != nil {
			return nil, err
		}
		p[key] = dbus.MakeVariant(fd)
	}
	if len(r.NetworkInterfaces) > 0 {
		p["NetworkInterfaces"] = dbus.MakeVariant(r.NetworkInterfaces)
	}
	return p, nil
}

// descriptor gives the number behind a file without making it blocking, which
// os.File.Fd may do. It is valid while the file is kept alive.
func descriptor(file *os.File) (dbus.UnixFD, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return -1, err
	}
	number := dbus.UnixFD(-1)
	err = raw.Control(func(fd uintptr) { number = dbus.UnixFD(fd) })
	return number, err
}

// persist repeats a call that failed because the manager was not there.
func persist(ctx context.Context, call func() error) error {
	start := time.Now()
	pause := 2 * time.Millisecond
	for {
		err := call()
		if err == nil || time.Since(start) > worthWaiting(ctx, err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		pause = min(2*pause, 250*time.Millisecond)
	}
}
