// SPDX-License-Identifier: Apache-2.0

package boot

// Values of Spec.Volatile.
const (
	volatileYes     = "yes"
	volatileState   = "state"
	volatileOverlay = "overlay"
)

// sealed tells whether the root of the machine is read-only. A root that is forgotten need not be.
func (s Spec) sealed() bool {
	switch s.Volatile {
	case volatileYes, volatileOverlay:
		return false
	case volatileState:
		return true
	}
	return s.ReadOnly
}

// SharesImage tells whether a boot changes nothing of the image, so that others may do the same at the same time.
func (s Spec) SharesImage() bool {
	return s.ReadOnly || s.Ephemeral || s.Volatile != "" && s.Volatile != "no"
}
