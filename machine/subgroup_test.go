// SPDX-License-Identifier: Apache-2.0

package machine

import "testing"

func TestGroupOf(t *testing.T) {
	for _, x := range []struct{ leader, subgroup, want string }{
		{"/machine.slice/systemd-nspawn@a.service/payload", "payload", "/machine.slice/systemd-nspawn@a.service/payload"},
		{"/machine.slice/systemd-nspawn@a.service/payload/init.scope", "payload", "/machine.slice/systemd-nspawn@a.service/payload"},
		{"/machine.slice/x.service/a/b", "a/b", "/machine.slice/x.service/a/b"},
		{"/machine.slice/x.service/other", "payload", ""},
		{"/machine.slice/x.service", "", ""},
	} {
		if got, ok := groupOf(x.leader, x.subgroup); got != x.want || ok != (x.want != "") {
			t.Errorf("groupOf(%q, %q) = %q, %v", x.leader, x.subgroup, got, ok)
		}
	}
}
