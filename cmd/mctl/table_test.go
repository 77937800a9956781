// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestTableKeepsColumnsInLine(t *testing.T) {
	table := &table{head: []string{"NAME", "STATE", "OS"}}
	table.add(cell{"web", plain}, cell{"running", green}, cell{"debian", plain})
	table.add(cell{"日本", plain}, cell{"", plain}, cell{"x", plain})
	var out strings.Builder
	if err := table.write(&out, true, false); err != nil {
		t.Fatal(err)
	}
	want := "NAME  STATE    OS\nweb   running  debian\n日本           x\n"
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
	out.Reset()
	if err := table.write(&out, false, true); err != nil {
		t.Fatal(err)
	}
	if want := "web   \x1b[32mrunning\x1b[0m  debian\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("got %q", out.String())
	}
}
