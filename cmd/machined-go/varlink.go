// SPDX-License-Identifier: Apache-2.0

package main

import (
	"machined-go/machine/systemd1"
	"machined-go/machine/varlink"
)

// sortFDs tells what was in our fd store from the sockets that systemd listens
// at for us.
func sortFDs(fds []systemd1.Stored) (stored []systemd1.Stored, sockets []int) {
	for _, s := range fds {
		if s.Name == varlink.PassedName {
			sockets = append(sockets, s.FD)
		} else {
			stored = append(stored, s)
		}
	}
	return stored, sockets
}

func closeAll(sockets []varlink.Socket) {
	for i := range sockets {
		sockets[i].Close()
	}
}
