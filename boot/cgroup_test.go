// SPDX-License-Identifier: Apache-2.0

package boot

import "testing"

func TestUnitIn(t *testing.T) {
	for path, want := range map[string]string{
		"/":                               "",
		"/system.slice/ssh.service":       "ssh.service",
		"/system.slice/a.service/b.scope": "a.service",
		"/user.slice/user-0.slice/session-3.scope":                        "session-3.scope",
		"/user.slice/user-0.slice/user@0.service/app.slice/run-1.service": "user@0.service",
		"/system.slice/_cpu.service":                                      "cpu.service",
		"/init.scope":                                                     "init.scope",
		"/../exec-1":                                                      "",
		"/machine.slice":                                                  "",
	} {
		if got := unitIn(path); got != want {
			t.Errorf("unit in %q is %q, want %q", path, got, want)
		}
	}
}
