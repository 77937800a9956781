// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"math"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/boot/mount"
)

// usual are the devices that every container has (config-linux.md, "Default Devices").
var usual = []struct {
	path         string
	major, minor uint32
}{
	{"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
}

// devices makes the bundle's devices and those that every container has, unless its /dev is the host's.
func (t *translation) devices() error {
	var ops []mount.Op
	for i, d := range t.config.Linux.Devices {
		field := fmt.Sprintf("linux.devices[%d]", i)
		kind, ok := map[string]uint32{"c": unix.S_IFCHR, "u": unix.S_IFCHR, "b": unix.S_IFBLK, "p": unix.S_IFIFO}[d.Type]
		switch {
		case !ok:
			return refuse(field+".type", "%q is none of c, b, u and p", d.Type)
		case !path.IsAbs(d.Path) || path.Clean(d.Path) == "/" || strings.ContainsRune(d.Path, 0):
			return refuse(field+".path", "%q is no absolute path below the root", d.Path)
		case d.Major < 0 || d.Major >= 1<<12 || d.Minor < 0 || d.Minor >= 1<<20:
			return refuse(field, "%d:%d is no device", d.Major, d.Minor)
		}
		op := mount.Device{Path: path.Clean(d.Path), Mode: kind | 0o666, Major: uint32(d.Major), Minor: uint32(d.Minor)}
		if kind == unix.S_IFIFO {
			op.Major, op.Minor = 0, 0
		}
		if d.FileMode != nil {
			op.Mode = kind | uint32(*d.FileMode)&0o7777
		}
		if d.UID != nil {
			op.User = *d.UID
		}
		if d.GID != nil {
			op.Group = *d.GID
		}
		ops = append(ops, op)
	}
	if !t.devIsBound() {
		for _, d := range usual {
			ops = append(ops, mount.Device{Path: d.path, Mode: unix.S_IFCHR | 0o666, Major: d.major, Minor: d.minor, Usual: true})
		}
		for _, l := range [][2]string{
			{"/dev/fd", "/proc/self/fd"}, {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
			{"/dev/stderr", "/proc/self/fd/2"}, {"/dev/core", "/proc/kcore"}, {"/dev/ptmx", "pts/ptmx"},
		} {
			ops = append(ops, mount.UsualLink{Path: l[0], To: l[1]})
		}
	}
	if t.spec.Terminal {
		ops = append(ops, mount.Console{})
	}
	t.container.Mounts = append(t.container.Mounts, ops...)
	return t.deviceRules()
}

func (t *translation) devIsBound() bool {
	for _, op := range t.container.Mounts {
		if e, ok := op.(mount.Entry); ok && e.Bind && e.Target == "/dev" {
			return true
		}
	}
	return false
}

// freeDevices are what a container may use whatever the bundle says, beyond what systemd has every closed unit use: terminals, TUN
// interfaces, and the making of nodes, which gives nobody the use of them. Other runtimes have it so.
var freeDevices = []boot.DeviceRule{
	{Node: "char-pts", Access: "rw"}, {Node: "/dev/net/tun", Access: "rwm"}, {Node: "char-*", Access: "m"}, {Node: "block-*", Access: "m"},
}

// deviceRules makes a list of what is allowed of a list of allowing and denying rules. As with cgroups, all is denied at first.
func (t *translation) deviceRules() error {
	var allowed []boot.DeviceRule
	all := false
	if t.config.Linux.Resources != nil {
		for i, r := range t.config.Linux.Resources.Devices {
			field := fmt.Sprintf("linux.resources.devices[%d]", i)
			access := r.Access
			if access == "" {
				access = "rwm"
			}
			if strings.Trim(access, "rwm") != "" {
				return refuse(field+".access", "%q is not of r, w and m", r.Access)
			}
			nodes, err := nodesOf(field, r.Type, r.Major, r.Minor)
			switch {
			case err != nil:
				return err
			case nodes == nil && !r.Allow:
				all, allowed = false, nil
			case nodes == nil && access == "rwm":
				all = true
			case nodes == nil:
				allowed = append(allowed, boot.DeviceRule{Node: "char-*", Access: access}, boot.DeviceRule{Node: "block-*", Access: access})
			case r.Allow:
				for _, n := range nodes {
					allowed = append(allowed, boot.DeviceRule{Node: n, Access: access})
				}
			default:
				if allowed, err = without(allowed, nodes, access, all); err != nil {
					return refuse(field, "%w", err)
				}
			}
		}
	}
	if all {
		t.property("DevicePolicy", "auto")
		return nil
	}
	t.container.Devices = append(allowed, freeDevices...)
	return nil
}

// nodesOf names devices as systemd does; nil stands for all there are.
func nodesOf(field, kind string, major, minor *int64) ([]string, error) {
	number := func(n *int64) int64 {
		if n == nil {
			return -1
		}
		return *n
	}
	maj, mnr := number(major), number(minor)
	if maj > math.MaxInt32 || mnr > math.MaxInt32 {
		return nil, refuse(field, "%d:%d is no device", maj, mnr)
	}
	var kinds []string
	switch kind {
	case "", "a":
		if maj < 0 && mnr < 0 || kind == "a" {
			return nil, nil
		}
		kinds = []string{"char", "block"}
	case "c", "u":
		kinds = []string{"char"}
	case "b":
		kinds = []string{"block"}
	default:
		return nil, refuse(field+".type", "%q is none of a, c and b", kind)
	}
	var nodes []string
	for _, k := range kinds {
		switch {
		case maj < 0 && mnr < 0:
			nodes = append(nodes, k+"-*")
		case mnr < 0:
			nodes = append(nodes, fmt.Sprintf("%s-%d", k, maj))
		case maj < 0:
			return nil, refuse(field, "a minor number without a major one is not supported")
		default:
			nodes = append(nodes, fmt.Sprintf("/dev/%s/%d:%d", k, maj, mnr))
		}
	}
	return nodes, nil
}

// without takes nodes from what is allowed. Out of a group they cannot be taken, for systemd only knows what is allowed.
func without(allowed []boot.DeviceRule, nodes []string, access string, all bool) ([]boot.DeviceRule, error) {
	var kept []boot.DeviceRule
	for _, rule := range allowed {
		for _, node := range nodes {
			kind := strings.TrimPrefix(node, "/dev/")[:len("char")]
			major, _, _ := strings.Cut(node[strings.LastIndexAny(node, "/-")+1:], ":")
			switch {
			case rule.Node == node:
				rule.Access = strings.Map(func(r rune) rune {
					if strings.ContainsRune(access, r) {
						return -1
					}
					return r
				}, rule.Access)
			case strings.HasPrefix(rule.Node, kind) && (strings.HasSuffix(rule.Node, "-*") || strings.HasSuffix(rule.Node, "-"+major)):
				all = true
			}
		}
		if rule.Access != "" {
			kept = append(kept, rule)
		}
	}
	if all {
		return nil, fmt.Errorf("a device cannot be denied out of a group that is allowed: list what is allowed instead")
	}
	return kept, nil
}
