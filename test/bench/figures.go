// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// Contenders, as the tables name them.
const (
	ours     = "machined-go"
	nspawn   = "systemd-nspawn"
	machined = "systemd-machined"
	crun     = "crun, systemd cgroups"
	runc     = "runc, systemd cgroups"
	podman   = "podman"
	lxc      = "lxc-execute"
	floor    = "unshare and chroot"

	crunAlone = "crun, cgroup by hand"
	runcAlone = "runc, cgroup by hand"
)

// figure is one thing that is measured.
type figure struct {
	key, title, unit string
	goals            goals
	most             float64 // what ours may be at most; 0: anything
	above            goals   // how much above another's value ours may be at most
}

// goals are how much of another's value ours may be at most.
type goals map[string]float64

func commandFigures() []figure {
	return []figure{{key: "command", title: "run /bin/true, from call to exit", unit: "ms", goals: goals{nspawn: 0.4, crun: 1, runc: 1, podman: 1}}}
}

func byHandFigures() []figure {
	return []figure{{
		key: "byhand", title: "run /bin/true without systemd and with a cgroup made by hand, from call to exit", unit: "ms",
		goals: goals{crunAlone: 1, runcAlone: 1, lxc: 1},
	}}
}

func bootFigures() []figure {
	return []figure{
		{key: "start", title: "start as a service, the manager's share: from call to the first instruction of init", unit: "ms", goals: goals{nspawn: 0.4}},
		{key: "running", title: "start of a whole Debian: from call until it says running", unit: "ms", goals: goals{nspawn: 1}},
		{key: "reboot", title: "reboot, the gap: from the end of init to the first instruction of the next", unit: "ms", goals: goals{nspawn: 0.3}},
		{key: "poweroff", title: "poweroff, the manager's share: from the end of init to the end of the unit", unit: "ms", goals: goals{nspawn: 1}},
		{key: "off", title: "poweroff of a whole Debian: from call to the end of the unit", unit: "ms", goals: goals{nspawn: 1}},
	}
}

func directFigures() []figure {
	return []figure{
		{key: "start", title: "start without a service, the manager's share: from call to the first instruction of init", unit: "ms", goals: goals{nspawn: 0.4, crun: 1}},
		{key: "running", title: "start without a service: from call until it says running", unit: "ms", goals: goals{nspawn: 1}},
	}
}

// crowdFigures are the same for each number of machines.
func crowdFigures() []figure {
	var list []figure
	for _, n := range crowds {
		each := fmt.Sprintf("with %d running, for each: ", n)
		list = append(list,
			figure{key: keyOf("processes", n), title: each + "processes of the manager", unit: "number"},
			figure{key: keyOf("daemon", n), title: each + "growth of the daemon, PSS", unit: "KiB", most: 100},
			figure{key: keyOf("kept", n), title: each + "memory of the manager with its daemon, PSS", unit: "KiB"},
			figure{key: keyOf("all", n), title: each + "growth of all host processes (systemd, D-Bus, networkd too), PSS", unit: "KiB"},
		)
	}
	return list
}

// scaleFigures are the same for each number of machines, but for memory.
func scaleFigures() []figure {
	var list []figure
	for _, n := range scales {
		with := fmt.Sprintf("with %d registered: ", n)
		call := func(key string, most float64) {
			list = append(list, figure{key: keyOf(key, n), title: with + key, unit: "µs", goals: goals{machined: most}})
		}
		list = append(list, figure{key: keyOf("bus", n), title: with + "the bus's own GetId, the floor for all calls", unit: "µs"})
		for _, cheap := range []string{"GetMachine", "GetMachineByPID", "GetAll", "ListMachines"} {
			call(cheap, 1.5)
		}
		call("GetMachineOSRelease", 0.2)
		call("GetMachineAddresses", 0.2)
		list = append(list, figure{key: keyOf("List", n), title: with + "io.systemd.Machine.List of all", unit: "µs", goals: goals{machined: 1}})
		felt := figure{key: keyOf("machinectl", n), title: with + "machinectl list", unit: "ms"}
		if n >= 50 {
			felt.goals = goals{machined: 1. / 3}
		}
		list = append(list, felt)
	}
	return append(list, figure{key: "memory", title: fmt.Sprintf("with %d registered: memory of the daemon, PSS", scales[len(scales)-1]), unit: "MiB", above: goals{machined: 10}})
}

func keyOf(what string, machines int) string { return fmt.Sprintf("%s-%d", what, machines) }
