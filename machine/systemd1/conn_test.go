// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"testing"

	"github.com/godbus/dbus/v5"
)

func TestUnitPath(t *testing.T) {
	for name, want := range map[string]dbus.ObjectPath{
		"":                        unitPrefix + "_",
		"-.slice":                 unitPrefix + "_2d_2eslice",
		"1a.scope":                unitPrefix + "_31a_2escope",
		"machine-my\\x2dc1.scope": unitPrefix + "machine_2dmy_5cx2dc1_2escope",
	} {
		if got := unitPath(name); got != want {
			t.Errorf("unitPath(%q) = %q, want %q", name, got, want)
		}
		if got, ok := unitName(want); !ok || got != name {
			t.Errorf("unitName(%q) = %q, %v, want %q", want, got, ok, name)
		}
	}
	for _, bad := range []dbus.ObjectPath{"/", unitPrefix, unitPrefix + "a_2", unitPrefix + "a_zz"} {
		if name, ok := unitName(bad); ok {
			t.Errorf("unitName(%q) = %q, want refusal", bad, name)
		}
	}
}

func FuzzUnitName(f *testing.F) {
	f.Add("a_2dservice")
	f.Add("_")
	f.Fuzz(func(t *testing.T, s string) {
		name, ok := unitName(dbus.ObjectPath(unitPrefix + s))
		if !ok {
			return
		}
		if again, ok := unitName(unitPath(name)); !ok || again != name {
			t.Errorf("round trip of %q: %q, %v", name, again, ok)
		}
	})
}

// A job's signal can come before the caller reads the reply that names the job.
func TestJobRemovedBeforeReply(t *testing.T) {
	c := newConn()
	w, stop := c.watch("a.scope")
	defer stop()
	c.dispatch(&dbus.Signal{Name: managerIf + ".JobRemoved", Body: []any{uint32(7), dbus.ObjectPath("/job/7"), "a.scope", "done"}})
	c.dispatch(&dbus.Signal{Name: managerIf + ".JobRemoved", Body: []any{uint32(8), dbus.ObjectPath("/job/8"), "b.scope", "done"}})
	if got := <-w.jobs; got.job != "/job/7" || got.result != "done" {
		t.Errorf("got %+v", got)
	}
	if len(w.jobs) != 0 {
		t.Error("a job of another unit was delivered")
	}
}

func TestFollowedEvents(t *testing.T) {
	c := newConn()
	var got []Event
	c.onEvent = func(e Event) { got = append(got, e) }
	c.dispatch(&dbus.Signal{Name: managerIf + ".UnitRemoved", Body: []any{"a.scope", dbus.ObjectPath("/x")}})
	c.dispatch(&dbus.Signal{Name: propsIf + ".PropertiesChanged", Path: unitPath("b.scope")})
	c.dispatch(&dbus.Signal{Name: managerIf + ".Reloading", Body: []any{true}})
	c.dispatch(&dbus.Signal{Name: managerIf + ".Reloading", Body: []any{false}})
	c.dispatch(&dbus.Signal{Name: managerIf + ".UnitRemoved", Body: []any{uint32(1)}})
	want := []Event{{Unit: "a.scope", Removed: true}, {Unit: "b.scope"}, {}}
	if len(got) != len(want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("event %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}
