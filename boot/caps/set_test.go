// SPDX-License-Identifier: Apache-2.0

package caps

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/moby/sys/capability"
	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		text string
		want Set
	}{
		{"", 0},
		{"CAP_CHOWN", 1},
		{"cap_chown", 1},
		{"Sys_Admin", 1 << unix.CAP_SYS_ADMIN},
		{"CAP_CHOWN CAP_KILL", 1<<unix.CAP_CHOWN | 1<<unix.CAP_KILL},
		{"CAP_CHOWN,CAP_KILL", 1<<unix.CAP_CHOWN | 1<<unix.CAP_KILL},
		{" CAP_KILL ,\tCAP_KILL\n", 1 << unix.CAP_KILL},
		{"41", 1 << 41},
		{"0 62", 1 | 1<<62},
		{"all", 0x7fffffffffffffff},
		{"CAP_CHOWN all", 0x7fffffffffffffff},
	} {
		got, err := Parse(test.text)
		if err != nil || got != test.want {
			t.Errorf("Parse(%q) = %s, %v, want %s", test.text, got.Hex(), err, test.want.Hex())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"CAP_", "chown2", "CAP_CAP_CHOWN", "63", "64", "-1", "0x1", "unknown", "~CAP_CHOWN"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %q, want an error", text, got)
		}
	}
	_, err := Parse("CAP_CHOWN CAP_NONE")
	if want := `read capability "CAP_NONE": no such name`; err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
}

// The numbers must be the kernel's: x/sys/unix takes them from linux/capability.h.
func TestNumbers(t *testing.T) {
	for name, number := range map[string]int{
		"CAP_CHOWN": unix.CAP_CHOWN, "CAP_NET_ADMIN": unix.CAP_NET_ADMIN, "CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN,
		"CAP_SETFCAP": unix.CAP_SETFCAP, "CAP_BPF": unix.CAP_BPF, "CAP_CHECKPOINT_RESTORE": unix.CAP_LAST_CAP,
	} {
		if c, err := Number(name); err != nil || int(c) != number {
			t.Errorf("Number(%q) = %d, %v, want %d", name, c, err, number)
		}
		if got := Name(Cap(number)); got != name {
			t.Errorf("Name(%d) = %q, want %q", number, got, name)
		}
	}
	if n := len(capability.ListKnown()); n != unix.CAP_LAST_CAP+1 {
		t.Errorf("%d names known, but the last capability is %d", n, unix.CAP_LAST_CAP)
	}
}

func TestEveryCapRoundTrips(t *testing.T) {
	for c := Cap(0); c <= limit; c++ {
		set := Of(c)
		if back, err := Parse(set.String()); err != nil || back != set {
			t.Errorf("Parse(%q) = %s, %v, want %s", set, back.Hex(), err, set.Hex())
		}
	}
}

func TestSet(t *testing.T) {
	s := Of(capability.CAP_KILL, capability.CAP_CHOWN)
	if got := s.String(); got != "CAP_CHOWN CAP_KILL" {
		t.Errorf("String() = %q", got)
	}
	if got := s.Hex(); got != "0000000000000021" {
		t.Errorf("Hex() = %q", got)
	}
	if got := s.List(); !slices.Equal(got, []Cap{capability.CAP_CHOWN, capability.CAP_KILL}) {
		t.Errorf("List() = %v", got)
	}
	if got := s.Add(41).Drop(capability.CAP_CHOWN).String(); got != "CAP_KILL 41" {
		t.Errorf("after Add(41) and Drop(CAP_CHOWN): %q", got)
	}
	if !s.Has(capability.CAP_KILL) || s.Has(capability.CAP_SYS_ADMIN) {
		t.Errorf("Has is wrong on %q", s)
	}
	if got := s.With(Of(capability.CAP_BPF)).Without(s); got != Of(capability.CAP_BPF) {
		t.Errorf("With, then Without: %q", got)
	}
	if got := All.String(); got != "all" {
		t.Errorf("All.String() = %q", got)
	}
	if got := Set(0).String(); got != "" {
		t.Errorf("Set(0).String() = %q", got)
	}
}

func TestText(t *testing.T) {
	data, err := json.Marshal(Of(capability.CAP_MKNOD, capability.CAP_LEASE))
	if err != nil || string(data) != `"CAP_MKNOD CAP_LEASE"` {
		t.Fatalf("marshal: %s, %v", data, err)
	}
	var back Set
	if err := json.Unmarshal(data, &back); err != nil || back != Of(capability.CAP_MKNOD, capability.CAP_LEASE) {
		t.Fatalf("unmarshal: %q, %v", back, err)
	}
	if err := back.UnmarshalText([]byte("nothing")); err == nil || back == 0 {
		t.Errorf("unmarshal of a bad name: %v, set now %q", err, back)
	}
}

func TestKernel(t *testing.T) {
	set, err := Kernel()
	if err != nil {
		t.Fatal(err)
	}
	if base := Machine(true, true); base.Without(set) != 0 {
		t.Errorf("kernel knows %q, which lacks %q", set, base.Without(set))
	}
	if set.Has(63) {
		t.Errorf("kernel's set reaches bit 63: %s", set.Hex())
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "all", "CAP_CHOWN cap_kill", "0,62", "63", "CAP_CHOWN,,9"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := Parse(text)
		if err != nil {
			return
		}
		if back, err := Parse(set.String()); err != nil || back != set {
			t.Errorf("%q is %s, printed %q, read back %s, %v", text, set.Hex(), set, back.Hex(), err)
		}
	})
}
