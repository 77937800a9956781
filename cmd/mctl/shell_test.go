// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"machined-go/machine/client"
)

func TestParseShell(t *testing.T) {
	lookup := func(name string) (string, bool) { return "here", name == "LANG" }
	tests := []struct {
		args []string
		o    shellOptions
		name string
		want client.Shell
	}{
		{[]string{"web"}, shellOptions{}, "web", client.Shell{}},
		{[]string{"ana@web"}, shellOptions{}, "web", client.Shell{User: "ana"}},
		{[]string{"@web"}, shellOptions{user: "ana"}, "web", client.Shell{User: "ana"}},
		{[]string{"ana@web"}, shellOptions{user: "ana"}, "web", client.Shell{User: "ana"}},
		{[]string{".host"}, shellOptions{}, ".host", client.Shell{}},
		{
			[]string{"web", "/bin/ls", "-l", "--all"},
			shellOptions{env: []string{"A=b=c", "LANG"}},
			"web",
			client.Shell{Path: "/bin/ls", Args: []string{"/bin/ls", "-l", "--all"}, Env: []string{"A=b=c", "LANG=here"}},
		},
	}
	for _, test := range tests {
		name, got, err := parseShell(test.args, test.o, lookup)
		if err != nil || name != test.name {
			t.Errorf("%q: got %q, %v", test.args, name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q: %s", test.args, diff)
		}
	}
}

func TestWithTerm(t *testing.T) {
	tests := []struct {
		env      []string
		terminal bool
		term     string
		want     []string
	}{
		{nil, true, "xterm", []string{"TERM=xterm"}},
		{nil, true, "", nil},
		{nil, false, "xterm", []string{"TERM=dumb"}},
		{[]string{"TERM=vt100"}, false, "xterm", []string{"TERM=vt100"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, withTerm(test.env, test.terminal, test.term)); diff != "" {
			t.Error(diff)
		}
	}
}
