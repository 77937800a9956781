// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"errors"
	"os"

	"machined-go/machine/tree"
)

// OSRelease reads the machine's os-release(5). ErrNoOSRelease if it has none.
func (g *Guest) OSRelease() (map[string]string, error) {
	for _, path := range []string{"etc/os-release", "usr/lib/os-release"} {
		text, err := tree.ReadFile(int(g.root.Fd()), path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return tree.ParseFields(text), nil
	}
	return nil, ErrNoOSRelease
}
