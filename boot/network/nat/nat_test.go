// SPDX-License-Identifier: Apache-2.0

package nat

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// The test's thread is the host, with 192.0.2.1 and 2001:db8::1; its peer, in a namespace of its own, is a machine with …2.
const (
	host4, host6     = "192.0.2.1", "2001:db8::1"
	guest4, guest6   = "192.0.2.2", "2001:db8::2"
	public4, public6 = "198.51.100.1", "2001:db8:1::1" // further addresses of the host
)

func needRoot(t *testing.T) {
	t.Helper()
	switch {
	case os.Getuid() == 0:
	case os.Getenv("MUST_RUN") != "":
		t.Fatal("MUST_RUN is set and this test needs root")
	default:
		t.Skip("needs root")
	}
}

// inside runs f on a thread in the namespace.
func inside(ns *os.File, f func() error) error {
	return sys.OnThread(func() error {
		if err := sys.Join(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return f()
	})
}

// begin makes a new namespace usable at once: without waiting for whether an address is a duplicate.
func begin() error {
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0); err != nil {
		return err
	}
	return sys.LoopbackUp()
}

func namespace(t *testing.T) *os.File {
	t.Helper()
	var ns *os.File
	err := sys.OnThread(func() (err error) {
		if err := sys.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := begin(); err != nil {
			return err
		}
		ns, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

func address(name string, addresses ...string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		ip := net.ParseIP(a)
		bits := 24
		if ip.To4() == nil {
			bits = 64
		}
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(bits, len(ip)*8)}, Flags: unix.IFA_F_NODAD}
		if ip4 := ip.To4(); ip4 != nil {
			addr.IPNet = &net.IPNet{IP: ip4, Mask: net.CIDRMask(bits, 32)}
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("add address %s: %w", a, err)
		}
	}
	return netlink.LinkSetUp(link)
}

// wire makes a host, a machine and a client, which is to the other side of the host: client — host — machine.
func wire(t *testing.T) (client, machine *os.File) {
	t.Helper()
	needRoot(t)
	runtime.LockOSThread()
	if err := sys.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	client, machine = namespace(t), namespace(t)
	for _, end := range []struct {
		name string
		ns   *os.File
	}{{"toclient", client}, {"tomachine", machine}} {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = end.name
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(end.ns.Fd())}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(address("tomachine", host4, host6))
	check(address("toclient", public4, public6))
	check(inside(machine, func() error { return address("eth0", guest4, guest6) }))
	check(inside(client, func() error { return address("eth0", "198.51.100.2", "2001:db8:1::2") }))
	for _, via := range []string{host4, host6} { // the machine's way back to the client
		check(inside(machine, func() error {
			link, err := netlink.LinkByName("eth0")
			if err != nil {
				return err
			}
			return netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(via)})
		}))
	}
	check(os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0))
	check(os.WriteFile("/proc/sys/net/ipv6/conf/all/forwarding", []byte("1"), 0))
	return client, machine
}

// serve answers "machine" at a port of the namespace.
func serve(t *testing.T, ns *os.File, network, port string) {
	t.Helper()
	err := inside(ns, func() error {
		if network == "udp" {
			conn, err := net.ListenPacket(network, ":"+port)
			if err != nil {
				return err
			}
			t.Cleanup(func() { conn.Close() })
			go func() {
				buf := make([]byte, 16)
				for {
					_, from, err := conn.ReadFrom(buf)
					if err != nil {
						return
					}
					_, _ = conn.WriteTo([]byte("machine"), from)
				}
			}()
			return nil
		}
		l, err := net.Listen(network, ":"+port)
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte("machine"))
				c.Close()
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ask connects on the calling thread and reads the answer.
func ask(network, addr, port string) (string, error) {
	// Dialing by numbers does not leave the thread before the socket is made.
	c, err := (&net.Dialer{Timeout: 2 * time.Second, FallbackDelay: -1}).Dial(network, net.JoinHostPort(addr, port))
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	if network == "udp" {
		_, _ = c.Write([]byte("?"))
		buf := make([]byte, 16)
		n, err := c.Read(buf)
		return string(buf[:n]), err
	}
	text, err := io.ReadAll(c)
	return string(text), err
}

func to(addr string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(addr), port)
}

func TestPortsLeadIntoAMachine(t *testing.T) {
	client, machine := wire(t)
	serve(t, machine, "tcp", "80")
	serve(t, machine, "udp", "53")
	rules := []Rule{
		{"tcp", 8080, to(guest4, 80), "web"}, {"tcp", 8080, to(guest6, 80), "web"},
		{"udp", 5353, to(guest4, 53), "web"}, {"udp", 5353, to(guest6, 53), "web"},
	}
	if err := Write(rules); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct{ network, addr, port string }{
		{"tcp", public4, "8080"}, {"tcp", public6, "8080"}, {"udp", public4, "5353"}, {"udp", public6, "5353"},
	} {
		err := inside(client, func() error {
			text, err := ask(at.network, at.addr, at.port)
			if err == nil && text != "machine" {
				err = fmt.Errorf("got %q", text)
			}
			return err
		})
		if err != nil {
			t.Errorf("client asks %s %s port %s: %v", at.network, at.addr, at.port, err)
		}
		if text, err := ask(at.network, at.addr, at.port); err != nil || text != "machine" {
			t.Errorf("host asks %s %s port %s: %q, %v", at.network, at.addr, at.port, text, err)
		}
	}
	for _, addr := range []string{"127.0.0.1", "::1"} {
		if text, err := ask("tcp", addr, "8080"); err == nil {
			t.Errorf("host asks its loopback %s: %q", addr, text)
		}
	}
	// What is not for the host passes by.
	if err := inside(client, func() error {
		if text, err := ask("tcp", guest4, "8080"); err == nil {
			return fmt.Errorf("got %q", text)
		}
		return nil
	}); err != nil {
		t.Errorf("client asks the machine itself: %v", err)
	}
	if err := Write(rules[:1]); err != nil {
		t.Fatal(err)
	}
	if err := inside(client, func() error { _, err := ask("tcp", public6, "8080"); return err }); err == nil {
		t.Error("a rule that is gone still leads into the machine")
	}
	if err := Write(nil); err != nil {
		t.Fatal(err)
	}
	if err := inside(client, func() error { _, err := ask("tcp", public4, "8080"); return err }); err == nil {
		t.Error("a port leads into the machine without a rule")
	}
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	if tables, err := c.ListTables(); err != nil || len(tables) != 0 {
		t.Errorf("tables %v are left: %v", tables, err)
	}
	if err := Write(nil); err != nil {
		t.Errorf("no rules, and none before: %v", err)
	}
}
