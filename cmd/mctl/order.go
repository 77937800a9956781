// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/boot/sys"
	"machined-go/unitgen"
)

// orders is where "mctl run --detach" leaves its command line for the starter in the machine's service. Only root can read it, for there
// may be credentials in it. An order holds while who left it waits and has it locked, and until the starter takes it; from then on the
// service's file descriptor store keeps it, for reboots.
const orders = "/run/machined-go/orders"

// storedOrder is its name in the store.
const storedOrder = "order"

// maxOrder bounds an order; no command line is longer.
const maxOrder = 4 << 20

// order is a command line of run for another process.
type order struct {
	dir   string // where it was given
	name  string // of the machine
	words []string
}

func (r order) encode() []byte {
	return []byte(strings.Join(append([]string{r.dir, r.name}, r.words...), "\x00"))
}

func decodeOrder(text []byte) (order, error) {
	words := strings.Split(string(text), "\x00")
	if len(words) < 2 {
		return order{}, errors.New("read order of mctl run: it is cut off")
	}
	return order{words[0], words[1], words[2:]}, nil
}

// leave writes the order down. What it returns takes it back, and tells whether it was still there.
func (r order) leave() (withdraw func() bool, err error) {
	if err := os.MkdirAll(orders, 0o700); err != nil {
		return nil, fmt.Errorf("leave order for machine %q: %w", r.name, err)
	}
	path := filepath.Join(orders, r.name)
	f, err := sys.Lock(path, true)
	if errors.Is(err, sys.ErrLocked) {
		return nil, fmt.Errorf("machine %q is being started already", r.name)
	}
	if err == nil {
		if err = errors.Join(f.Truncate(0), justErr(f.WriteAt(r.encode(), 0))); err != nil {
			_ = os.Remove(path)
			f.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("leave order for machine %q: %w", r.name, err)
	}
	return func() bool {
		defer f.Close()
		return os.Remove(path) == nil
	}, nil
}

func justErr(_ int, err error) error { return err }

// takeOrder reads the order that was left for a machine, if one was; it is there until taken is called.
func takeOrder(name string) (ordered *os.File, taken func() error, err error) {
	path, taken := filepath.Join(orders, name), func() error { return nil }
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, taken, nil
	}
	if err != nil {
		return nil, taken, fmt.Errorf("take order for machine %q: %w", name, err)
	}
	defer f.Close()
	lock, err := sys.Lock(path, true)
	if !errors.Is(err, sys.ErrLocked) {
		_ = os.Remove(path) // who left it is dead
		lock.Close()
		return nil, taken, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxOrder))
	if err != nil {
		return nil, taken, fmt.Errorf("take order for machine %q: %w", name, err)
	}
	ordered, err = inMemory(text)
	return ordered, func() error { return os.Remove(path) }, err
}

// inMemory makes a file without a name.
func inMemory(text []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(storedOrder, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("keep order: %w", err)
	}
	f := os.NewFile(uintptr(fd), storedOrder)
	if _, err := f.Write(text); err != nil {
		f.Close()
		return nil, fmt.Errorf("keep order: %w", err)
	}
	return f, nil
}

// readOrder reads an order that was taken, now or before the last reboot.
func readOrder(f *os.File) (order, error) {
	var text bytes.Buffer
	if _, err := io.Copy(&text, io.NewSectionReader(f, 0, maxOrder)); err != nil {
		return order{}, fmt.Errorf("read order of mctl run: %w", err)
	}
	return decodeOrder(text.Bytes())
}

// options reads the command line.
func (r order) options() (*runOptions, []string, error) {
	o := new(runOptions)
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.addFlags(flags)
	if err := flags.Parse(r.words); err != nil {
		return nil, nil, fmt.Errorf("read order of mctl run: %w", err)
	}
	o.assigned = r.name
	return o, flags.Args(), nil
}

// spec is what the order means for the service of its machine.
func (r order) spec(a *app) (boot.Spec, *runOptions, error) {
	if err := os.Chdir(r.dir); err != nil {
		return boot.Spec{}, nil, fmt.Errorf("read order of mctl run: %w", err)
	}
	o, args, err := r.options()
	if err != nil {
		return boot.Spec{}, nil, err
	}
	spec, err := a.resolve(o, args)
	spec.Terminal, spec.Unit = true, unitgen.Service(r.name)
	return spec, o, err
}
