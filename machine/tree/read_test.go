// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"strings"
	"testing"
)

func FuzzFields(f *testing.F) {
	f.Add("ID=\"a\\\"b\"\nX='\n")
	f.Fuzz(func(t *testing.T, text string) {
		for k, v := range ParseFields(text) {
			if !validKey(k) || strings.ContainsRune(v, 0) || strings.ToValidUTF8(v, "") != v {
				t.Errorf("%q = %q", k, v)
			}
		}
	})
}
