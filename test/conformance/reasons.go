// SPDX-License-Identifier: Apache-2.0

package main

// reasons say why a row differs on purpose; a key is ROW, or SUITE ROW where it
// does in one suite only.
func reasons() map[string]string {
	return map[string]string{}
}

func reason(suite, row string) string {
	all := reasons()
	if why := all[suite+" "+row]; why != "" {
		return why
	}
	return all[row]
}
