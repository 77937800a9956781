// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWhy(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		why := func(name string, code int, words ...string) {
			t.Helper()
			h.Sh(t, `journalctl --sync`)
			stdout, stderr, got := h.Try(`mctl why ` + name)
			for _, word := range words {
				if got != code || !strings.Contains(stdout, word) || stderr != "" {
					t.Errorf("mctl why %s: exit status %d, want %d with %q\n%s%s", name, got, code, word, stdout, stderr)
				}
			}
		}
		h.remove(t, "empty")
		h.Sh(t, `mkdir -p /var/lib/machines/empty`)
		h.refused(t, `mctl start empty`, "no init")
		why("empty", 3, "did not start", "no init", "/var/lib/machines/empty")

		h.Sh(t, `mctl start deb; mctl poweroff deb`)
		why("deb", 0, "was powered off, as systemd was asked to")
		h.Sh(t, `mctl start deb; systemctl kill --signal=KILL --kill-whom=main contain@deb; until systemctl is-failed -q contain@deb; do sleep .1; done; systemctl reset-failed`)
		why("deb", 3, "died", "signal 9")
		h.Sh(t, `mctl start deb; systemctl -M deb poweroff || true; while systemctl is-active -q contain@deb; do sleep .1; done`)
		why("deb", 0, "powered itself off")

		if stdout, stderr, code := h.Try(`mctl why never`); code != 4 || stdout != "" || !strings.Contains(stderr, `"never"`) {
			t.Errorf("of a machine nobody knows: exit status %d\n%s%s", code, stdout, stderr)
		}
	})
}

// The plan as JSON is that of the text, step by step.
func TestDryRunJSON(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		for _, verb := range []string{"run", "start"} {
			var plan struct {
				Machine string
				Steps   []struct{ Kind, Does string }
			}
			if err := json.Unmarshal([]byte(h.Sh(t, `mctl `+verb+` --dry-run=json deb`)), &plan); err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			for _, step := range plan.Steps {
				text.WriteString(step.Does + "\n")
				if step.Kind == "" {
					t.Errorf("%s: %q has no kind", verb, step.Does)
				}
			}
			if got := h.Sh(t, `mctl `+verb+` --dry-run deb`); plan.Machine != "deb" || got != text.String() {
				t.Errorf("%s: machine %q, text\n%s\nJSON\n%s", verb, plan.Machine, got, &text)
			}
		}
	})
}
