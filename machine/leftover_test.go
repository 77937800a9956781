// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"machined-go/boot/sys"
)

func TestTidy(t *testing.T) {
	dir := t.TempDir()
	m := &Manager{byName: map[string]*entry{}, tidier: newTidier(dir)}
	note := func(name string) *os.File {
		f, err := sys.Lock(filepath.Join(dir, name), true)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	_, leader := sleeper(t)
	m.byName["alive"] = &entry{Machine: Machine{Name: "alive", Leader: leader}}
	note("alive").Close() // whoever holds it for the machine is between two boots
	defer note("starting").Close()
	note("left").Close()

	if !m.tidy(t.Context()) {
		t.Error("says that nobody holds a note")
	}
	for name, want := range map[string]bool{"alive": true, "starting": true, "left": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("note %q is there: %v, want %v", name, err == nil, want)
		}
	}
}

func TestTidyLooksAgain(t *testing.T) {
	tidier := newTidier(t.TempDir())
	<-tidier.due.C
	tidier.again(false)
	if tidier.due.Stop() {
		t.Error("looks again though nobody holds a note")
	}
	looks := 0
	for {
		tidier.again(true)
		if !tidier.due.Stop() {
			break
		}
		looks++
	}
	if looks < 5 || looks > 10 {
		t.Errorf("looks again %d times", looks)
	}
}

// Events put a look off, but not for ever.
func TestTidyIsPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tidier := newTidier(t.TempDir())
		<-tidier.due.C
		tidier.looks()
		begin := time.Now()
		for time.Since(begin) < 2*tidyPatience {
			tidier.soon()
			select {
			case <-tidier.due.C:
				if took := time.Since(begin); took != tidyPatience {
					t.Errorf("looks after %v, want %v", took, tidyPatience)
				}
				return
			case <-time.After(tidyDelay / 2):
			}
		}
		t.Error("never looks while there are events")
	})
}
