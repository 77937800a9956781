// SPDX-License-Identifier: Apache-2.0

package varlink_test

import (
	"regexp"
	"strings"
	"testing"

	"machined-go/test/lab"
)

// compared are calls to io.systemd.Machine and io.systemd.MachineImage in a
// place where machine deb runs; why says what is other than stock on purpose.
var compared = []struct{ method, params, why string }{
	{"Machine.List", `{}`, ""},
	{"Machine.List", `{"name":"deb"}`, ""},
	{"Machine.List", `{"name":"nope"}`, ""},
	{"Machine.List", `{"name":"no/pe"}`, ""},
	{"Machine.List", `{"name":7}`, ""},
	{"Machine.List", `{"other":7}`, ""},
	{"Machine.List", `{"name":null}`, "null is as good as nothing, says varlink.org"},
	{"Machine.List", `{"pid":{"pid":1}}`, ""},
	{"Machine.List", `{"pid":7}`, ""},
	{"Machine.List", `{"name":"deb","acquireMetadata":"maybe"}`, ""},
	{"Machine.Kill", `{"name":"deb"}`, ""},
	{"Machine.Kill", `{"name":"deb","signal":99}`, ""},
	{"Machine.Kill", `{"name":"deb","signal":0,"whom":"nobody"}`, ""},
	{"Machine.Kill", `{"name":".host","signal":1}`, ""},
	{"Machine.Kill", `{"signal":1}`, ""},
	{"Machine.Terminate", `{"name":".host"}`, ""},
	{"Machine.Unregister", `{"name":"nope"}`, ""},
	{"Machine.Unregister", `{}`, ""},
	{"Machine.Open", `{"name":"deb","mode":"tty"}`, ""},
	{"Machine.Open", `{"name":"deb","mode":"fax"}`, ""},
	{"Machine.Open", `{"name":"deb","mode":"shell","path":"sh"}`, ""},
	{"Machine.Open", `{"name":"deb","mode":"shell","environment":["x"]}`, ""},
	{"Machine.OpenRootDirectory", `{"name":"deb"}`, ""},
	{"Machine.MapFrom", `{"name":"deb"}`, ""},
	{"Machine.MapFrom", `{"name":"deb","uid":0,"gid":5}`, ""},
	{"Machine.MapFrom", `{"name":"deb","uid":65535}`, ""},
	{"Machine.MapFrom", `{"name":"deb","uid":5000000}`, ""},
	{"Machine.MapFrom", `{"name":".host","uid":5}`, ""},
	{"Machine.MapTo", `{}`, ""},
	{"Machine.MapTo", `{"uid":5}`, ""},
	{"Machine.MapTo", `{"gid":70000}`, ""},
	{"Machine.BindMount", `{"name":"deb","source":"etc"}`, ""},
	{"Machine.BindMount", `{"name":".host","source":"/etc"}`, ""},
	{"Machine.BindMount", `{"name":"deb","source":"/etc","destination":"/mnt"}`, "works with users of its own"},
	{"Machine.CopyTo", `{"name":"deb","source":"/etc/hosts","destination":"/tmp/h"}`, ""},
	{"Machine.CopyTo", `{"name":"deb","source":"/etc/hosts","destination":"/tmp/h"}`, ""},
	{"Machine.CopyTo", `{"name":"deb","source":"/etc/hosts","destination":"/tmp/h","replace":true}`, ""},
	{"Machine.CopyFrom", `{"name":"deb","source":"/nope","destination":"/tmp/x"}`, ""},
	{"Machine.CopyFrom", `{"name":"deb","source":"/nope","destination":"x"}`, ""},
	{"Machine.CopyFrom", `{"name":"deb"}`, ""},
	{"Machine.Register", `{}`, ""},
	{"Machine.Register", `{"name":"x"}`, ""},
	{"Machine.Register", `{"name":"x..y","class":"container"}`, ""},
	{"Machine.Register", `{"name":"x","class":"host"}`, ""},
	{"Machine.Register", `{"name":"x","class":"container","leader":1}`, ""},
	{"Machine.Register", `{"name":"x","class":"container","leaderProcessId":7}`, ""},
	{"Machine.Register", `{"name":"x","class":"container"}`, ""},
	{"Machine.Nothing", `{}`, ""},
	{"MachineImage.List", `{}`, ""},
	{"MachineImage.List", `{"name":"deb"}`, ""},
	{"MachineImage.List", `{"name":"deb","acquireMetadata":"yes"}`, ""},
	{"MachineImage.List", `{"name":"nope"}`, ""},
	{"MachineImage.List", `{"name":".#deb"}`, ""},
	{"MachineImage.Clone", `{"name":"deb"}`, ""},
	{"MachineImage.Clone", `{"name":"deb","newName":"copy"}`, ""},
	{"MachineImage.Clone", `{"name":"deb","newName":"copy"}`, ""},
	{"MachineImage.Clone", `{"name":"deb","newName":".#copy"}`, ""},
	{"MachineImage.Update", `{"name":"copy","newName":"other","readOnly":true}`, ""},
	{"MachineImage.List", `{"name":"other"}`, ""},
	{"MachineImage.Update", `{"name":"other","readOnly":false}`, ""},
	{"MachineImage.Update", `{"name":"other","limit":5}`, ""},
	{"MachineImage.Update", `{"name":"deb","newName":"deb2"}`, ""},
	{"MachineImage.Update", `{"name":".host","readOnly":true}`, ""},
	{"MachineImage.Remove", `{"name":"other"}`, ""},
	{"MachineImage.Remove", `{"name":"other"}`, ""},
	{"MachineImage.Remove", `{"name":"deb"}`, ""},
	{"MachineImage.Remove", `{"name":".host"}`, ""},
	{"MachineImage.SetPoolLimit", `{"limit":5}`, ""},
	{"MachineImage.SetPoolLimit", `{"limit":-5}`, ""},
	{"MachineImage.CleanPool", `{"mode":"hidden"}`, ""},
	{"MachineImage.CleanPool", `{"mode":"some"}`, ""},
}

// Numbers that differ from host to host.
var someNumber = regexp.MustCompile(`[0-9a-f]{32}|[0-9]{3,}|"pid":[0-9]+|/pts/[0-9]+`)

func (h host) answers(t *testing.T) []string {
	t.Helper()
	h.startMachine(t)
	var args []string
	for _, c := range compared {
		args = append(args, c.method, c.params)
	}
	const script = `while (($#)); do echo "$(call $M io.systemd."$1" "$2" | tr '\n' ' ')"; shift 2; done`
	return strings.Split(h.sh(t, script, args...), "\n")
}

// Each call has the answer that stock machined 262 gives.
func TestSameAsStock(t *testing.T) {
	ours := on(t, "sid").answers(t)
	stock := host{lab.Up(t, "sid", lab.Stock)}.answers(t)
	for i, c := range compared {
		got, want := someNumber.ReplaceAllString(ours[i], "#"), someNumber.ReplaceAllString(stock[i], "#")
		switch {
		case c.why == "" && !sameFields(got, want):
			t.Errorf("%s %s:\n ours: %s\nstock: %s", c.method, c.params, got, want)
		case c.why != "" && got == want:
			t.Errorf("%s %s: both say %s, though %s", c.method, c.params, got, c.why)
		}
	}
}

// sameFields compares without regard to the order of fields.
func sameFields(a, b string) bool {
	x, y := strings.Split(strings.Trim(a, "{} "), ","), strings.Split(strings.Trim(b, "{} "), ",")
	if len(x) != len(y) {
		return false
	}
	count := map[string]int{}
	for i := range x {
		count[x[i]]++
		count[y[i]]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}
