// SPDX-License-Identifier: Apache-2.0

package boot

func (u Users) validateBound() error {
	return unsupported(u, "Namespace", "Base", "Count", "Ownership", "Delegate")
}
