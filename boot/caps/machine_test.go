// SPDX-License-Identifier: Apache-2.0

package caps

import (
	"math/bits"
	"testing"

	"github.com/moby/sys/capability"
)

// The first value is CapBnd inside systemd-nspawn@.service (private network, -U). The third was seen under plain nspawn
// 252 and 262 as 0xfcecafff, on a host that itself lacks CAP_SYS_RESOURCE.
func TestMachine(t *testing.T) {
	for _, test := range []struct {
		name                          string
		privateNetwork, userNamespace bool
		want                          Set
	}{
		{"stock unit", true, true, 0xfdecbfff},
		{"private network only", true, false, 0xfdecbfff},
		{"neither", false, false, 0xfdecafff},
		{"user namespace, network of the host", false, true, 0xfdecabff},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Machine(test.privateNetwork, test.userNamespace); got != test.want {
				t.Errorf("got %s, want %s; too many %q, missing %q", got.Hex(), test.want.Hex(),
					got.Without(test.want), test.want.Without(got))
			}
		})
	}
}

func TestMachineCount(t *testing.T) {
	if n := bits.OnesCount64(uint64(Machine(false, false))); n != 26 {
		t.Errorf("%d capabilities by default, want the 26 of systemd-nspawn(1)", n)
	}
}

// A machine must never get these without being asked: each reaches past every namespace.
func TestMachineHasNoHostPower(t *testing.T) {
	hostWide := Of(capability.CAP_SYS_MODULE, capability.CAP_SYS_RAWIO, capability.CAP_SYS_TIME, capability.CAP_SYSLOG,
		capability.CAP_MAC_ADMIN, capability.CAP_MAC_OVERRIDE, capability.CAP_BPF, capability.CAP_PERFMON,
		capability.CAP_WAKE_ALARM, capability.CAP_BLOCK_SUSPEND, capability.CAP_AUDIT_READ)
	for _, private := range []bool{false, true} {
		if got := Machine(private, false) & hostWide; got != 0 {
			t.Errorf("private network %v: default set has %q", private, got)
		}
	}
}
