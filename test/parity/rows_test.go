// SPDX-License-Identifier: Apache-2.0

package parity_test

// rows are all rows, in the order of the manual.
func rows() []row {
	var all []row
	for _, list := range [][]row{
		imageRows(), executionRows(), identityRows(), propertyRows(), userRows(), networkRows(), securityRows(),
		resourceRows(), integrationRows(), mountRows(), consoleRows(), otherRows(),
	} {
		all = append(all, list...)
	}
	return all
}
