// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"strings"
	"sync"

	"machined-go/boot"
)

// key is what can be assigned in a settings file.
type key struct {
	section, name string
	// privileged keys give a machine more than every machine has, so files beside an image cannot set them.
	privileged bool
	// set is nil for those that say together how the machine starts.
	set setter
}

// keys are those of systemd.nspawn(5), in its order. They are made when a file is read, which is rare.
var keys = sync.OnceValue(func() []key { return append(fixedKeys(), limitKeys()...) })

func fixedKeys() []key {
	return []key{
		{"Exec", "Boot", false, nil},
		{"Exec", "Ephemeral", true, boolean(func(s *boot.Spec) *bool { return &s.Ephemeral })},
		{"Exec", "ProcessTwo", false, nil},
		{"Exec", "Parameters", false, nil},
		{"Exec", "Environment", false, environments},
		{"Exec", "User", false, text(func(s *boot.Spec) *string { return &s.User }, something)},
		{"Exec", "WorkingDirectory", false, workingDirectory},
		{"Exec", "PivotRoot", false, pivotRoot},
		{"Exec", "Capability", true, capabilities(func(s *boot.Spec) *[]string { return &s.Security.AddCapabilities })},
		{"Exec", "DropCapability", false, capabilities(func(s *boot.Spec) *[]string { return &s.Security.DropCapabilities })},
		{"Exec", "AmbientCapability", true, capabilities(func(s *boot.Spec) *[]string { return &s.Security.AmbientCapabilities })},
		{"Exec", "NoNewPrivileges", false, boolean(func(s *boot.Spec) *bool { return &s.Security.NoNewPrivileges })},
		{"Exec", "KillSignal", false, killSignal},
		{"Exec", "Personality", false, personality},
		{"Exec", "MachineID", true, machineID},
		{"Exec", "PrivateUsers", true, privateUsers},
		{"Exec", "PrivateUsersDelegate", true, delegate},
		{"Exec", "NotifyReady", false, notifyReady},
		{"Exec", "SystemCallFilter", false, systemCallFilter},
		{"Exec", "RestrictAddressFamilies", false, addressFamilies},
		{"Exec", "OOMScoreAdjust", true, oomScoreAdjust},
		{"Exec", "CPUAffinity", true, moreCPUs},
		{"Exec", "Hostname", false, text(func(s *boot.Spec) *string { return &s.Hostname }, hostname)},
		{"Exec", "ResolvConf", false, resolvConf},
		{"Exec", "Timezone", false, timezone},
		{"Exec", "LinkJournal", true, linkJournal},
		{"Exec", "SuppressSync", false, boolean(func(s *boot.Spec) *bool { return &s.Security.SuppressSync })},
		{"Files", "ReadOnly", false, boolean(func(s *boot.Spec) *bool { return &s.ReadOnly })},
		{"Files", "Volatile", false, one(func(s *boot.Spec) *string { return &s.Volatile }, "no", "yes", "state", "overlay")},
		{"Files", "Bind", true, bind(false)},
		{"Files", "BindReadOnly", true, bind(true)},
		{"Files", "BindUser", true, names(func(s *boot.Spec) *[]string { return &s.Users.Bind })},
		{"Files", "BindUserShell", true, bindShell},
		{"Files", "TemporaryFileSystem", true, tmpfs},
		{"Files", "Inaccessible", true, inaccessible},
		{"Files", "Overlay", true, overlay(false)},
		{"Files", "OverlayReadOnly", true, overlay(true)},
		{"Files", "PrivateUsersOwnership", true, ownership},
		{"Files", "PrivateUsersChown", true, chownUsers},
		{"Network", "Private", true, privateKey},
		{"Network", "NamespacePath", true, namespacePath},
		{"Network", "VirtualEthernet", true, veth},
		{"Network", "VirtualEthernetExtra", true, interfaces(func(s *boot.Spec) *[]string { return &s.Network.VethExtra })},
		{"Network", "Interface", true, interfaces(func(s *boot.Spec) *[]string { return &s.Network.Interfaces })},
		{"Network", "MACVLAN", true, interfaces(func(s *boot.Spec) *[]string { return &s.Network.MACVLAN })},
		{"Network", "IPVLAN", true, interfaces(func(s *boot.Spec) *[]string { return &s.Network.IPVLAN })},
		{"Network", "Bridge", true, bridge},
		{"Network", "Zone", true, zone},
		{"Network", "Port", true, port},
	}
}

func limitKeys() []key {
	var list []key
	for _, name := range []string{
		"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NOFILE", "AS", "NPROC", "MEMLOCK", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE",
		"RTPRIO", "RTTIME",
	} {
		list = append(list, key{"Exec", "Limit" + name, true, limit(strings.ToLower(name))})
	}
	return list
}
