// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"machined-go/boot/network"
	"machined-go/boot/network/nat"
	"machined-go/boot/sys"
)

// site is a make-believe host: a network namespace of the test's own thread, and of the follower's.
type site struct {
	*testing.T
	host network.Host
	ns   *os.File

	mu    sync.Mutex
	rules []nat.Rule
	fail  error
}

func newSite(t *testing.T) *site {
	t.Helper()
	switch {
	case os.Getuid() == 0:
	case os.Getenv("MUST_RUN") != "":
		t.Fatal("MUST_RUN is set and this test needs root")
	default:
		t.Skip("needs root")
	}
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := sys.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	dir := t.TempDir()
	return &site{T: t, ns: ns, host: network.Host{
		Notes: filepath.Join(dir, "notes"), Pins: filepath.Join(dir, "pins"), Machines: filepath.Join(dir, "machines"),
		ZoneLock: filepath.Join(dir, "zone.lock"), PortLock: filepath.Join(dir, "port.lock"),
		Systemd: dir,
	}}
}

// follow runs a follower until the test ends, or what it returns is called, which gives its error.
func (s *site) follow(idle time.Duration) (stop func() error) {
	s.Helper()
	f, err := New(s.host, s.write, slog.New(slog.DiscardHandler))
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- network.Within(s.ns, func() error { return f.Run(ctx, idle) }) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	s.Cleanup(func() { _ = stop() })
	return stop
}

func (s *site) write(rules []nat.Rule) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.rules = slices.Clone(rules)
	return nil
}

func (s *site) written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var text []string
	for _, r := range s.rules {
		text = append(text, fmt.Sprintf("%s %d %s %s", r.Protocol, r.Port, r.To, r.Comment))
	}
	return strings.Join(text, ", ")
}

// await waits until got gives want.
func (s *site) await(what string, got func() string, want string) {
	s.Helper()
	const limit = 10 * time.Second
	for deadline := time.Now().Add(limit); got() != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("%s: %q after %v, want %q", what, got(), limit, want)
		}
	}
}

func (s *site) leader() *sys.Child {
	s.Helper()
	child, err := sys.Fork(unix.CLONE_NEWUSER|unix.CLONE_NEWNET, 3, new(sys.Program).Call("wait", unix.SYS_PAUSE))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { s.end(child) })
	return child
}

func (s *site) end(leader *sys.Child) {
	leader.Kill()
	_, _ = leader.Wait()
}

func (s *site) connect(leader *sys.Child, w network.Wish) *network.Connection {
	s.Helper()
	w.Private = true
	plan, err := network.NewPlan(w)
	if err != nil {
		s.Fatal(err)
	}
	c, err := plan.Connect(s.host, leader.PID)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// within does something in a machine.
func (s *site) within(leader *sys.Child, f func(link netlink.Link) error) {
	s.Helper()
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", leader.PID))
	if err != nil {
		s.Fatal(err)
	}
	defer ns.Close()
	err = network.Within(ns, func() error {
		link, err := netlink.LinkByName(network.GuestName)
		if err != nil {
			return err
		}
		return f(link)
	})
	if err != nil {
		s.Fatal(err)
	}
}

func addr(text string) *netlink.Addr {
	p := netip.MustParsePrefix(text)
	return &netlink.Addr{
		IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}, Flags: unix.IFA_F_NODAD,
	}
}

func (s *site) links() string {
	all, err := netlink.LinkList()
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, l := range all {
		if kind := l.Type(); kind == "veth" || kind == "bridge" {
			names = append(names, l.Attrs().Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (s *site) notes() string {
	var names []string
	files, _ := os.ReadDir(s.host.Notes)
	for _, f := range files {
		names = append(names, f.Name())
	}
	return strings.Join(names, " ")
}

func TestPortsFollowAddresses(t *testing.T) {
	s := newSite(t)
	stop := s.follow(time.Hour)
	one, two := s.leader(), s.leader()
	s.connect(one, network.Wish{Machine: "one", Veth: true, Ports: []string{"8080:80", "udp:53"}})
	s.within(one, func(l netlink.Link) error { return netlink.AddrAdd(l, addr("192.0.2.2/24")) })
	s.await("rules", s.written, "tcp 8080 192.0.2.2:80 one, udp 53 192.0.2.2:53 one")
	s.within(one, func(l netlink.Link) error {
		if err := netlink.LinkSetUp(l); err != nil { // IPv6 wants that
			return err
		}
		return netlink.AddrAdd(l, addr("2001:db8::2/64"))
	})
	s.await("rules", s.written, "tcp 8080 192.0.2.2:80 one, tcp 8080 [2001:db8::2]:80 one, udp 53 192.0.2.2:53 one, udp 53 [2001:db8::2]:53 one")
	s.within(one, func(l netlink.Link) error {
		if err := netlink.AddrDel(l, addr("192.0.2.2/24")); err != nil {
			return err
		}
		return netlink.AddrAdd(l, addr("192.0.2.3/24"))
	})
	s.within(one, func(l netlink.Link) error { return netlink.AddrDel(l, addr("2001:db8::2/64")) })
	s.await("rules", s.written, "tcp 8080 192.0.2.3:80 one, udp 53 192.0.2.3:53 one")

	s.connect(two, network.Wish{Machine: "two", Veth: true, Ports: []string{"tcp:53"}})
	s.within(two, func(l netlink.Link) error { return netlink.AddrAdd(l, addr("192.0.2.4/24")) })
	s.await("rules of two", s.written, "tcp 8080 192.0.2.3:80 one, udp 53 192.0.2.3:53 one, tcp 53 192.0.2.4:53 two")

	// A follower that begins anew finds everything.
	if err := stop(); err != nil {
		t.Error(err)
	}
	_ = s.write(nil)
	s.follow(time.Hour)
	s.await("rules of the next follower", s.written, "tcp 8080 192.0.2.3:80 one, udp 53 192.0.2.3:53 one, tcp 53 192.0.2.4:53 two")

	s.end(one)
	s.await("rules after the first's end", s.written, "tcp 53 192.0.2.4:53 two")
	s.await("notes after the first's end", s.notes, "two")
	s.await("interfaces after the first's end", s.links, "ve-two")
	s.end(two)
	s.await("rules after the second's end", s.written, "")
	s.await("notes after the second's end", s.notes, "")
	s.await("interfaces after the second's end", s.links, "")
}

// Nobody else is there to undo what a machine's end leaves, whether the follower sees it or comes later.
func TestEndOfMachines(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"hardware", "spare"} {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: name + "-peer"}); err != nil {
			t.Fatal(err)
		}
	}
	before := s.links()
	one, two, three := s.leader(), s.leader(), s.leader()
	s.connect(one, network.Wish{Machine: "one", Veth: true, Zone: "z", Interfaces: []string{"hardware:eth0"}})
	s.end(one)
	s.connect(three, network.Wish{Machine: "three", Veth: true, Zone: "z"})
	s.follow(time.Hour)
	s.await("notes", s.notes, "three")
	s.await("interfaces", s.links, "hardware hardware-peer spare spare-peer vb-three vz-z")
	s.connect(two, network.Wish{Machine: "two", Interfaces: []string{"spare"}, MACVLAN: []string{"hardware"}, VethExtra: []string{"x:y"}})
	s.end(three)
	s.end(two)
	s.await("notes", s.notes, "")
	s.await("interfaces", s.links, before)
	if pins, _ := os.ReadDir(s.host.Pins); len(pins) > 0 {
		t.Errorf("pin of %s is left", pins[0].Name())
	}
}

// A machine that reboots has another leader and a new note.
func TestReboot(t *testing.T) {
	s := newSite(t)
	s.follow(time.Hour)
	wish := network.Wish{Machine: "one", Veth: true, Zone: "z", VethExtra: []string{"x:y"}, Ports: []string{"80"}}
	first := s.leader()
	s.connect(first, wish)
	s.within(first, func(l netlink.Link) error { return netlink.AddrAdd(l, addr("192.0.2.2/24")) })
	s.await("rules", s.written, "tcp 80 192.0.2.2:80 one")
	s.end(first)
	second := s.leader()
	s.connect(second, wish)
	s.within(second, func(l netlink.Link) error { return netlink.AddrAdd(l, addr("192.0.2.3/24")) })
	s.await("rules", s.written, "tcp 80 192.0.2.3:80 one")
	time.Sleep(3 * calm)
	s.await("notes", s.notes, "one")
	s.await("interfaces", s.links, "vb-one vz-z x")
}

func TestUnreadableNote(t *testing.T) {
	s := newSite(t)
	if err := os.MkdirAll(s.host.Notes, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.host.Notes, "bad"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.follow(time.Hour)
	s.await("notes", s.notes, "")
}

// A note that is locked belongs to somebody who is just connecting the machine, until he dies.
func TestLockedNote(t *testing.T) {
	s := newSite(t)
	if err := os.MkdirAll(s.host.Notes, 0o755); err != nil {
		t.Fatal(err)
	}
	note, err := sys.Lock(filepath.Join(s.host.Notes, "one"), true)
	if err != nil {
		t.Fatal(err)
	}
	s.follow(time.Hour)
	time.Sleep(3 * calm)
	if s.notes() != "one" {
		t.Fatal("a locked note is removed")
	}
	note.Close()
	s.await("notes", s.notes, "")
}

func TestNothingToFollow(t *testing.T) {
	s := newSite(t)
	f, err := New(s.host, s.write, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.rules = []nat.Rule{{Protocol: "tcp"}} // of a follower that was killed
	if err := f.Run(t.Context(), 2*calm); err != nil {
		t.Error(err)
	}
	if s.written() != "" {
		t.Errorf("rules %s are left", s.written())
	}
}

func TestRulesThatCannotBeWritten(t *testing.T) {
	s := newSite(t)
	s.fail = errors.New("no rules today")
	s.follow(time.Hour)
	leader := s.leader()
	s.connect(leader, network.Wish{Machine: "one", Veth: true, Ports: []string{"80"}})
	s.within(leader, func(l netlink.Link) error { return netlink.AddrAdd(l, addr("192.0.2.2/24")) })
	time.Sleep(5 * calm)
	s.mu.Lock()
	s.fail = nil
	s.mu.Unlock()
	s.await("rules", s.written, "tcp 80 192.0.2.2:80 one")
}
