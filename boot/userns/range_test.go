// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"machined-go/boot/sys"
)

func TestPreferred(t *testing.T) {
	// What systemd-nspawn 252 picked for a machine of this name.
	if got := Preferred("deb"); got != 1871380480 {
		t.Errorf("range of deb begins at %d, nspawn's at 1871380480", got)
	}
	for i := range 1000 {
		base := Preferred(fmt.Sprint("machine", i))
		if base < minBase || base > maxBase || base%Size != 0 {
			t.Errorf("range of machine%d begins at %#x, outside what containers may have", i, base)
		}
	}
}

func TestPickSkipsClaimedRanges(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("MUST_RUN") != "" {
			t.Fatal("MUST_RUN is set and this test needs root")
		}
		t.Skip("needs root")
	}
	pick := func() Range {
		r, err := Pick("range-test", 0, sys.Lock)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Release)
		return r
	}
	first, second := pick(), pick()
	if first.Base != Preferred("range-test") || second.Base == first.Base {
		t.Errorf("picked %d and %d, want the preferred one %d and another", first.Base, second.Base, Preferred("range-test"))
	}
	if _, err := sys.Lock(lockPath(second.Base), true); !errors.Is(err, sys.ErrLocked) {
		t.Errorf("claimed range is not locked: %v", err)
	}
}
