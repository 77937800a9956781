// SPDX-License-Identifier: Apache-2.0

package journal

import "testing"

func TestAppendFields(t *testing.T) {
	got := string(appendFields(nil, []Field{{"A", "x=y"}, {"B", "1\n2"}}))
	if want := "A=x=y\nB\n\x03\x00\x00\x00\x00\x00\x00\x001\n2\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
