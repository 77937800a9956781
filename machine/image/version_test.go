// SPDX-License-Identifier: Apache-2.0

package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The examples of the Version Format Specification, and what follows from it:
// each is older than the next.
func TestCompareVersions(t *testing.T) {
	for _, order := range []string{
		"~1 1 1.1", "122.1 123~rc1-1 123 123-a 123-a.1 123-1 123-1.1 123^post1 123.a-1 123.1-1 123a-1 124-1", "a b 1 2 10", "1.2 1.02.1", "7.5.13 7.5.14 7.6.0",
	} {
		list := strings.Fields(order)
		for i := range list {
			for k := range list {
				got := compareVersions(list[i], list[k])
				if (got < 0) != (i < k) || (got > 0) != (i > k) {
					t.Errorf("compareVersions(%q, %q) = %d", list[i], list[k], got)
				}
			}
		}
	}
	if compareVersions("1.01", "1,.1") != 0 {
		t.Error("zeros and foreign characters count")
	}
}

func TestNewest(t *testing.T) {
	for _, tt := range []struct{ name, files, suffix, want string }{
		{"by number", "m_7.5.9.raw m_7.5.14.raw m_7.5.13.raw", ".raw", "m_7.5.14.raw"},
		{"tries", "m_1.raw m_2+3-1.raw m_3+0-5.raw", ".raw", "m_2+3-1.raw"},
		{"no tries left", "m_1+0.raw m_2+0-9.raw", ".raw", "m_2+0-9.raw"},
		{"foreign", "m_1.raw m_2_nios2.raw", ".raw", "m_1.raw"},
		{"no architecture", "m_1.raw m_2_rc1.raw", ".raw", "m_2_rc1.raw"},
		{"others", "m_.raw m.raw n_3.raw m_2 mm_4.raw m_5.raw.bak .#m_6.raw m_1.raw", ".raw", "m_1.raw"},
		{"directories", "m_1 m_1.1", "", "m_1.1"},
		{"none", "n_1", "", ""},
	} {
		dir := t.TempDir()
		for file := range strings.FieldsSeq(tt.files) {
			must(t, os.Mkdir(filepath.Join(dir, file), 0o755))
		}
		if got := newest(dir, "m", tt.suffix); got != tt.want {
			t.Errorf("%s: newest of %q is %q, want %q", tt.name, tt.files, got, tt.want)
		}
	}
	if got := newest("/nowhere", "m", ""); got != "" {
		t.Errorf("newest of nothing is %q", got)
	}
}

// Versions are ordered, whatever they are called, so that the same one counts
// each time; and what counts is an entry of the image.
func FuzzVersion(f *testing.F) {
	f.Add("m_1.2.raw", "m_1.10+3-1.raw", "m_1.2_x86-64.raw")
	f.Add("m_~1.raw", "m_1^a_-.raw", "m_1_arm64+0-4.raw")
	f.Add("m_..raw", "m_0000001.raw", "m_+_.raw")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var list []version
		for _, file := range []string{a, b, c} {
			v, ok := parseVersion(file, "m", ".raw")
			if !ok {
				continue
			}
			if v.text == "" || strings.ContainsAny(v.text, "/\x00\n") || !strings.HasPrefix(file, "m_"+v.text) || !strings.HasSuffix(file, ".raw") {
				t.Errorf("%q is version %q", file, v.text)
			}
			list = append(list, v)
		}
		for _, v := range list {
			for _, o := range list {
				if got := v.compare(o); got != -o.compare(v) || (got == 0) != (v.file == o.file) {
					t.Errorf("%q to %q is %d, and %d", v.file, o.file, got, o.compare(v))
				}
			}
		}
		if len(list) == 3 && list[0].compare(list[1]) > 0 && list[1].compare(list[2]) > 0 && list[0].compare(list[2]) <= 0 {
			t.Errorf("%q, %q and %q have no order", a, b, c)
		}
	})
}
