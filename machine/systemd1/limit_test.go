// SPDX-License-Identifier: Apache-2.0

package systemd1_test

import (
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"machined-go/machine/client/clienttest"
	"machined-go/machine/systemd1"
)

// A bus refuses a connection that waits for more replies than it may.
func TestManyAtOnce(t *testing.T) {
	bus := clienttest.Start(t)
	slow := func(v any) clienttest.Handler {
		return func(clienttest.Call) ([]any, error) {
			time.Sleep(20 * time.Millisecond)
			return []any{v}, nil
		}
	}
	bus.Handle("org.freedesktop.DBus.Properties.Get", slow(dbus.MakeVariant("active")))
	bus.Handle("org.freedesktop.systemd1.Manager.GetUnitFileState", slow("enabled"))
	c := systemd1.Briefly(bus.Dial(t))
	var all sync.WaitGroup
	for range 150 {
		all.Go(func() {
			if state, err := c.FileState(t.Context(), "one.service"); err != nil || state != "enabled" {
				t.Errorf("file state: %q, %v", state, err)
			}
		})
		all.Go(func() {
			if unit, err := c.State(t.Context(), "one.target"); err != nil || unit.ActiveState != "active" {
				t.Errorf("state: %+v, %v", unit, err)
			}
		})
	}
	all.Wait()
}
