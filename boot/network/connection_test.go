// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// site is a make-believe host: a network namespace of the test's own thread.
type site struct {
	*testing.T
	Host
}

func newSite(t *testing.T) site {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("MUST_RUN") != "" {
			t.Fatal("MUST_RUN is set and this test needs root")
		}
		t.Skip("needs root")
	}
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := sys.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := site{t, Host{
		Notes: filepath.Join(dir, "notes"), Pins: filepath.Join(dir, "pins"), Machines: filepath.Join(dir, "machines"),
		ZoneLock: filepath.Join(dir, "zone.lock"), PortLock: filepath.Join(dir, "port.lock"),
		Systemd: dir,
	}}
	t.Cleanup(func() {
		pins, _ := os.ReadDir(s.Pins)
		for _, p := range pins {
			t.Errorf("pin of %s is left", p.Name())
			_ = sys.Unpin(filepath.Join(s.Pins, p.Name()))
		}
	})
	return s
}

// leader starts what stands for a machine: a process in a network namespace of its own.
func (s site) leader() *sys.Child {
	s.Helper()
	child, err := sys.Fork(unix.CLONE_NEWUSER|unix.CLONE_NEWNET, 3, new(sys.Program).Call("wait", unix.SYS_PAUSE))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { s.end(child) })
	return child
}

func (s site) end(leader *sys.Child) {
	leader.Kill()
	_, _ = leader.Wait()
}

// pair makes a pair of interfaces on the host, and stands for hardware that it has.
func (s site) pair(name, peer string) {
	s.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: peer}); err != nil {
		s.Fatal(err)
	}
}

func (s site) bridge(name string) {
	s.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		s.Fatal(err)
	}
}

func (s site) connect(leader *sys.Child, w Wish) (*Connection, error) {
	s.Helper()
	w.Private = true
	if w.Machine == "" {
		w.Machine = "deb"
	}
	if w.HostID == [16]byte{} {
		w.HostID = id(s, "691889341c3f443b8abe753af87448f5")
	}
	plan, err := NewPlan(w)
	if err != nil {
		s.Fatal(err)
	}
	return plan.Connect(s.Host, leader.PID)
}

// links lists the interfaces of the calling thread's namespace but for the loopback.
func links(t testing.TB) []string {
	t.Helper()
	all, err := list()
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, l := range all {
		attrs := l.Attrs()
		if attrs.Name == "lo" || l.Type() == "sit" || l.Type() == "ipip" {
			continue
		}
		line := fmt.Sprintf("%s %s", attrs.Name, l.Type())
		if len(attrs.AltNames) > 0 {
			line += " " + strings.Join(attrs.AltNames, " ")
		}
		text = append(text, line)
	}
	slices.Sort(text)
	return text
}

func (s site) inside(leader *sys.Child) (text []string) {
	s.Helper()
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", leader.PID))
	if err != nil {
		s.Fatal(err)
	}
	defer ns.Close()
	if err := Within(ns, func() error { text = links(s); return nil }); err != nil {
		s.Fatal(err)
	}
	return text
}

func (s site) expect(what string, got, want []string) {
	s.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (s site) notes() (names []string) {
	files, _ := os.ReadDir(s.Notes)
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func TestEveryKindOfLink(t *testing.T) {
	s := newSite(t)
	s.pair("lan", "wire")
	s.pair("hardware", "plug")
	s.pair("a-long-name-123", "long")
	before := links(t)
	leader := s.leader()
	c, err := s.connect(leader, Wish{
		Veth: true, Zone: "foo", VethExtra: []string{"xa:xb", "ya"}, Interfaces: []string{"hardware:eth0"},
		MACVLAN: []string{"lan", "lan:two", "a-long-name-123"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.expect("inside", s.inside(leader), []string{
		"eth0 veth", "host0 veth", "mv-a-long-n8tCn macvlan mv-a-long-name-123", "mv-lan macvlan", "two macvlan", "xb veth", "ya veth",
	})
	s.expect("on the host", links(t), []string{
		"a-long-name-123 veth", "lan veth", "long veth", "plug veth", "vb-deb veth", "vz-foo bridge", "wire veth", "xa veth", "ya veth",
	})
	bridge, err := netlink.LinkByName("vz-foo")
	if err != nil || c.Index() != bridge.Attrs().Index {
		t.Errorf("index is %d, want that of the bridge: %v", c.Index(), err)
	}
	vb, err := netlink.LinkByName("vb-deb")
	if err != nil || vb.Attrs().MasterIndex != c.Index() || vb.Attrs().Flags&1 == 0 || vb.Attrs().HardwareAddr.String() != "16:14:b2:bf:85:9d" {
		t.Errorf("vb-deb is %+v, %v; want it up, in vz-foo", vb.Attrs(), err)
	}
	s.expect("notes", s.notes(), []string{"deb"})
	record, err := s.Settled("deb")
	if err != nil || !record.Alive() {
		t.Errorf("note is %+v, %v; want that of a live machine", record, err)
	}
	s.end(leader)
	if record.Alive() {
		t.Error("the machine counts as alive after its end")
	}
	c.Undo()
	s.expect("on the host after the end", links(t), before)
	s.expect("notes", s.notes(), nil)
}

func TestPairHasALongName(t *testing.T) {
	s := newSite(t)
	leader := s.leader()
	c, err := s.connect(leader, Wish{Machine: "a-very-long-machine-name", Veth: true})
	if err != nil {
		t.Fatal(err)
	}
	s.expect("on the host", links(t), []string{"ve-a-very-lm3p6 veth ve-a-very-long-machine-name"})
	s.expect("notes", s.notes(), nil)
	if link, err := netlink.LinkByName("ve-a-very-long-machine-name"); err != nil || link.Attrs().Index != c.Index() {
		t.Errorf("index is %d, want that of the pair: %v", c.Index(), err)
	}
	c.Undo()
	s.expect("on the host after the end", links(t), nil)
}

// Whoever started a machine may be killed: then its note tells others what to do.
func TestEndByTheNote(t *testing.T) {
	s := newSite(t)
	s.pair("hardware", "plug")
	before := links(t)
	leader := s.leader()
	if _, err := s.connect(leader, Wish{Veth: true, Zone: "foo", Interfaces: []string{"hardware"}, VethExtra: []string{"xa:xb"}}); err != nil {
		t.Fatal(err)
	}
	record, err := s.Read("deb")
	if err != nil {
		t.Fatal(err)
	}
	s.end(leader)
	// Of the machine nothing is left but the pin, and what is moved would be destroyed with that.
	if err := s.End(record); err != nil {
		t.Error(err)
	}
	s.expect("on the host after the end", links(t), before)
	s.expect("notes", s.notes(), nil)
	if err := s.End(record); err != nil {
		t.Errorf("second end: %v", err)
	}
}

// A machine that starts again, for it rebooted or its starter was killed, finds what the last boot left.
func TestStartOverLeftovers(t *testing.T) {
	s := newSite(t)
	s.pair("hardware", "plug")
	before := links(t)
	wish := Wish{Veth: true, Interfaces: []string{"hardware:eth0"}, VethExtra: []string{"xa:xb"}, MACVLAN: []string{"plug"}}
	first := s.leader()
	if _, err := s.connect(first, wish); err != nil {
		t.Fatal(err)
	}
	old, err := s.Read("deb")
	if err != nil {
		t.Fatal(err)
	}
	second := s.leader()
	if _, err := s.connect(second, wish); err == nil || !strings.Contains(err.Error(), "connected already") {
		t.Errorf("two machines of one name: got error %v", err)
	}
	s.end(first)
	c, err := s.connect(second, wish)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"eth0 veth", "host0 veth", "mv-plug macvlan", "xb veth"}
	s.expect("inside", s.inside(second), want)
	if err := s.End(old); err != nil { // a late-comer's
		t.Error(err)
	}
	s.expect("inside after the end of the first", s.inside(second), want)
	s.expect("notes", s.notes(), []string{"deb"})
	c.Undo() // while it runs: its start failed
	s.expect("on the host after the end", links(t), before)
}

// What the machine does with an interface that it was lent.
func TestGiveBackWhatTheMachineRenamed(t *testing.T) {
	s := newSite(t)
	s.pair("hardware", "plug")
	s.pair("other", "socket")
	leader := s.leader()
	c, err := s.connect(leader, Wish{Interfaces: []string{"hardware:eth0", "other:eth1"}})
	if err != nil {
		t.Fatal(err)
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", leader.PID))
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	err = Within(ns, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if err := rename(link, "wan"); err != nil {
			return err
		}
		// In place of the other it puts something of its own.
		if link, err = netlink.LinkByName("eth1"); err != nil {
			return err
		}
		if err := netlink.LinkDel(link); err != nil {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.Index = "eth1", link.Attrs().Index
		return netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs})
	})
	if err != nil {
		t.Fatal(err)
	}
	// The name of the first is taken meanwhile.
	s.bridge("hardware")
	c.Undo()
	if got := links(t); len(got) != 3 || !strings.HasPrefix(got[0], "back") {
		t.Errorf("on the host: %q, want the first interface by another name and nothing of the machine's", got)
	}
}

func TestZoneOfTwoMachines(t *testing.T) {
	s := newSite(t)
	one, two := s.leader(), s.leader()
	first, err := s.connect(one, Wish{Machine: "one", Veth: true, Zone: "foo"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.connect(two, Wish{Machine: "two", Veth: true, Zone: "foo"})
	if err != nil {
		t.Fatal(err)
	}
	if first.Index() == 0 || first.Index() != second.Index() {
		t.Errorf("indices %d and %d, want both those of one bridge", first.Index(), second.Index())
	}
	s.expect("on the host", links(t), []string{"vb-one veth", "vb-two veth", "vz-foo bridge"})
	s.end(one)
	first.Undo()
	s.expect("after the first's end", links(t), []string{"vb-two veth", "vz-foo bridge"})
	s.end(two)
	second.Undo()
	s.expect("after the second's end", links(t), nil)
	if _, err := os.Stat(s.ZoneLock); err == nil {
		t.Error("lock file of zones is left")
	}
}

func TestConnectingFails(t *testing.T) {
	s := newSite(t)
	s.pair("lan", "wire")
	s.pair("hardware", "plug")
	s.pair("vz-x", "y")
	s.bridge("br0")
	bridge, err := netlink.LinkByName("br0")
	if err != nil {
		t.Fatal(err)
	}
	wire, _ := netlink.LinkByName("wire")
	if err := netlink.LinkSetMaster(wire, bridge); err != nil {
		t.Fatal(err)
	}
	before := links(t)
	for name, tt := range map[string]struct {
		wish Wish
		want string
	}{
		"no bridge":         {Wish{Veth: true, Bridge: "none"}, `no bridge "none" on the host`},
		"not a bridge":      {Wish{Veth: true, Bridge: "lan"}, `interface "lan" of the host is not a bridge`},
		"zone is no bridge": {Wish{Veth: true, Zone: "x", VethExtra: []string{"a:b"}}, `interface "vz-x" of the host is not a bridge`},
		"extra exists":      {Wish{Veth: true, VethExtra: []string{"a", "lan:b"}}, `add veth "lan" with end "b": file exists`},
		"no interface":      {Wish{Veth: true, Zone: "foo", Interfaces: []string{"hardware:x", "none"}}, `no interface "none" on the host`},
		"loopback":          {Wish{Interfaces: []string{"hardware", "lo:x"}}, `move interface "lo" into the machine: the kernel moves none`},
		"moves a bridge":    {Wish{Interfaces: []string{"hardware", "br0"}}, `move interface "br0" into the machine: the kernel moves none`},
		"no parent":         {Wish{Interfaces: []string{"hardware"}, MACVLAN: []string{"lan", "none"}}, `no interface "none" on the host`},
		"parent is lo":      {Wish{MACVLAN: []string{"lo"}}, `add macvlan to "lo": this interface cannot have any`},
		"parent is a port":  {Wish{MACVLAN: []string{"lan", "wire"}}, `add macvlan to "wire": the interface is a port of a bridge`},
		"parent is moved":   {Wish{Interfaces: []string{"hardware"}, MACVLAN: []string{"hardware"}}, `no interface "hardware" on the host`},
	} {
		leader := s.leader()
		_, err := s.connect(leader, tt.wish)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got error %v, want %q", name, err, tt.want)
		}
		s.expect(name+": on the host", links(t), before)
		s.expect(name+": inside", s.inside(leader), nil)
		s.expect(name+": notes", s.notes(), nil)
		s.end(leader)
	}
}

func TestPortsThatAreTaken(t *testing.T) {
	s := newSite(t)
	one, two := s.leader(), s.leader()
	c, err := s.connect(one, Wish{Machine: "one", Ports: []string{"8080:80", "udp:53"}})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, port, want string) {
		t.Helper()
		_, err := s.connect(two, Wish{Machine: "two", Veth: true, Ports: []string{"9090", port}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", what, err, want)
		}
		s.expect(what+": notes", s.notes(), []string{"one"})
		s.expect(what+": on the host", links(t), nil)
	}
	refused("another machine's port", "8080:81", `tcp port 8080 of the host leads into machine "one" already`)
	refused("another machine's port", "udp:53:54", `udp port 53 of the host leads into machine "one" already`)
	if err := sys.LoopbackUp(); err != nil {
		t.Fatal(err)
	}
	listen := func(network, address string) {
		t.Helper()
		var err error
		var l interface{ Close() error }
		if network == "udp" {
			l, err = net.ListenPacket(network, address)
		} else {
			l, err = net.Listen(network, address)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	listen("tcp4", "0.0.0.0:7001")
	listen("tcp6", "[::]:7002")
	listen("udp", "0.0.0.0:7003")
	listen("tcp", "127.0.0.1:7004")
	refused("a listener's port", "7001", "tcp port 7001 is in use on the host")
	refused("a listener's port", "7002", "tcp port 7002 is in use on the host")
	refused("a listener's port", "udp:7003", "udp port 7003 is in use on the host")
	s.end(one)
	// Tcp and udp, and what listens to the loopback only, are in nobody's way, nor is a machine that has ended.
	d, err := s.connect(two, Wish{Machine: "two", Ports: []string{"8080", "udp:7001", "7003", "7004"}})
	if err != nil {
		t.Fatal(err)
	}
	c.Undo()
	s.expect("notes", s.notes(), []string{"two"})
	d.Undo()
	s.expect("notes", s.notes(), nil)
	s.Systemd = filepath.Join(s.Notes, "none")
	if _, err := s.connect(two, Wish{Machine: "two", Ports: []string{"8080"}}); err == nil || !strings.Contains(err.Error(), "needs systemd") {
		t.Errorf("without systemd: got error %v", err)
	}
}

// A pair of that name may be the last boot's, another machine's, or somebody else's.
func TestPairThatIsThere(t *testing.T) {
	s := newSite(t)
	one, two := s.leader(), s.leader()
	if _, err := s.connect(one, Wish{Veth: true}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.Machines, 0o755); err != nil {
		t.Fatal(err)
	}
	state := fmt.Sprintf("# state\nNAME=deb\nLEADER=%d\n", one.PID)
	if err := os.WriteFile(filepath.Join(s.Machines, "deb"), []byte(state), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.connect(two, Wish{Veth: true}); err == nil || !strings.Contains(err.Error(), `machine "deb" runs already`) {
		t.Errorf("got error %v", err)
	}
	s.expect("inside the first", s.inside(one), []string{"host0 veth"})
	s.end(one)
	if _, err := s.connect(two, Wish{Veth: true}); err != nil {
		t.Error(err)
	}
	s.pair("ve-other", "x")
	if _, err := s.connect(s.leader(), Wish{Machine: "other", Veth: true}); err == nil || !strings.Contains(err.Error(), "none of ours") {
		t.Errorf("got error %v", err)
	}
	s.expect("on the host", links(t), []string{"ve-deb veth", "ve-other veth", "x veth"})
}

func TestNamespace(t *testing.T) {
	newSite(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "net")
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if err := sys.Pin(int(ns.Fd()), path); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sys.Unpin(path) }()
	f, err := Namespace(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if a, _ := inode(f); a == 0 {
		t.Error("no inode")
	} else if b, _ := inode(ns); a != b {
		t.Errorf("opened namespace %d, want %d", a, b)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		filepath.Join(dir, "fifo"): "is not a network namespace",
		"/etc/passwd":              "is not a network namespace",
		"/dev/null":                "is not a network namespace",
		"/proc/self/ns/uts":        "is not a network namespace",
		"/proc/self/fd":            "is not a network namespace",
	} {
		if _, err := Namespace(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", path, err, want)
		}
	}
}
