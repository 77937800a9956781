// SPDX-License-Identifier: Apache-2.0

package image

import (
	"cmp"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// version is what the name of an entry of a versioned directory says:
// NAME_VERSION[_ARCHITECTURE][+LEFT[-DONE]][.SUFFIX] (systemd.v(7)).
type version struct {
	file, text   string
	architecture int    // place in the order of preference
	left, done   uint64 // tries; noTries if they are not counted
}

const noTries = math.MaxUint32

// newest is the entry of the directory dir that counts for an image, "" if
// none does.
func newest(dir, name, suffix string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var versions []version
	for _, e := range entries {
		if v, ok := parseVersion(e.Name(), name, suffix); ok {
			versions = append(versions, v)
		}
	}
	if len(versions) == 0 {
		return ""
	}
	return slices.MaxFunc(versions, version.compare).file
}

// parseVersion reads an entry's name; ok is false for what is not of that
// image, or not for this machine's processor.
func parseVersion(file, name, suffix string) (v version, ok bool) {
	v = version{file: file, left: noTries, done: noTries}
	rest, isName := strings.CutPrefix(file, name+"_")
	rest, isSuffix := strings.CutSuffix(rest, suffix)
	if !isName || !isSuffix {
		return v, false
	}
	if i := strings.LastIndexByte(rest, '+'); i >= 0 {
		if left, done, ok := parseTries(rest[i+1:]); ok {
			v.left, v.done, rest = left, done, rest[:i]
		}
	}
	word := ""
	if i := strings.LastIndexByte(rest, '_'); i >= 0 {
		rest, word = rest[:i], rest[i+1:]
	}
	if v.architecture, ok = preference(word); !ok {
		return v, false
	}
	v.text = rest
	return v, rest != "" && !strings.ContainsFunc(rest, func(r rune) bool { return !isVersionChar(r) && !strings.ContainsRune(",_+", r) })
}

// parseTries reads LEFT or LEFT-DONE.
func parseTries(s string) (left, done uint64, ok bool) {
	first, second, two := strings.Cut(s, "-")
	left, err := strconv.ParseUint(first, 10, 32)
	if err == nil && two {
		done, err = strconv.ParseUint(second, 10, 32)
	}
	return left, done, err == nil
}

// architectures are the words of ConditionArchitecture= (systemd.unit(5)).
var architectures = strings.Fields(`x86 x86-64 ppc ppc-le ppc64 ppc64-le ia64 parisc parisc64 s390 s390x sparc sparc64 mips mips-le
	mips64 mips64-le alpha arm arm-be arm64 arm64-be sh sh64 m68k tilegx cris arc arc-be riscv32 riscv64 loongarch64 nios2`)

// preference says where an architecture is in the order of preference: the
// machine's own, then the older one that it can run as well, then none. ok is
// false for one that it cannot run; what is no architecture's name is none.
func preference(word string) (place int, ok bool) {
	const none = 2
	if !slices.Contains(architectures, word) {
		return none, true
	}
	own := map[string][]string{
		"386": {"x86"}, "amd64": {"x86-64", "x86"}, "arm": {"arm"}, "arm64": {"arm64", "arm"}, "loong64": {"loongarch64"},
		"ppc64": {"ppc64", "ppc"}, "ppc64le": {"ppc64-le"}, "riscv64": {"riscv64"}, "s390x": {"s390x", "s390"},
	}
	place = slices.Index(own[runtime.GOARCH], word)
	return place, place >= 0
}

// compare is more than 0 if v counts before o: one that may still be tried,
// the newer, that for the better architecture, with more tries left and fewer
// done, in this order.
func (v version) compare(o version) int {
	return cmp.Or(
		cmp.Compare(number(v.left != 0), number(o.left != 0)),
		compareVersions(v.text, o.text),
		-cmp.Compare(v.architecture, o.architecture),
		cmp.Compare(v.left, o.left),
		-cmp.Compare(v.done, o.done),
		cmp.Compare(v.file, o.file),
	)
}

// compareVersions compares two versions by the Version Format Specification
// (uapi-group.org): more than 0 if a is the newer.
func compareVersions(a, b string) int {
	for {
		a, b = strings.TrimLeftFunc(a, isOther), strings.TrimLeftFunc(b, isOther)
		if c, more := separator(&a, &b, '~'); !more {
			return c
		}
		if a == "" || b == "" {
			return cmp.Compare(len(a), len(b))
		}
		for _, s := range []byte("-^.") {
			if c, more := separator(&a, &b, s); !more {
				return c
			}
		}
		if c := segment(&a, &b); c != 0 {
			return c
		}
	}
}

// separator takes a separator off the front; more is false if only one has it,
// which then is the older.
func separator(a, b *string, s byte) (c int, more bool) {
	restA, hasA := strings.CutPrefix(*a, string(s))
	restB, hasB := strings.CutPrefix(*b, string(s))
	*a, *b = restA, restB
	return cmp.Compare(number(hasB), number(hasA)), hasA == hasB
}

// segment takes digits off the front and compares them as numbers, or letters,
// where there are no digits, and compares those as text. A number is newer than
// a word.
func segment(a, b *string) int {
	digits := func(r rune) bool { return r < '0' || r > '9' }
	one, other := cutSegment(a, digits), cutSegment(b, digits)
	if one == "" && other == "" {
		letters := func(r rune) bool { return !isVersionChar(r) || strings.ContainsRune("-^~.0123456789", r) }
		return cmp.Compare(cutSegment(a, letters), cutSegment(b, letters))
	}
	if one == "" || other == "" {
		return cmp.Compare(len(one), len(other))
	}
	one, other = strings.TrimLeft(one, "0"), strings.TrimLeft(other, "0")
	return cmp.Or(cmp.Compare(len(one), len(other)), cmp.Compare(one, other))
}

func cutSegment(s *string, ends func(rune) bool) (front string) {
	i := strings.IndexFunc(*s, ends)
	if i < 0 {
		i = len(*s)
	}
	front, *s = (*s)[:i], (*s)[i:]
	return front
}

func isOther(r rune) bool { return !isVersionChar(r) }

// isVersionChar tells whether a character has a meaning in a version.
func isVersionChar(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '^' || r == '~' || r == '.'
}
