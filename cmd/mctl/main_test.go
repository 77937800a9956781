// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

// A verb is found by the name that it gives itself, and brings no other along.
func TestVerbsAreMadeAlone(t *testing.T) {
	for _, v := range verbs() {
		if name := v.make(&app{}).Name(); name != v.name {
			t.Errorf("%q names itself %q", v.name, name)
		}
		if v.name == "completion" || v.name == "man" {
			continue
		}
		if got := wanted([]string{v.name, "--help"}); len(got) != 1 || got[0].name != v.name {
			t.Errorf("%q: %d verbs are made", v.name, len(got))
		}
	}
	for _, args := range [][]string{nil, {"help"}, {"--help"}, {"strat"}, {"ls"}, {"__complete", "start"}, {"completion", "bash"}, {"man", "x"}} {
		if got := wanted(args); len(got) != len(verbs()) {
			t.Errorf("%q: %d verbs are made", args, len(got))
		}
	}
}
