// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"strings"
)

// interfaceName is that of the host's interface of this number.
func interfaceName(index int) string {
	i, err := net.InterfaceByIndex(index)
	if err != nil {
		return fmt.Sprintf("number %d, which is gone", index)
	}
	return i.Name
}

// network adds how a machine is connected: the interfaces of the host that it registered, and what is noted of it, if that can be
// read.
func (a *app) network(c *card, row *machineRow) {
	var names []string
	for _, index := range row.Interfaces {
		names = append(names, a.interfaceName(int(index)))
	}
	c.line("Interface", names...)
	note, err := a.networks.Read(row.Name)
	if err != nil || !note.Alive() {
		return
	}
	c.line("Inside", strings.Join(note.Given, " "))
	var ports []string
	for _, p := range note.Ports {
		ports = append(ports, fmt.Sprintf("%s %d leads to %d", p.Protocol, p.Host, p.Inside))
	}
	c.line("Ports", ports...)
}
