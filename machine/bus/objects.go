// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"strings"
	"unicode/utf8"

	"github.com/godbus/dbus/v5"

	"machined-go/machine"
)

// Object paths.
const (
	managerPath = dbus.ObjectPath("/org/freedesktop/machine1")
	machineRoot = managerPath + "/machine"
	imageRoot   = managerPath + "/image"
	logPath     = dbus.ObjectPath("/org/freedesktop/LogControl1")
	ownPath     = dbus.ObjectPath("/org/machinedgo")
)

// object is what is found at a path.
type object struct {
	ifaces   []*iface
	children []string
}

// paths are the interfaces of each kind of object.
type paths struct {
	manager, machine, image, own, logging *iface
	standard                              []*iface
}

func newPaths() paths {
	machine := machineInterface()
	image := imageInterface()
	return paths{
		machine: machine, image: image,
		manager:  managerInterface(machine, image),
		own:      ownInterface(),
		logging:  logInterface(),
		standard: standardInterfaces(),
	}
}

// object finds what is at a path and, for a machine or an image, puts it into
// the call. It is looked up anew each time.
func (c *call) object(path dbus.ObjectPath) (*object, error) {
	p := &c.paths
	switch path {
	case managerPath:
		return &object{ifaces: []*iface{p.manager}, children: []string{"image", "machine"}}, nil
	case logPath:
		return &object{ifaces: []*iface{p.logging}}, nil
	case ownPath:
		return &object{ifaces: []*iface{p.own}}, nil
	case machineRoot:
		return &object{children: c.machineLabels()}, nil
	case imageRoot:
		return &object{children: c.imageLabels()}, nil
	case "/":
		return &object{children: []string{"org"}}, nil
	case "/org":
		return &object{children: []string{"freedesktop", "machinedgo"}}, nil
	case "/org/freedesktop":
		return &object{children: []string{"LogControl1", "machine1"}}, nil
	}
	if label, ok := strings.CutPrefix(string(path), string(machineRoot)+"/"); ok {
		if err := c.machineLabel(label); err == nil {
			return &object{ifaces: []*iface{p.machine}}, nil
		}
	}
	if label, ok := strings.CutPrefix(string(path), string(imageRoot)+"/"); ok {
		if name, ok := unlabel(label); ok && c.imageByName(name) == nil {
			return &object{ifaces: []*iface{p.image}}, nil
		}
	}
	return nil, failf(errBus+"UnknownObject", "Unknown object '%s'.", path)
}

// find finds the method that a message calls.
func (s *Server) find(c *call) (*method, error) {
	member, name := c.msg.Member, c.msg.Interface
	obj, err := c.object(c.msg.Path)
	if err != nil {
		return nil, err
	}
	obj.ifaces = append(obj.ifaces, s.paths.standard...)
	c.found = obj
	for _, i := range obj.ifaces {
		if name != "" && i.name != name {
			continue
		}
		if m := i.method(member); m != nil {
			return m, nil
		}
		if name != "" {
			break
		}
	}
	return nil, failf(errBus+"UnknownMethod", "Unknown method %s or interface %s.", member, name)
}

// machineLabel finds a machine by the last element of its path.
func (c *call) machineLabel(label string) error {
	if label == "self" {
		who, err := c.ids.caller(c.ctx, c.sender)
		if err != nil {
			return err
		}
		c.machine, err = c.manager.ByPID(who.pid)
		return err
	}
	name, ok := unlabel(label)
	if !ok {
		return machine.ErrNoSuchMachine
	}
	return c.machineByName(name)
}

func (c *call) machineByName(name string) (err error) {
	if c.machine, err = c.manager.Get(name); err != nil {
		return failf(errMachine+"NoSuchMachine", "No machine '%s' known", name)
	}
	return nil
}

func (c *call) machineLabels() []string {
	var labels []string
	for _, m := range c.manager.List() {
		labels = append(labels, label(m.Name))
	}
	return labels
}

func machinePath(name string) dbus.ObjectPath { return machineRoot + dbus.ObjectPath("/"+label(name)) }

func imagePath(name string) dbus.ObjectPath { return imageRoot + dbus.ObjectPath("/"+label(name)) }

// label escapes a name for use in an object path, as sd_bus_path_encode(3).
func label(s string) string {
	const hex = "0123456789abcdef"
	if s == "" {
		return "_"
	}
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9' {
			b = append(b, c)
			continue
		}
		b = append(b, '_', hex[c>>4], hex[c&15])
	}
	return string(b)
}

// unlabel is the inverse of label; ok is false for what label never makes.
func unlabel(s string) (name string, ok bool) {
	if s == "_" {
		return "", true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '_' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	return string(b), s != "" && label(string(b)) == s
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// validText makes a string fit for the bus: UTF-8 without NUL.
func validText(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
