// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"machined-go/boot"
	"machined-go/machine/client"
	"machined-go/machine/systemd1"
	"machined-go/unitgen"
)

// partners are systemd and the machine manager as a boot sees them. It connects to both beside other work, for each greeting takes its
// time.
type partners struct {
	units    func() (*systemd1.Conn, error)
	machines func() (*client.Client, error)
}

// newPartners is the first thing a start does.
func newPartners(a *app) *partners {
	go boot.Hasten()
	machines := ahead(a.client)
	return &partners{
		machines: machines,
		units: sync.OnceValues(func() (*systemd1.Conn, error) {
			if _, err := machines(); err != nil {
				return nil, err
			}
			return systemd1.Briefly(a.conn), nil
		}),
	}
}

// ahead runs f at once in a goroutine of its own; what it returns waits for the result.
func ahead[T any](f func() (T, error)) func() (T, error) {
	var (
		value T
		err   error
		done  = make(chan struct{})
	)
	go func() {
		value, err = f()
		close(done)
	}()
	return func() (T, error) {
		<-done
		return value, err
	}
}

// StartScope implements boot.Units.
func (p *partners) StartScope(ctx context.Context, s boot.Scope) (end func(), err error) {
	systemd, err := p.units()
	if err != nil {
		return nil, err
	}
	return nil, systemd.StartScope(ctx, systemd1.Scope{
		Name: s.Name, Description: s.Description, Slice: s.Slice, PIDs: []int{s.PID}, Before: s.Before,
		Extra: append([]systemd1.Property{
			systemd1.Prop("DevicePolicy", "closed"), systemd1.Prop("DeviceAllow", s.Devices),
		}, busProperties(append(s.Stop, s.Properties...))...),
	})
}

// receive has a machine's journal received (boot.Starter).
func (p *partners) receive(ctx context.Context, r boot.Receiver) (end func(), err error) {
	systemd, err := p.units()
	if err != nil {
		return nil, err
	}
	name := unitgen.Journal(r.Machine)
	end = func() { _ = systemd.EndUnit(context.WithoutCancel(ctx), name) }
	err = systemd.StartService(ctx, systemd1.Service{
		Name: name, Description: "Journal of Machine " + r.Machine, BoundTo: r.Unit, Argv: r.Argv, Env: r.Env, Socket: r.Socket,
		Extra: busProperties(r.Properties),
	})
	var job *systemd1.JobError
	if errors.As(err, &job) {
		err = fmt.Errorf("%w: see `journalctl -u %s`", err, name)
	}
	if err != nil {
		end() // it would be tried again and again
		return nil, err
	}
	return end, nil
}

func busProperties(list []boot.UnitProperty) []systemd1.Property {
	var props []systemd1.Property
	for _, p := range list {
		props = append(props, systemd1.Prop(p.Name, p.Value))
	}
	return props
}

// stopping tells whether systemd is stopping a unit.
func (p *partners) stopping(ctx context.Context, unit string) bool {
	systemd, err := p.units()
	if err != nil {
		return false
	}
	state, err := systemd.State(ctx, unit)
	return err == nil && state.ActiveState == "deactivating"
}

// Register implements boot.Registry.
func (p *partners) Register(ctx context.Context, r boot.Registration) error {
	machines, err := p.machines()
	if err != nil {
		return err
	}
	_, err = machines.Register(ctx, client.Registration{
		Name: r.Name, ID: r.MachineID, Service: "machined-go", Class: "container", LeaderPIDFD: r.PIDFD,
		RootDirectory: r.Root, NetworkInterfaces: r.Interfaces, Console: r.Console, ServiceUnit: r.Unit,
	})
	return err
}

// Unregister implements boot.Registry. A machine that is not known any more is what is wanted, and a manager that is just being
// restarted sees for itself who is gone.
func (p *partners) Unregister(ctx context.Context, name string) error {
	machines, err := p.machines()
	if err != nil {
		return err
	}
	err = machines.Unregister(ctx, name)
	if errors.Is(err, client.ErrNoSuchMachine) || errors.Is(err, client.ErrNoDaemon) {
		return nil
	}
	return err
}

// attach gives the machine's notify socket to the manager for the rest of the machine's life.
func (p *partners) attach(ctx context.Context, name string, socket *os.File) error {
	machines, err := p.machines()
	if err != nil {
		return err
	}
	return machines.AttachNotify(ctx, name, socket)
}

// watch starts the timer of a machine's health checks.
func (p *partners) watch(ctx context.Context, name string, h boot.Health) error {
	times, err := h.Times()
	if err != nil {
		return err
	}
	systemd, err := p.units()
	if err != nil {
		return err
	}
	return systemd.StartTimer(ctx, systemd1.Timer{
		Name: unitgen.HealthTimer(name), Description: "Health Checks of Machine " + name,
		BoundTo: unitgen.Service(name), Interval: times.Interval,
	})
}
