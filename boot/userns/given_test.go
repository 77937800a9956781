// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"slices"
	"strings"
	"testing"
)

func TestGiven(t *testing.T) {
	for _, test := range []struct {
		users, groups string
		want          []uint32
	}{
		{"0 131072 65536", "0 131072 65536", nil},
		{"0 131072 65536\n524288 524288 65536", "0 131072 65536\n524288 524288 65536", []uint32{524288}},
		{"0 131072 65536\n524288 524288 131072\n", "0 131072 65536\n589824 589824 65536\n", []uint32{589824}},
		{"524289 0 131071", "0 0 4294967295", []uint32{589824}}, // not aligned
		{"524288 0 65535", "524288 0 65535", nil},               // one is missing
		{"4294901760 0 65535", "4294901760 0 65535", nil},       // beyond what is set apart for containers
		{"nonsense", "", nil},
	} {
		if got := given(readRuns(strings.NewReader(test.users)), readRuns(strings.NewReader(test.groups))); !slices.Equal(got, test.want) {
			t.Errorf("%q, %q: %v, want %v", test.users, test.groups, got, test.want)
		}
	}
}
