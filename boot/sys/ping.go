// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"os"
)

// AllowPing lets the groups from first to last send ICMP echo requests without privileges (icmp(7)), in the network namespace of
// the calling thread. Ids are those of the caller's user namespace.
func AllowPing(first, last uint32) error {
	return os.WriteFile("/proc/sys/net/ipv4/ping_group_range", fmt.Appendf(nil, "%d %d\n", first, last), 0)
}
