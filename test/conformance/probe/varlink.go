// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"sort"
	"strings"
	"time"

	"machined-go/boot/sys"
)

// Sockets of the Varlink interfaces.
const (
	machineSocket = "/run/systemd/machine/io.systemd.Machine"
	imageSocket   = "/run/systemd/machine/io.systemd.MachineImage"
	usersSocket   = "/run/systemd/userdb/io.systemd.Machine"
	hookSocket    = "/run/systemd/resolve.hook/io.systemd.Machine"
)

// varlink makes one call and writes down its replies, with their fields by name.
func (p *probe) varlink(r row, o *Outcome) {
	uid := uint32(0)
	if r.user {
		uid = 1000
	}
	var replies []string
	err := sys.AsUser(uid, uid, func() (err error) {
		replies, o.Error, err = exchange(r.path, r.method, r.params, r.more)
		return err
	})
	if err != nil {
		o.Error = err.Error()
	}
	sort.Strings(replies)
	o.Reply = p.plain(strings.Join(replies, " "))
}

func exchange(socket, method, params string, more bool) (replies []string, failed string, err error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if params == "" {
		params = "{}"
	}
	call := `{"method":"` + method + `","parameters":` + params
	if more {
		call += `,"more":true`
	}
	if _, err := conn.Write([]byte(call + "}\x00")); err != nil {
		return nil, "", err
	}
	for from := bufio.NewReader(conn); ; {
		b, err := from.ReadBytes(0)
		if err != nil {
			return replies, failed, err
		}
		var reply struct {
			Error      string
			Parameters map[string]any
			Continues  bool
		}
		// Numbers stay as they are written.
		dec := json.NewDecoder(bytes.NewReader(bytes.TrimSuffix(b, []byte{0})))
		dec.UseNumber()
		if err := dec.Decode(&reply); err != nil {
			return replies, failed, err
		}
		if reply.Parameters == nil {
			reply.Parameters = map[string]any{} // none are as good as that (varlink.org)
		}
		sorted, err := json.Marshal(reply.Parameters)
		if err != nil {
			return replies, failed, err
		}
		replies, failed = append(replies, string(sorted)), reply.Error
		if !reply.Continues {
			return replies, failed, nil
		}
	}
}

// vl makes a row of a call over Varlink.
func vl(name, socket, method, params string) row {
	return row{name: "varlink: " + name, path: socket, method: "io.systemd." + method, params: params, varlink: true}
}

// overVarlink are calls while systemd-nspawn runs machine deb.
func overVarlink() []row {
	every := vl("list all", machineSocket, "Machine.List", "{}")
	every.more = true
	images := vl("list all images", imageSocket, "MachineImage.List", "{}")
	images.more = true
	byUser := vl("user: terminate", machineSocket, "Machine.Terminate", `{"name":"deb"}`)
	byUser.user = true
	exists := vl("register: exists", machineSocket, "Machine.Register", `{"name":"deb","class":"container","leader":LEADER}`)
	exists.before = "leader"
	record := func(name, params string) row { return vl(name, usersSocket, "UserDatabase.GetUserRecord", params) }
	group := func(name, params string) row { return vl(name, usersSocket, "UserDatabase.GetGroupRecord", params) }
	resolve := func(name, domain string) row {
		return vl(name, hookSocket, "Resolve.Hook.ResolveRecord", `{"question":[{"key":{"class":1,"type":16,"name":"`+domain+`"}}]}`)
	}
	// Stock forgets a machine only after it has said that it has.
	withUnit := vl("register with a unit", machineSocket, "Machine.Register", `{"name":"c1","class":"vm","leader":LEADER,"allocateUnit":true,"controlAddress":"/run/x"}`)
	withUnit.before = "for i in $(seq 100); do [ -e /run/systemd/machines/c1 ] || break; sleep 0.1; done"
	return []row{
		vl("list one of many", machineSocket, "Machine.List", "{}"), every,
		vl("list deb", machineSocket, "Machine.List", `{"name":"deb"}`),
		vl("list unknown", machineSocket, "Machine.List", `{"name":"none"}`),
		vl("list bad name", machineSocket, "Machine.List", `{"name":"a/b"}`),
		vl("list by process", machineSocket, "Machine.List", `{"pid":1}`),
		vl("unregister unknown", machineSocket, "Machine.Unregister", `{"name":"none"}`),
		vl("terminate the host", machineSocket, "Machine.Terminate", `{"name":".host"}`), byUser,
		vl("kill: no signal", machineSocket, "Machine.Kill", `{"name":"deb"}`),
		vl("kill: bad signal", machineSocket, "Machine.Kill", `{"name":"deb","signal":99}`),
		vl("kill: bad whom", machineSocket, "Machine.Kill", `{"name":"deb","signal":1,"whom":"nobody"}`),
		vl("open: terminal", machineSocket, "Machine.Open", `{"name":"deb","mode":"tty"}`),
		vl("open: login", machineSocket, "Machine.Open", `{"name":"deb","mode":"login"}`),
		vl("open: shell", machineSocket, "Machine.Open", `{"name":"deb","mode":"shell","path":"/bin/true"}`),
		vl("open: bad mode", machineSocket, "Machine.Open", `{"name":"deb","mode":"fax"}`),
		vl("register: no class", machineSocket, "Machine.Register", `{"name":"c1"}`),
		vl("register: bad name", machineSocket, "Machine.Register", `{"name":"a..b","class":"container"}`),
		vl("register: class host", machineSocket, "Machine.Register", `{"name":"c1","class":"host"}`),
		exists,
		vl("register", machineSocket, "Machine.Register", `{"name":"c1","class":"container","leader":LEADER,"service":"test","rootDirectory":"/tmp",`+
			`"ifIndices":[1],"vSockCid":7,"sshAddress":"vsock/7","sshPrivateKeyPath":"/k","id":"0123456789abcdef0102030405060708"}`),
		vl("list it", machineSocket, "Machine.List", `{"name":"c1"}`),
		{name: "varlink: its ssh info", method: "GetMachineSSHInfo", args: []any{"c1"}},
		vl("register again", machineSocket, "Machine.Register", `{"name":"c1","class":"container","leader":LEADER}`),
		vl("kill", machineSocket, "Machine.Kill", `{"name":"c1","whom":"leader","signal":18}`),
		vl("unregister", machineSocket, "Machine.Unregister", `{"name":"c1"}`),
		withUnit,
		vl("list what has a unit", machineSocket, "Machine.List", `{"name":"c1"}`),
		vl("terminate", machineSocket, "Machine.Terminate", `{"name":"c1"}`),
		vl("map from", machineSocket, "Machine.MapFrom", `{"name":"deb","uid":0,"gid":5}`),
		vl("map from nobody", machineSocket, "Machine.MapFrom", `{"name":"deb","uid":5000000}`),
		vl("map to the host", machineSocket, "Machine.MapTo", `{"uid":5}`),
		vl("map to nobody", machineSocket, "Machine.MapTo", `{"uid":3000000000}`),
		vl("bind: relative", machineSocket, "Machine.BindMount", `{"name":"deb","source":"tmp"}`),
		vl("copy in", machineSocket, "Machine.CopyTo", `{"name":"deb","source":"/etc/hosts","destination":"/tmp/h"}`),
		vl("copy in again", machineSocket, "Machine.CopyTo", `{"name":"deb","source":"/etc/hosts","destination":"/tmp/h"}`),
		vl("copy out", machineSocket, "Machine.CopyFrom", `{"name":"deb","source":"/tmp/h","destination":"/tmp/vl-h"}`),
		vl("root directory", machineSocket, "Machine.OpenRootDirectory", `{"name":"deb"}`),
		vl("list one image of many", imageSocket, "MachineImage.List", "{}"), images,
		vl("list image deb", imageSocket, "MachineImage.List", `{"name":"deb"}`),
		vl("look into an image in use", imageSocket, "MachineImage.List", `{"name":"deb","acquireMetadata":"yes"}`),
		vl("list unknown image", imageSocket, "MachineImage.List", `{"name":"none"}`),
		vl("clone", imageSocket, "MachineImage.Clone", `{"name":"deb","newName":"vl1","readOnly":true}`),
		vl("clone: taken", imageSocket, "MachineImage.Clone", `{"name":"deb","newName":"vl1"}`),
		vl("update", imageSocket, "MachineImage.Update", `{"name":"vl1","newName":"vl2","readOnly":false}`),
		vl("update: limit", imageSocket, "MachineImage.Update", `{"name":"vl2","limit":1000000}`),
		vl("list what was updated", imageSocket, "MachineImage.List", `{"name":"vl2"}`),
		vl("remove", imageSocket, "MachineImage.Remove", `{"name":"vl2"}`),
		vl("remove: in use", imageSocket, "MachineImage.Remove", `{"name":"deb"}`),
		vl("pool limit", imageSocket, "MachineImage.SetPoolLimit", `{"limit":5}`),
		vl("clean the pool", imageSocket, "MachineImage.CleanPool", `{"mode":"hidden"}`),
		record("user of the machine", `{"userName":"vu-deb-7","service":"io.systemd.Machine"}`),
		record("user of another", `{"userName":"root","service":"io.systemd.Machine"}`),
		record("user of the host's range", `{"uid":1000,"service":"io.systemd.Machine"}`),
		record("user of nobody", `{"uid":3000000000,"service":"io.systemd.Machine"}`),
		record("user of another service", `{"userName":"vu-deb-7","service":"x"}`),
		record("all users", `{"service":"io.systemd.Machine"}`),
		record("two that are not the same", `{"userName":"vu-deb-7","uid":70000,"service":"io.systemd.Machine"}`),
		group("group of the machine", `{"groupName":"vg-deb-7","service":"io.systemd.Machine"}`),
		group("all groups", `{"service":"io.systemd.Machine"}`),
		vl("memberships", usersSocket, "UserDatabase.GetMemberships", `{"userName":"vu-deb-0","service":"io.systemd.Machine"}`),
		vl("names to resolve", hookSocket, "Resolve.Hook.QueryFilter", "{}"),
		resolve("resolve deb", "deb"), resolve("resolve below deb", "x.deb"), resolve("resolve another", "example.com"),
	}
}
