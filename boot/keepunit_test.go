// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"strings"
	"testing"
)

// What only a scope of its own could give a machine is refused, not left out.
func TestKeepUnitRefusesWhatIsTheUnits(t *testing.T) {
	for _, s := range []Scope{{Slice: "x.slice"}, {Properties: []UnitProperty{{Name: "TasksMax"}}}} {
		_, err := KeepUnit{}.StartScope(context.Background(), s)
		if err == nil || !strings.Contains(err.Error(), "set them there") {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
