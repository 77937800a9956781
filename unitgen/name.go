// SPDX-License-Identifier: Apache-2.0

// Package unitgen makes the names and texts of the systemd units that machines run in. It is pure: it reads and writes nothing.
package unitgen

import "github.com/coreos/go-systemd/v22/unit"

// Service is the name of the service that starts and supervises a machine. Like machinectl does with systemd-nspawn@NAME.service
// it takes the name as it is: a host name needs no escaping there.
func Service(machine string) string { return "contain@" + machine + ".service" }

// Scope is the name of the scope around a machine's processes, which machined too gives it: here the name is escaped, for '-'
// would make a hierarchy of slices of it.
func Scope(machine string) string { return "machine-" + unit.UnitNameEscape(machine) + ".scope" }

// Journal is the name of the service that receives a machine's journal on the host. It is transient.
func Journal(machine string) string { return "machined-go-journal@" + machine + ".service" }
