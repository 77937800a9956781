// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"strconv"
	"strings"
)

// lastMinor is the newest minor version of the specification that is known here.
const lastMinor = 3

// checkVersion takes versions 1.0.0 to 1.3.x, with what semantic versions may have behind it ("1.0.2-dev", "1.2.0-rc.1"). Candidates
// for 1.0.0 are another format.
func checkVersion(value any) error {
	const field = "ociVersion"
	version, ok := value.(string)
	if !ok || version == "" {
		return refuse(field, "missing")
	}
	wrong := func(why string) error {
		return refuse(field, "%q %s; known are 1.0.0 to 1.%d", version, why, lastMinor)
	}
	numbers := version
	if i := strings.IndexAny(version, "-+"); i >= 0 {
		numbers = version[:i]
	}
	var n [3]uint64
	parts := strings.Split(numbers, ".")
	if len(parts) != len(n) {
		return wrong("is not a version")
	}
	for i, part := range parts {
		var err error
		if n[i], err = strconv.ParseUint(part, 10, 16); err != nil {
			return wrong("is not a version")
		}
	}
	switch {
	case n[0] != 1:
		return wrong("is not supported")
	case n[1] > lastMinor:
		return wrong("is too new")
	case n == [3]uint64{1, 0, 0} && strings.HasPrefix(version[len(numbers):], "-"):
		return wrong("is a candidate of another format")
	}
	return nil
}
