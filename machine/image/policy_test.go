// SPDX-License-Identifier: Apache-2.0

package image

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// witness is a policy that passes over some kinds, refuses others, and writes
// down what it is told.
type witness struct {
	unused, refused string
	heard           *[]string
	all             bool // also what is absent
}

func (w witness) Use(kind string) (bool, error) {
	if strings.Contains(w.refused, kind) {
		return false, errors.New(kind + " is refused")
	}
	return !strings.Contains(w.unused, kind), nil
}

func (w witness) hear(format string, args ...any) error {
	*w.heard = append(*w.heard, fmt.Sprintf(format, args...))
	return nil
}

func (w witness) CheckState(kind, state string) error {
	if state == "absent" && !w.all {
		return nil
	}
	return w.hear("%s %s", kind, state)
}

func (w witness) CheckFlags(kind string, readOnly, grows bool) error {
	if !readOnly && !grows {
		return nil
	}
	return w.hear("%s read-only %v growfs %v", kind, readOnly, grows)
}

func (w witness) CheckType(kind, fileSystem string) error { return w.hear("%s %s", kind, fileSystem) }

// A policy is asked of each partition before it counts, and hears of all that
// is on the disk, and of what is not.
func TestPolicyJudges(t *testing.T) {
	for _, tt := range []struct{ disk, unused, refused, parts, heard string }{
		{"root/ro=ext4 home/grow=xfs swap=none", "swap", "", "/ /home",
			"root unprotected, root read-only true growfs false, root ext4, home unprotected, home read-only false growfs true, home xfs, swap unused"},
		{"root=ext4 var=LUKS", "var", "", "/", "root unprotected, root ext4, var unused"},
		{"root=ext4 var=LUKS", "", "", "/var: encrypted", "root unprotected, root ext4, var encrypted"},
		{"root=ext4 verity=none", "", "", "images with verity", "root verity, root ext4, root-verity unprotected, root-verity "},
		{"root=ext4 verity=none sig=none", "", "", "images with verity",
			"root signed, root ext4, root-verity unprotected, root-verity , root-verity-sig unprotected, root-verity-sig "},
		{"root=ext4 verity=none sig=none", "root-verity root-verity-sig", "", "the image policy has its root passed over", ""},
		{"linux=ext4", "", "", "/", "root unprotected, root ext4"},
		{"linux=ext4", "root", "", "the image policy has its root passed over", ""},
		{"usr=ext4 root=ext4", "root", "", "/usr", "root unused, usr unprotected, usr ext4"},
		{"linux=ext4", "", "root", "root is refused", ""},
		{"root=ext4 esp=fat home=xfs", "", "esp", "esp is refused", ""},
		{"root:1=ext4 root:2=xfs", "", "", "/", "root unprotected, root xfs"},
	} {
		var heard []string
		disk := gpt(t, strings.Fields(tt.disk)...)
		parts, err := partsIn(bytes.NewReader(disk), int64(len(disk)), witness{tt.unused, tt.refused, &heard, false})
		var got []string
		for _, p := range parts {
			got = append(got, p.Target)
		}
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if err == nil && text != tt.parts || !strings.HasPrefix(text, tt.parts) {
			t.Errorf("%s without %q: %q, want %q", tt.disk, tt.unused, text, tt.parts)
		}
		if diff := cmp.Diff(tt.heard, strings.Join(heard, ", ")); diff != "" {
			t.Errorf("%s without %q: the policy hears (-want +got):\n%s", tt.disk, tt.unused, diff)
		}
	}
}

func TestPolicyJudgesWhatIsAbsent(t *testing.T) {
	whole := make([]byte, 1<<20)
	format(whole, "ext4")
	for want, disk := range map[string][]byte{
		"root unprotected, root ext4": whole,
		"root absent, usr unprotected, usr erofs, home absent, srv absent, esp absent, xbootldr absent, swap absent, root-verity absent, " +
			"usr-verity absent, root-verity-sig absent, usr-verity-sig absent, tmp absent, var absent": gpt(t, "usr=erofs"),
	} {
		var heard []string
		_, err := partsIn(bytes.NewReader(disk), int64(len(disk)), witness{heard: &heard, all: true})
		if diff := cmp.Diff(want, strings.Join(heard, ", ")); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}
