// SPDX-License-Identifier: Apache-2.0

// Package caps names Linux capabilities and computes the sets a machine gets. It is pure: nothing here changes the
// calling process, and only Kernel asks the running kernel anything.
package caps

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/moby/sys/capability"
)

// Cap is the number of one capability, as in linux/capability.h and capabilities(7). The constants (CAP_CHOWN and so
// on) are those of github.com/moby/sys/capability.
type Cap = capability.Cap

// limit is the highest number a set may hold: 63 stays free, because systemd writes a mask of all ones for "not set"
// and reads no name or number above 62.
const limit = 62

// All holds every number a set may hold, of this kernel or of a later one. It is what "all" means in systemd's
// settings; the kernel ignores the bits it does not know.
const All Set = 1<<(limit+1) - 1

// Set is a set of capabilities, bit N for capability N: the form in which /proc/PID/status prints CapBnd. The zero
// value is empty. Sets are values; every method returns a new one.
type Set uint64

// Of returns the set of the given capabilities.
func Of(list ...Cap) Set { return Set(0).Add(list...) }

// Add returns s with the given capabilities in it.
func (s Set) Add(list ...Cap) Set {
	for _, c := range list {
		s |= 1 << uint(c)
	}
	return s
}

// Drop returns s without the given capabilities.
func (s Set) Drop(list ...Cap) Set { return s.Without(Of(list...)) }

// With returns what is in s or in other.
func (s Set) With(other Set) Set { return s | other }

// Without returns what is in s and not in other.
func (s Set) Without(other Set) Set { return s &^ other }

// Has reports whether c is in s.
func (s Set) Has(c Cap) bool { return s&(1<<uint(c)) != 0 }

// List returns the capabilities in s by rising number.
func (s Set) List() []Cap {
	list := make([]Cap, 0, bits.OnesCount64(uint64(s)))
	for left := uint64(s); left != 0; left &= left - 1 {
		list = append(list, Cap(bits.TrailingZeros64(left)))
	}
	return list
}

// String renders s as names separated by blanks, by rising number, in the form Parse reads and .nspawn files use. A
// capability without a name is printed as its number. The empty set is the empty string, and All is "all".
func (s Set) String() string {
	if s == All {
		return "all"
	}
	names := make([]string, 0, bits.OnesCount64(uint64(s)))
	for _, c := range s.List() {
		names = append(names, Name(c))
	}
	return strings.Join(names, " ")
}

// Hex renders s as /proc/PID/status does: 16 hexadecimal digits.
func (s Set) Hex() string { return fmt.Sprintf("%016x", uint64(s)) }

// MarshalText renders s as String does, so that plans and settings show names.
func (s Set) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what Parse reads.
func (s *Set) UnmarshalText(text []byte) error {
	set, err := Parse(string(text))
	if err != nil {
		return err
	}
	*s = set
	return nil
}

// Parse reads capabilities separated by blanks or commas: "CAP_CHOWN", "chown", a number from 0 to 62, or "all". Case
// does not matter. This takes in both forms of systemd.nspawn(5): Capability= separates by blanks, --capability= by
// commas. Empty text is the empty set.
func Parse(text string) (Set, error) {
	var set Set
	for _, word := range strings.FieldsFunc(text, isSeparator) {
		if strings.EqualFold(word, "all") {
			set = All
			continue
		}
		c, err := Number(word)
		if err != nil {
			return 0, err
		}
		set = set.Add(c)
	}
	return set, nil
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }

// Name returns the name of c in capital letters, "CAP_CHOWN", or its number in digits if it has no name here.
func Name(c Cap) string {
	if c < 0 || c > capability.CAP_CHECKPOINT_RESTORE {
		return strconv.Itoa(int(c))
	}
	return "CAP_" + strings.ToUpper(c.String())
}

// Number reads one capability: its name, with or without CAP_ and in either case, or its number.
func Number(name string) (Cap, error) {
	if n, err := strconv.ParseUint(name, 10, 8); err == nil && n <= limit {
		return Cap(n), nil
	}
	short := strings.TrimPrefix(strings.ToLower(name), "cap_")
	for _, c := range capability.ListKnown() {
		if c.String() == short {
			return c, nil
		}
	}
	return 0, fmt.Errorf("read capability %q: no such name", name)
}

// Kernel returns every capability the running kernel knows. It is what must be gone through to empty a bounding set.
func Kernel() (Set, error) {
	last, err := capability.LastCap()
	if err != nil {
		return 0, fmt.Errorf("ask the kernel for its last capability: %w", err)
	}
	return Set(1)<<(uint(last)+1) - 1, nil
}
