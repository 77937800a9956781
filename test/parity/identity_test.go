// SPDX-License-Identifier: Apache-2.0

package parity_test

func identityRows() []row {
	return []row{
		{
			options: "--machine -M",
			script: `nspawn -D $small -M odd-name "${base[@]}" /bin/sh -c 'hostname; cat /proc/self/uid_map'
				cp -a $small /var/lib/machines/parity-named; nspawn -M parity-named "${base[@]}" /bin/cat /etc/marker; rm -rf /var/lib/machines/parity-named`,
			want: "odd-name\n0 [1-9][0-9]* 65536\nthe small tree",
		},
		{
			options: "--hostname", keys: "Exec.Hostname", args: "--hostname=other.name", file: "[Exec]\nHostname=other.name",
			inside: `hostname; cat /proc/sys/kernel/hostname`, want: "other.name",
		},
		{
			options: "--uuid", keys: "Exec.MachineID",
			args: "--uuid=11112222333344445555666677778888", file: "[Exec]\nMachineID=11112222-3333-4444-5555-666677778888",
			inside: `echo $container_uuid; cat /run/host/container-uuid`, want: "11112222-3333-4444-5555-666677778888",
		},
		{
			options: "--uuid of a tree that has one", setup: `own; echo aaaabbbbccccddddaaaabbbbccccdddd >own/etc/machine-id`, tree: "$work/own",
			args: "--uuid=11112222333344445555666677778888", inside: `echo $container_uuid`,
			want: "aaaabbbb-cccc-dddd-aaaa-bbbbccccdddd",
		},
	}
}

// inScope runs a machine and asks the host about its scope meanwhile.
const inScope = `
machine "${args[@]}" /bin/sh -c 'echo up; until [ -e /tmp/end ]; do sleep 0.02; done & exec sleep 20' >said &
until_true grep -q up said
scope=$(systemctl list-units --plain --no-legend --type=scope | grep -o '^[^ ]*parity[^ ]*')
`

func propertyRows() []row {
	const end = "\nsystemctl kill -s KILL $scope; wait"
	return []row{
		{
			options: "--slice -S", args: "--slice=parity.slice",
			script: inScope + `systemctl show -p Slice --value $scope; grep -c . /sys/fs/cgroup/parity.slice/$scope/payload/cgroup.procs /sys/fs/cgroup/parity.slice/$scope/cgroup.procs 2>/dev/null | grep -vc :0` + end,
			want:   "parity.slice\n1",
		},
		{
			options: "--property", args: "--property=TasksMax=77 --property=Description=told",
			script: inScope + `systemctl show -p TasksMax -p Description --value $scope | sort` + end,
			want:   "77\ntold",
		},
		{
			options: "--register",
			script: `program=(mctl run); [[ $side == stock ]] && program=(systemd-nspawn -q -P)
				for how in yes no; do
					nspawn "${base[@]}" --register=$how -D $tree -M parity-$how /bin/sh -c 'echo up; exec sleep 20' >said-$how &
					until_true grep -q up said-$how
					machinectl show -p Class parity-$how 2>&1 | sed "s/.*No machine.*/not listed/"
				done; end 2>/dev/null`,
			want: "Class=container\nnot listed",
		},
		{
			options: "--keep-unit",
			script: `program=(mctl run); [[ $side == stock ]] && program=(systemd-nspawn -q -P)
				systemctl stop parity-own 2>/dev/null
				systemd-run -q --unit=parity-own --collect -p Delegate=yes -p Slice=machine.slice --wait --pipe "$(type -P $program)" "${program[@]:1}" "${base[@]}" \
					--keep-unit --register=yes -D $tree -M parity /bin/sh -c 'echo up; exec sleep 20' >said 2>&1 &
				until_true grep -q up said || cat said >&2
				machinectl show -p Unit parity
				systemctl list-units --plain --no-legend --type=scope | grep -c parity
				grep -rl . /sys/fs/cgroup/machine.slice/parity-own.service --include=cgroup.procs | wc -l
				systemctl stop parity-own; wait`,
			want: "Unit=parity-own.service\n0",
		},
	}
}
