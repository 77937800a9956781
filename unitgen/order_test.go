// SPDX-License-Identifier: Apache-2.0

package unitgen

import (
	"strings"
	"testing"
)

func TestOrder(t *testing.T) {
	if text := (Order{}).Dropin(); text != "" {
		t.Errorf("nothing to say gives %q", text)
	}
	if text := (Order{KillSignal: "15"}).Dropin(); !strings.HasSuffix(text, "\n[Service]\nKillSignal=15\n") || strings.Contains(text, "[Unit]") {
		t.Errorf("got %q, want only a signal", text)
	}
	text := Order{After: []string{"a"}, Wants: []string{"b"}, Requires: []string{"c"}}.Dropin()
	want := "[Unit]\nWants=contain@b.service\nRequires=contain@c.service\nAfter=contain@a.service\nAfter=contain@b.service\nAfter=contain@c.service\n"
	if !strings.HasSuffix(text, want) {
		t.Errorf("got %q, want it to end with %q", text, want)
	}
}
