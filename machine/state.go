// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// record is what stands in a machine's files: the machine, and the marks by
// which its leader is known again.
type record struct {
	Machine
	leaderPID   int
	leaderID    uint64
	leaderStart uint64
}

func recordOf(m *Machine) record {
	r := record{Machine: *m}
	if m.Leader != nil {
		r.leaderPID, r.leaderID, r.leaderStart = m.Leader.PID, m.Leader.ID, m.Leader.StartTime
	}
	return r
}

// public is the file in /run/systemd/machines, in systemd's own format. Its
// keys are read by libsystemd, nss-mymachines, systemd-cgls and others.
func (r *record) public() []byte {
	b := []byte("# This is private data. Do not parse.\n")
	b = assign(b, "NAME", r.Name)
	b = assignUint(b, "UID", uint64(r.UID), r.UID != 0)
	b = assignText(b, "SCOPE", r.Unit)
	b = assignText(b, "SUBGROUP", r.Subgroup)
	b = assignText(b, "SERVICE", r.Service)
	b = assignText(b, "ROOT", r.RootDirectory)
	if r.HasID() {
		b = assign(b, "ID", hex.EncodeToString(r.ID[:]))
	}
	b = assignUint(b, "LEADER", uint64(r.leaderPID), r.leaderPID > 0)
	b = assignUint(b, "LEADER_PIDFDID", r.leaderID, r.leaderID != 0)
	b = assignUint(b, "SUPERVISOR", uint64(r.Supervisor), r.Supervisor > 0)
	b = assignUint(b, "SUPERVISOR_PIDFDID", r.SupervisorID, r.SupervisorID != 0)
	b = assign(b, "CLASS", r.Class)
	b = assignUint(b, "REALTIME", r.Realtime, true)
	b = assignUint(b, "MONOTONIC", r.Monotonic, true)
	if len(r.NetIf) > 0 {
		b = append(b, "NETIF="+joinInts(r.NetIf)+"\n"...)
	}
	b = assignUint(b, "VSOCK_CID", uint64(r.VSockCID), r.VSockCID != VSockAny)
	b = assignText(b, "SSH_ADDRESS", r.SSHAddress)
	b = assignText(b, "SSH_PRIVATE_KEY_PATH", r.SSHPrivateKeyPath)
	return assignText(b, "CONTROL_ADDRESS", r.ControlAddress)
}

// own is the file in /run/machined-go: what only we need to know again. It has the time of registration, as another machined may
// have registered another machine of that name since.
func (r *record) own() []byte {
	b := assign(nil, "NAME", r.Name)
	b = assignUint(b, "MONOTONIC", r.Monotonic, true)
	b = assignUint(b, "LEADER_STARTTIME", r.leaderStart, r.leaderStart != 0)
	b = assignText(b, "INVOCATION_ID", r.InvocationID)
	b = assignUint(b, "OURS", 1, r.Ours)
	return assignText(b, "SERVICE_UNIT", r.ServiceUnit)
}

func assignText(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return assign(b, key, value)
}

func assignUint(b []byte, key string, v uint64, set bool) []byte {
	if !set {
		return b
	}
	return assign(b, key, strconv.FormatUint(v, 10))
}

func joinInts(list []int32) string {
	s := make([]string, len(list))
	for i, n := range list {
		s[i] = strconv.Itoa(int(n))
	}
	return strings.Join(s, " ")
}

// parseRecord reads the two files of a machine; own may be empty or of an
// earlier machine, as it is for what another machined left behind.
func parseRecord(name string, public, own string) (record, error) {
	vars, err := parseEnv(public)
	if err != nil {
		return record{}, err
	}
	if n := vars["NAME"]; n != name {
		return record{}, fmt.Errorf("file of machine %q names %q", name, n)
	}
	r := record{Machine: Machine{
		Name: name, Class: vars["CLASS"], Service: vars["SERVICE"], RootDirectory: vars["ROOT"],
		Unit: vars["SCOPE"], Subgroup: vars["SUBGROUP"],
		SSHAddress: vars["SSH_ADDRESS"], SSHPrivateKeyPath: vars["SSH_PRIVATE_KEY_PATH"], ControlAddress: vars["CONTROL_ADDRESS"],
		UID: uint32(number(vars["UID"], 32)), VSockCID: VSockAny,
		Supervisor: int(number(vars["SUPERVISOR"], 31)), SupervisorID: number(vars["SUPERVISOR_PIDFDID"], 64),
		Realtime: number(vars["REALTIME"], 64), Monotonic: number(vars["MONOTONIC"], 64),
	}}
	if id, err := hex.DecodeString(vars["ID"]); err == nil && len(id) == 16 {
		copy(r.ID[:], id)
	}
	if s, ok := vars["VSOCK_CID"]; ok {
		r.VSockCID = uint32(number(s, 32))
	}
	for s := range strings.FieldsSeq(vars["NETIF"]) {
		if n := number(s, 31); n > 0 {
			r.NetIf = append(r.NetIf, int32(n))
		}
	}
	r.leaderPID, r.leaderID = int(number(vars["LEADER"], 31)), number(vars["LEADER_PIDFDID"], 64)
	if mine, err := parseEnv(own); err == nil && mine["NAME"] == name && mine["MONOTONIC"] == vars["MONOTONIC"] {
		r.leaderStart = number(mine["LEADER_STARTTIME"], 64)
		r.InvocationID, r.ServiceUnit, r.Ours = mine["INVOCATION_ID"], mine["SERVICE_UNIT"], mine["OURS"] == "1"
	}
	return r, nil
}

// number reads a decimal, 0 for what is none.
func number(s string, bits int) uint64 {
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		return 0
	}
	return n
}
