// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"strings"
	"testing"
)

func TestConflicts(t *testing.T) {
	no := false
	command := []string{"/bin/true"}
	for _, tt := range []struct {
		spec Spec
		want string // empty if it is no conflict
	}{
		{Spec{StubInit: true}, "stub_init"},
		{Spec{StubInit: true, Command: command}, ""},
		{Spec{StubInit: true, Command: command, NotifyReady: new(true)}, "notify_ready"},
		{Spec{Ephemeral: true, Template: "/a"}, "ephemeral and template"},
		{Spec{Ephemeral: true, Integration: Integration{LinkJournal: "host"}}, "link_journal"},
		{Spec{Ephemeral: true, Integration: Integration{LinkJournal: "try-host"}}, ""},
		{Spec{ReadOnly: true, Users: Users{Ownership: "chown"}}, "users.ownership"},
		{Spec{Volatile: "state", Users: Users{Ownership: "chown"}}, "users.ownership"},
		{Spec{Volatile: "no", Users: Users{Ownership: "chown"}}, ""},
		{Spec{Network: Network{NamespacePath: "/a", Veth: new(true)}}, ""},
		{Spec{Network: Network{NamespacePath: "/a", Zone: "b"}}, "namespace_path"},
		{Spec{Network: Network{NamespacePath: "/a", MACVLAN: []string{"b"}}}, "namespace_path"},
		{Spec{Network: Network{NamespacePath: "/a", Ports: []string{"1"}}}, ""},
		{Spec{Network: Network{Bridge: "a", Zone: "b"}}, "network.bridge and network.zone"},
		{Spec{Network: Network{Private: &no, Ports: []string{"1"}}}, "network.ports"},
		{Spec{Users: Users{Namespace: "no", Bind: []string{"a"}}}, "users.bind needs"},
		{Spec{Users: Users{BindShell: "yes"}}, "users.bind_shell"},
		{Spec{Users: Users{BindGroups: []string{"a"}}}, "users.bind_groups"},
		{Spec{Users: Users{Bind: []string{"b"}, BindGroups: []string{"a"}}}, ""},
		{Spec{Users: Users{Namespace: "no", Delegate: 1}}, "users.delegate"},
		{Spec{Security: Security{AmbientCapabilities: []string{"CAP_CHOWN"}}}, "for a command"},
		{Spec{Command: command, Security: Security{AmbientCapabilities: []string{"all"}}}, `cannot be "all"`},
		{Spec{Command: command, Security: Security{AmbientCapabilities: []string{"CAP_CHOWN"}}}, ""},
	} {
		err := tt.spec.conflict()
		if tt.want == "" && err == nil {
			continue
		}
		if err == nil || tt.want == "" || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: error %v, want one line with %q", tt.spec, err, tt.want)
		}
	}
}
