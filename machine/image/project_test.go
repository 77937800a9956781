// SPDX-License-Identifier: Apache-2.0

package image

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Where there are no quotas, a limit is refused with what it takes, and nothing in the tree is changed. The kernel of most places where
// tests run has none; test/vm has one that does.
func TestLimitOfDirectoryWithoutQuotas(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"web", "disk.raw", "layers.mstack"} {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, ".raw") {
			must(t, os.WriteFile(path, make([]byte, 4096), 0o644))
			continue
		}
		must(t, os.Mkdir(path, 0o755))
	}
	for name, want := range map[string]string{"web": "prjquota", "disk": "the size that it has", "layers": "not possible for layers"} {
		img := imageIn(t, dir, name)
		if err := img.SetLimit(1 << 30); !errors.Is(err, unix.EOPNOTSUPP) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
