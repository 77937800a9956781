// SPDX-License-Identifier: Apache-2.0

package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"machined-go/boot/sys"
)

// stackOf makes directories, or files for names that end in .raw, and reads
// them as layers.
func stackOf(t *testing.T, names ...string) (string, sys.Stack, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "web.mstack")
	must(t, os.Mkdir(dir, 0o755))
	for _, name := range names {
		if from, to, isLink := strings.Cut(name, "->"); isLink {
			must(t, os.Symlink(to, filepath.Join(dir, from)))
		} else if strings.HasSuffix(name, ".raw") || strings.HasSuffix(name, ".txt") {
			b := make([]byte, 64<<10)
			copy(b[1024+0x38:], "\x53\xef")
			must(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
		} else {
			must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
		}
	}
	s, err := Layers(dir, nil)
	return dir, s, err
}

// outline writes a stack in one line.
func outline(dir string, s sys.Stack) string {
	name := func(b sys.Branch) string {
		text := strings.TrimPrefix(b.Path, dir+"/")
		if b.Disk != nil {
			text += "(" + b.Disk.Type
			if b.Disk.ReadOnly {
				text += ",ro"
			}
			text += ")"
		}
		return text
	}
	graft := func(g sys.Grafting) string {
		text := g.Target + "=" + strings.TrimSuffix(name(g.Branch)+"/"+g.Below, "/")
		if g.ReadOnly {
			text += ":ro"
		}
		return text
	}
	var words []string
	for _, l := range s.Layers {
		words = append(words, name(l))
	}
	if s.Upper != nil {
		words = append(words, "<"+name(*s.Upper))
	}
	if s.Root != nil {
		words = append(words, graft(*s.Root))
	}
	for _, g := range s.Graftings {
		words = append(words, graft(g))
	}
	return strings.Join(words, " ")
}

func TestLayers(t *testing.T) {
	for _, tt := range []struct{ entries, want string }{
		{"layer@10 layer@9 rw", "layer@9 layer@10 <rw"},
		{"layer@a.raw layer@b rw", "layer@a.raw(ext4,ro) layer@b <rw"},
		{"layer@0 layer@1->layer@0 .hidden", "layer@0 layer@1"},
		{"layer@0 ", "/=layer@0:ro"},
		{"rw", "/=rw"},
		{"layer@0 layer@1 root", "layer@0 layer@1 /=root"},
		{"layer@0 root", "/=root /usr=layer@0/usr:ro"},
		{"layer@0 layer@1 rw bind@- robind@usr", "/=bind@- /usr=robind@usr:ro"},
		{"layer@0 layer@1 root bind@usr", "/=root /usr=bind@usr"},
		{"layer@0 rw robind@srv-data bind@srv bind@var-lib.raw", "layer@0 <rw /srv=bind@srv /srv/data=robind@srv-data:ro /var/lib=bind@var-lib.raw(ext4)"},
		{`layer@0 rw bind@a\x2db`, `layer@0 <rw /a-b=bind@a\x2db`},
		{"bind@srv", "/srv=bind@srv"},
		{"layer@0.v/layer@0_1 layer@0.v/layer@0_2 rw", "layer@0.v/layer@0_2 <rw"},
		{"", ""},
	} {
		dir, s, err := stackOf(t, strings.Fields(tt.entries)...)
		if err != nil {
			t.Errorf("%s: %v", tt.entries, err)
			continue
		}
		if diff := cmp.Diff(tt.want, outline(dir, s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.entries, diff)
		}
	}
}

func TestLayersThatAreNone(t *testing.T) {
	for entries, want := range map[string]string{
		"layer@0 other":         "other is nothing that systemd.mstack(7) knows",
		"layer@":                "layer@ is nothing that systemd.mstack(7) knows",
		"layer@0 note.txt":      "note.txt is a file, but not one ending in .raw",
		"layer@0 layer@0.raw":   "there are two of layer@0",
		"bind@srv robind@srv":   "there are two of robind@srv",
		"bind@..-etc":           `"..-etc" is no escaped path`,
		`bind@a\x2`:             `"a\\x2" is no escaped path`,
		"bind@a--b":             `"a--b" is no escaped path`,
		"layer@0.v/layer@1_1":   "there is no version of layer@0 in layer@0.v",
		"layer@0->/nonexistent": "no such file or directory",
	} {
		if _, s, err := stackOf(t, strings.Fields(entries)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", entries, s, err, want)
		}
	}
}
