// SPDX-License-Identifier: Apache-2.0

// Package bus serves the manager on D-Bus: org.freedesktop.machine1, as
// systemd-machined(8) does, and org.machinedgo for what that has no method for.
//
// Each interface is a table of methods, properties and signals. Dispatch,
// introspection and access checks all come from the table, so they cannot
// disagree. A method that names its object (KillMachine) only finds the object
// and goes on with the object's own method (Kill). Objects are found by path
// when they are asked for; nothing is exported or taken back.
package bus

import (
	"strings"

	"github.com/godbus/dbus/v5"
)

// iface is one interface.
type iface struct {
	name    string
	methods []method
	props   []property
	signals []signal
}

// method is one row of the API.
type method struct {
	name string
	// in and out are the arguments, "TYPE NAME" separated by ", ".
	in, out args
	since   int // version of systemd that brought it, 0 for the oldest we know
	// guard says who may call it; the zero guard lets everybody.
	guard guard
	// check looks at the arguments before the caller's rights are.
	check func(c *call) error
	run   func(c *call) ([]any, error)
	// by finds the object that the first argument names; forward is the method
	// of that object which then gets the remaining arguments.
	by      func(c *call, name string) error
	forward *method
	long    bool // works outside the table: takes one of the slots
	slow    bool // may take however long it needs
}

type property struct {
	name, sig string
	since     int
	emits     string // EmitsChangedSignal: "const" or "false"
	hidden    bool   // answers to Get, but is not listed
	get       func(c *call) (any, error)
	set       func(c *call, v dbus.Variant) error // nil if it cannot be written
}

type signal struct {
	name string
	args args
}

// args is a list of arguments: "s name, ay id".
type args string

// arg is one argument.
type arg struct{ sig, name string }

func (a args) list() []arg {
	if a == "" {
		return nil
	}
	var list []arg
	for part := range strings.SplitSeq(string(a), ", ") {
		sig, name, _ := strings.Cut(part, " ")
		list = append(list, arg{sig, name})
	}
	return list
}

// signature is the D-Bus signature of the whole list.
func (a args) signature() string {
	var b strings.Builder
	for _, x := range a.list() {
		b.WriteString(x.sig)
	}
	return b.String()
}

func (i *iface) method(name string) *method {
	for k := range i.methods {
		if i.methods[k].name == name {
			return &i.methods[k]
		}
	}
	return nil
}

func (i *iface) property(name string) *property {
	for k := range i.props {
		if i.props[k].name == name {
			return &i.props[k]
		}
	}
	return nil
}

// reply is what a method returns: its values in order.
func reply(values ...any) ([]any, error) { return values, nil }

// none is the reply of a method that returns nothing.
func none(err error) ([]any, error) { return nil, err }

// value makes a getter of a value that the call does not change.
func value(f func(c *call) any) func(*call) (any, error) {
	return func(c *call) (any, error) { return f(c), nil }
}

// variant packs a property so that its type is the table's.
func (p *property) variant(c *call) (dbus.Variant, error) {
	v, err := p.get(c)
	if err != nil {
		return dbus.Variant{}, err
	}
	return dbus.MakeVariant(v), nil
}
