// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSecurityFromInside(t *testing.T) {
	expect(t, statusInside(t, nil), map[string]string{
		"CapBnd": "00000000fdecbfff", "CapPrm": "00000000fdecbfff", "CapEff": "00000000fdecbfff", "CapAmb": "0000000000000000",
		"NoNewPrivs": "0", "Seccomp": "2", "mount": "ok", "unix": "ok", "inet": "ok", "fsync": unix.EINVAL.Error(),
	})
	expect(t, statusInside(t, func(s *Spec) {
		s.Security = Security{
			AddCapabilities: []string{"sys_time", "CAP_SYSLOG"}, DropCapabilities: []string{"CAP_NET_ADMIN"},
			DenySystemCalls: []string{"mount"}, DenyAddressFamilies: []string{"AF_INET"}, SuppressSync: true,
		}
	}), map[string]string{
		"CapBnd": "00000004ffecafff", "NoNewPrivs": "0",
		"mount": unix.EPERM.Error(), "unix": "ok", "inet": unix.EAFNOSUPPORT.Error(), "fsync": "ok",
	})
}

// Without CAP_SYS_ADMIN a filter can be had only before it is gone, and it must be gone in the end.
func TestEveryCapabilityCanGo(t *testing.T) {
	for _, forgo := range []bool{false, true} {
		seen := statusInside(t, func(s *Spec) {
			s.Security = Security{DropCapabilities: []string{"all"}, NoNewPrivileges: forgo}
		})
		for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
			expect(t, seen, map[string]string{set: "0000000000000000"})
		}
		expect(t, seen, map[string]string{"Seccomp": "2", "mount": unix.EPERM.Error(), "NoNewPrivs": map[bool]string{false: "0", true: "1"}[forgo]})
	}
}

func TestEveryCapabilityCanBeHad(t *testing.T) {
	seen := statusInside(t, func(s *Spec) { s.Security.AddCapabilities = []string{"all"} })
	if seen["CapBnd"] != seen["CapEff"] || !strings.HasSuffix(seen["CapEff"], "ffffffffff") {
		t.Errorf("bounding %s, effective %s, want all", seen["CapBnd"], seen["CapEff"])
	}
}

func TestSecurityValidate(t *testing.T) {
	for _, test := range []struct {
		security Security
		want     string
	}{
		{Security{AddCapabilities: []string{"CAP_NONE"}}, `add_capabilities: read capability "CAP_NONE": no such name`},
		{Security{DropCapabilities: []string{"-1"}}, "drop_capabilities: "},
		{Security{AmbientCapabilities: []string{"all"}}, `ambient_capabilities: "all" is not for these`},
		{Security{AllowSystemCalls: []string{"@nothing"}}, `"@nothing": no such call or group`},
		{Security{DenySystemCalls: []string{"raed"}}, `"raed": no such call or group`},
		{Security{AllowAddressFamilies: []string{"AF_NONE"}}, `look up address family "AF_NONE"`},
		{Security{DenyAddressFamilies: []string{"none"}}, `look up address family "none"`},
	} {
		if err := test.security.validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %q", test.security, err, test.want)
		}
	}
}

func TestAmbientCapabilitiesAreChecked(t *testing.T) {
	for want, spec := range map[string]Spec{
		"the machine does not have CAP_SYSLOG": {Command: []string{"/x"}, Security: Security{AmbientCapabilities: []string{"CAP_SYSLOG"}}},
		"of use to a command alone":            {Security: Security{AmbientCapabilities: []string{"CAP_CHOWN"}}},
	} {
		spec.Name, spec.Root = "web", "/srv"
		if _, err := NewPlan(spec, facts()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
