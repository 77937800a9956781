// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for _, good := range []string{"web", "my-c1", "a.b", "x_1", "1a", strings.Repeat("a", 64)} {
		if err := checkName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "a..b", ".a", "a.", "-a", "a-", "a b", "a/b", "../x", "ä", "a\nb", strings.Repeat("a", 65)} {
		if err := checkName(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
