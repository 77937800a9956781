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

// What is quoted as a shell has it (os-release(5)) is read as it was, and what
// else stands in the file does not change that.
func FuzzRelease(f *testing.F) {
	f.Add("# ID=x\n\nNAME='y'\n", "PRETTY_NAME", `Debian "12" $x \ 'y'`)
	f.Add("ID=\"\\", "ID", "")
	f.Fuzz(func(t *testing.T, before, key, value string) {
		if !validKey(key) || strings.ContainsAny(value, "\n\x00") || strings.ToValidUTF8(value, "") != value {
			return
		}
		double := `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "$", `\$`, "`", "\\`").Replace(value) + `"`
		single := `'` + strings.ReplaceAll(value, `'`, `'\''`) + `'`
		for _, quoted := range []string{double, single} {
			fields := ParseFields(before + "\n" + key + "=" + quoted)
			if got, ok := fields[key]; !ok || got != value {
				t.Errorf("%s=%s is %q, want %q", key, quoted, got, value)
			}
		}
	})
}
