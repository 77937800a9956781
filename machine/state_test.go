// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func fullRecord() record {
	return record{
		Machine: Machine{
			Name: "my-c1", ID: [16]byte{1, 2, 15: 255}, Service: `a "b" $c\`, Class: ClassContainer, RootDirectory: "/var/lib/machines/ä b",
			NetIf: []int32{7, 8}, UID: 1000, Unit: `machine-my\x2dc1.scope`, Subgroup: "payload", Supervisor: 41, SupervisorID: 9,
			Realtime: 1, Monotonic: 2, VSockCID: 3, SSHAddress: "vsock/3", SSHPrivateKeyPath: "/k", ServiceUnit: "contain@my-c1.service", InvocationID: "ab",
		},
		leaderPID: 42, leaderID: 10, leaderStart: 11,
	}
}

func TestStateFile(t *testing.T) {
	r := record{Machine: Machine{
		Name: "deb", ID: [16]byte{0xab, 15: 1}, Service: "systemd-nspawn", Class: ClassContainer, RootDirectory: "/var/lib/machines/deb",
		NetIf: []int32{7}, Unit: "systemd-nspawn@deb.service", Realtime: 5, Monotonic: 6, VSockCID: VSockAny,
	}, leaderPID: 598}
	want := `# This is private data. Do not parse.
NAME=deb
SCOPE=systemd-nspawn@deb.service
SERVICE=systemd-nspawn
ROOT=/var/lib/machines/deb
ID=ab000000000000000000000000000001
LEADER=598
CLASS=container
REALTIME=5
MONOTONIC=6
NETIF=7
`
	if diff := cmp.Diff(want, string(r.public())); diff != "" {
		t.Error("state file differs from systemd's (-want +got):\n" + diff)
	}
}

func TestStateRoundTrip(t *testing.T) {
	want := fullRecord()
	got, err := parseRecord(want.Name, string(want.public()), string(want.own()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(record{})); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
	if !strings.Contains(string(want.public()), `SCOPE=machine-my\\x2dc1.scope`) {
		t.Errorf("unit is not written as systemd 252 writes it:\n%s", want.public())
	}
}

// What systemd 262 writes: quotes, and a blank in front of the interfaces.
func TestStateOfOthers(t *testing.T) {
	r, err := parseRecord("a", "# x\nNAME=a\nCLASS=vm\nSCOPE=\"machine-a.scope\"\nNETIF=\" 7 8\"\nLEADER=12\nSERVICE='it''s'\nCONTROL_ADDRESS=x\n", "")
	if err != nil {
		t.Fatal(err)
	}
	if r.Class != ClassVM || r.Unit != "machine-a.scope" || r.leaderPID != 12 || r.Service != "its" || len(r.NetIf) != 2 || r.NetIf[1] != 8 {
		t.Errorf("got %+v", r)
	}
	if _, err := parseRecord("b", "NAME=a\n", ""); err == nil {
		t.Error("a file that names another machine is taken")
	}
}

// What we noted of a machine is nothing about its namesake that another machined
// registered after it.
func TestRecordOfNamesake(t *testing.T) {
	before := record{Machine: Machine{Name: "deb", Class: ClassContainer, Monotonic: 5, InvocationID: "one"}, leaderPID: 7, leaderStart: 70}
	after := record{Machine: Machine{Name: "deb", Class: ClassContainer, Monotonic: 6}, leaderPID: 7}
	got, err := parseRecord("deb", string(after.public()), string(before.own()))
	if err != nil || got.leaderStart != 0 || got.InvocationID != "" {
		t.Errorf("start time %d, invocation %q, %v; want none", got.leaderStart, got.InvocationID, err)
	}
}

// Whatever a file says: no panic, and what we understood we can write and
// understand again.
func FuzzState(f *testing.F) {
	full := fullRecord()
	f.Add(string(full.public()), string(full.own()))
	f.Add("NAME=a\nNETIF=\"1 \\\n2\"\n", "")
	f.Add("NAME='a\n", "NAME=")
	f.Fuzz(func(t *testing.T, public, own string) {
		r, err := parseRecord("my-c1", public, own)
		if err != nil {
			return
		}
		again, err := parseRecord("my-c1", string(r.public()), string(r.own()))
		if err != nil {
			t.Fatalf("cannot read what was written: %v\n%s", err, r.public())
		}
		if r.Supervisor < 0 || r.leaderPID < 0 {
			t.Errorf("negative number of a process: %+v", r)
		}
		if again.leaderPID != r.leaderPID || again.ID != r.ID || len(again.NetIf) != len(r.NetIf) {
			t.Errorf("%+v became %+v", r, again)
		}
	})
}

func FuzzEnv(f *testing.F) {
	f.Add("A", "x y\"z\\$`'\n#")
	f.Fuzz(func(t *testing.T, key, value string) {
		if key == "" || strings.ContainsAny(key, " \t\r\n\"'\\=#;") || strings.Trim(value, " \t\r\n") != value {
			return
		}
		vars, err := parseEnv(string(assign(nil, key, value)))
		if err != nil || vars[key] != value {
			t.Errorf("%q = %q became %q, %v", key, value, vars[key], err)
		}
	})
}
