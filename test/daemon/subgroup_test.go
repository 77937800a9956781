// SPDX-License-Identifier: Apache-2.0

package daemon_test

import "testing"

// pair starts a service that has two cgroups below its own, a and b, each with
// two processes; its first process looks after a.
const pair = `
cat >/run/pair <<'END'
#!/bin/bash
cd "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)"
mkdir main a b
for group in a b; do
	for i in 1 2; do
		sleep 1000 &
		echo $! >$group/cgroup.procs
		echo $! >>/run/pair.$group
	done
done
echo $$ >main/cgroup.procs
echo >/run/pair.ready
while :; do sleep 0.1; done
END
chmod +x /run/pair; rm -f /run/pair.*
systemd-run -q --unit=pair -p Delegate=yes -p KillMode=control-group /run/pair
for i in {1..100}; do [[ -e /run/pair.ready ]] && break; sleep 0.05; done
`

// look are functions about the two.
const look = `
pids() { cat /run/pair.$1; }
first() { head -1 /run/pair.$1; }
alive() { local n=0 p; for p in $(pids $1); do [[ $(ps -o stat= -p $p) == [^Z]* ]] && n=$((n + 1)); done; echo $n; }
within() { local i; for i in {1..100}; do [[ $($1 $2) == "$3" ]] && return 0; sleep 0.05; done; echo "$1 $2: $($1 $2), want $3" >&2; return 1; }
property() { busctl get-property org.freedesktop.machine1 /org/freedesktop/machine1/machine/$1 org.freedesktop.machine1.Machine $2; }
`

// Two machines in one service are told apart, and survive our death, the end of
// the other, and its kill.
func TestTwoMachinesInOneUnit(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		t.Cleanup(func() { h.try("systemctl stop pair; systemctl reset-failed pair") })
		h.sh(t, pair+look+`
			for m in a b; do call RegisterMachine sayssus $m 0 test container $(first $m) "" >/dev/null; done
			check() {
				[[ $(names) == "a b " ]]
				for m in a b; do
					[[ $(property $m Unit) == 's "pair.service"' && $(property $m Subgroup) == "s \"$m\"" ]]
					for p in $(pids $m); do [[ $(call GetMachineByPID u $p) == "o \"/org/freedesktop/machine1/machine/$m\"" ]]; done
					[[ ! -e /run/systemd/machines/unit:pair.service ]]
				done
			}
			check
			kill_daemon
			check
			call KillMachine ssi a all 9
			within alive a 0
			[[ $(alive b) == 2 ]]
			within names "" "b "
			kill -9 $(first b)
			sleep 0.3
			[[ $(names) == "b " ]] # its other process lives
			call TerminateMachine s b
			within names "" ""`)
		h.leftNothing(t)
	})
}

// Virtual machines and containers in scopes of others, such as libvirt's, are
// followed to their end, whatever ends them.
func TestScopesOfOthers(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		h.sh(t, look+`
			for class in vm container; do
				for how in 'kill -9 $leader' 'systemctl stop other.scope' 'call TerminateMachine s m' 'call KillMachine ssi m all 9' 'call UnregisterMachine s m'; do
					systemd-run -q --scope --unit=other sleep 1000 & 
					for i in {1..100}; do leader=$(cat /sys/fs/cgroup/system.slice/other.scope/cgroup.procs 2>/dev/null || true); [[ $leader ]] && break; sleep 0.05; done
					call RegisterMachineWithNetwork sayssusai m 0 libvirt-lxc $class $leader "" 1 1 >/dev/null
					grep -qx CLASS=$class /run/systemd/machines/m
					grep -qx NETIF=1 /run/systemd/machines/m
					[[ $(readlink /run/systemd/machines/unit:other.scope) == m ]]
					[[ $(ps -o machine= -p $leader) == m ]]
					eval "$how"
					within names "" ""
					systemctl stop other.scope 2>/dev/null || true
					wait
				done
			done`)
		h.leftNothing(t)
	})
}
