// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// reportInside boots a machine with that network and gives what it sees.
func reportInside(t *testing.T, n Network) Report {
	t.Helper()
	out, status := bootInside(t, "report", func(s *Spec) { s.Network = n })
	var r Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: output %q, %v", err, out, status)
	}
	return r
}

func TestDefaultPair(t *testing.T) {
	for name, tt := range map[string]struct {
		network Network
		command []string
		veth    bool
	}{
		"boots":               {veth: true},
		"command":             {command: []string{"/bin/true"}},
		"command with a pair": {network: Network{Veth: new(true)}, command: []string{"/bin/true"}, veth: true},
		"command in a zone":   {network: Network{Zone: "a"}, command: []string{"/bin/true"}, veth: true},
		"without a pair":      {network: Network{Veth: new(false)}},
		"in a zone":           {network: Network{Zone: "a"}, veth: true},
		"on a bridge":         {network: Network{Bridge: "br0"}, veth: true},
		"on the host's":       {network: Network{Private: new(false)}},
		"in another's":        {network: Network{NamespacePath: "/run/netns/a"}},
	} {
		if err := tt.network.validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if w := tt.network.wish("web", [16]byte{}, len(tt.command) == 0); w.Veth != tt.veth {
			t.Errorf("%s: pair is %t, want %t", name, w.Veth, tt.veth)
		}
	}
}

// A machine without a network of its own sees the host's, and may not touch it.
func TestNetworkOfTheHost(t *testing.T) {
	r := reportInside(t, Network{Private: new(false)})
	host, err := os.ReadDir("/sys/class/net")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, i := range host {
		want = append(want, i.Name())
	}
	if !slices.Equal(r.Interfaces, want) {
		t.Errorf("interfaces %q, want the host's %q", r.Interfaces, want)
	}
	if want := "00000000fdecabff"; r.CapEff != want || r.CapBnd != want {
		t.Errorf("capabilities %s, bounding %s; want %s as nspawn's, without NET_ADMIN and NET_BIND_SERVICE", r.CapEff, r.CapBnd, want)
	}
	if r.Forwarding == "" {
		t.Error("parameters of the host's network can be changed")
	}
	for name, e := range r.Errors {
		if e == "" {
			t.Errorf("%s: succeeded from inside", name)
		}
	}
}

func TestNetworkOfItsOwn(t *testing.T) {
	r := reportInside(t, Network{Veth: new(false)})
	if r.Ping != "0\t65535" {
		t.Errorf("ping_group_range is %q, want that of all groups inside", r.Ping)
	}
	if r.Forwarding != "" {
		t.Errorf("parameters of its own network: %s", r.Forwarding)
	}
}

func TestJoinNamespace(t *testing.T) {
	needRoot(t)
	path := filepath.Join(t.TempDir(), "net")
	err := sys.OnThread(func() error {
		if err := sys.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		ns, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			return err
		}
		defer ns.Close()
		return sys.Pin(int(ns.Fd()), path)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sys.Unpin(path) }()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	r := reportInside(t, Network{NamespacePath: path})
	if r.NetNS != st.Ino {
		t.Errorf("network namespace is %d, want %d", r.NetNS, st.Ino)
	}
	if len(r.Interfaces) != 1 || r.Interfaces[0] != "lo" {
		t.Errorf("interfaces %q, want those of the namespace: lo", r.Interfaces)
	}
}

func TestNamespaceThatIsNone(t *testing.T) {
	needRoot(t)
	for path, want := range map[string]string{"/none": "no such file", "/etc/passwd": "is not a network namespace"} {
		spec := Spec{Name: "boot-test", Root: tree(t), Network: Network{NamespacePath: path}}
		_, err := (&Starter{Units: &fakeUnits{t: t}, Registry: &fakeRegistry{}}).Start(t.Context(), planFor(t, spec), nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got error %v, want %q", path, err, want)
		}
	}
}
