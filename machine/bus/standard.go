// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"encoding/hex"
	"os"
	"strings"

	"github.com/godbus/dbus/v5"
)

const (
	peerIf  = "org.freedesktop.DBus.Peer"
	introIf = "org.freedesktop.DBus.Introspectable"
	propsIf = "org.freedesktop.DBus.Properties"
)

// standardInterfaces are those that every object has.
func standardInterfaces() []*iface {
	return []*iface{
		{name: peerIf, methods: []method{
			{name: "Ping", run: func(*call) ([]any, error) { return nil, nil }},
			{name: "GetMachineId", out: "s machine_uuid", run: hostID},
		}},
		{name: introIf, methods: []method{
			{name: "Introspect", out: "s data", run: func(c *call) ([]any, error) { return reply(introspect(c.found)) }},
		}},
		{name: propsIf, methods: []method{
			{name: "Get", in: "s interface_name, s property_name", out: "v value", run: getProperty},
			{name: "GetAll", in: "s interface_name", out: "a{sv} props", run: getAll},
			{name: "Set", in: "s interface_name, s property_name, v value", run: setProperty},
		}, signals: []signal{
			{name: "PropertiesChanged", args: "s interface_name, a{sv} changed_properties, as invalidated_properties"},
		}},
	}
}

func hostID(*call) ([]any, error) {
	b, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		return nil, err
	}
	id := strings.TrimSpace(string(b))
	if _, err := hex.DecodeString(id); err != nil {
		return nil, err
	}
	return reply(id)
}

func getProperty(c *call) ([]any, error) {
	p := c.property(c.str(0), c.str(1))
	if p == nil {
		return nil, failf(errBus+"UnknownProperty", "Unknown interface %s or property %s.", c.str(0), c.str(1))
	}
	v, err := p.variant(c)
	if err != nil {
		return nil, err
	}
	return reply(v)
}

// property finds a property; an empty interface name means any.
func (c *call) property(iface, name string) *property {
	for _, i := range c.found.ifaces {
		if iface != "" && i.name != iface {
			continue
		}
		if p := i.property(name); p != nil {
			return p
		}
	}
	return nil
}

// getAll gives all properties of one interface, of all for an empty name.
func getAll(c *call) ([]any, error) {
	var all []*property
	known := c.str(0) == ""
	for _, i := range c.found.ifaces {
		if c.str(0) != "" && i.name != c.str(0) {
			continue
		}
		known = true
		for k := range i.props {
			if p := &i.props[k]; !p.hidden {
				all = append(all, p)
			}
		}
	}
	if !known {
		return nil, failf(errBus+"UnknownInterface", "Unknown interface '%s'.", c.str(0))
	}
	body, err := c.encodeProperties(all)
	if err != nil {
		return nil, err
	}
	return reply(body)
}

func setProperty(c *call) ([]any, error) {
	p := c.property(c.str(0), c.str(1))
	switch {
	case p == nil:
		return nil, failf(errBus+"UnknownProperty", "Unknown interface %s or property %s.", c.str(0), c.str(1))
	case p.set == nil:
		return nil, failf(errBus+"PropertyReadOnly", "Property '%s' is not writable.", c.str(1))
	}
	v := c.args[2].(dbus.Variant)
	if v.Signature().String() != p.sig {
		return nil, failf(errBus+"InvalidArgs", "Incorrect signature '%s' of property '%s', expecting '%s'.", v.Signature(), p.name, p.sig)
	}
	if err := c.allow(guard{root: true}); err != nil {
		return nil, err
	}
	return none(p.set(c, v))
}
