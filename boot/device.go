// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/mount"
)

// Device gives a machine a device of the host: its node, the right to use it, and to whom it belongs inside.
type Device struct {
	// Path of the node on the host, or of a directory of nodes such as "/dev/dri".
	Path string `toml:"path"`
	// Path in the machine; by default the same.
	Target string `toml:"target"`
	// What may be done: "r" (read), "w" (write), "m" (make nodes); by default "rw".
	Access string `toml:"access"`
	// Owner inside the machine, by number; by default root.
	User uint32 `toml:"user"`
	// Group inside the machine, by number; by default root.
	Group uint32 `toml:"group"`
	// Permissions, such as "0660"; by default those of the host's node.
	Mode string `toml:"mode"`
}

func (d Device) validate() error {
	for _, p := range []string{d.Path, d.target()} {
		if !strings.HasPrefix(p, "/dev/") || path.Clean(p) != p {
			return fmt.Errorf("device %q: %q is not a path below /dev", d.Path, p)
		}
	}
	if strings.Trim(d.Access, "rwm") != "" {
		return fmt.Errorf("device %q: access %q is not of r, w and m", d.Path, d.Access)
	}
	if _, err := d.mode(0); err != nil {
		return fmt.Errorf("device %q: %w", d.Path, err)
	}
	return nil
}

func (d Device) target() string {
	if d.Target == "" {
		return d.Path
	}
	return d.Target
}

func (d Device) access() string {
	if d.Access == "" {
		return "rw"
	}
	return d.Access
}

// mode gives the permissions: the setting's, or those of the host's node.
func (d Device) mode(host uint32) (uint32, error) {
	if d.Mode == "" {
		return host & 0o777, nil
	}
	n, err := strconv.ParseUint(d.Mode, 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("mode %q is not permissions such as 0660", d.Mode)
	}
	return uint32(n), nil
}

// DeviceNode is a node of the host that a machine is to get.
type DeviceNode struct {
	Device
	Mode         uint32 // of the host's node, with its type
	Major, Minor uint32
}

// maxDevices bounds how many nodes a directory may bring along.
const maxDevices = 256

// findDevices looks the wanted devices up on the host.
func findDevices(wanted []Device) ([]DeviceNode, error) {
	var nodes []DeviceNode
	for _, d := range wanted {
		err := filepath.WalkDir(d.Path, func(name string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			one := d
			one.Path, one.Target = name, d.target()+strings.TrimPrefix(name, d.Path)
			node, err := findDevice(one)
			if node.Mode&unix.S_IFMT == unix.S_IFCHR || node.Mode&unix.S_IFMT == unix.S_IFBLK {
				nodes = append(nodes, node)
			} else if err == nil && name == d.Path {
				err = fmt.Errorf("%s is no device", name)
			}
			if len(nodes) > maxDevices {
				err = fmt.Errorf("there are more than %d devices in %s", maxDevices, d.Path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("find device: %w", err)
		}
	}
	return nodes, nil
}

// findDevice follows a link, as those in /dev/disk are.
func findDevice(d Device) (DeviceNode, error) {
	var st unix.Stat_t
	if err := unix.Stat(d.Path, &st); err != nil {
		return DeviceNode{}, &os.PathError{Op: "stat", Path: d.Path, Err: err}
	}
	return DeviceNode{Device: d, Mode: st.Mode, Major: unix.Major(st.Rdev), Minor: unix.Minor(st.Rdev)}, nil
}

// decideDevices gives the machine's root its nodes, and the scope the right to use them.
func (p *Plan) decideDevices(f Facts) error {
	p.Devices = devices
	made := map[string]bool{"/dev": true, "/dev/char": true, "/dev/net": true, "/dev/pts": true, "/dev/shm": true}
	for _, d := range f.Devices {
		mode, err := d.mode(d.Mode)
		if err != nil {
			return err
		}
		for _, dir := range parents(d.target()) {
			if !made[dir] {
				made[dir] = true
				p.Mounts = append(p.Mounts, mount.Dir{Path: dir, Mode: 0o755})
			}
		}
		p.Mounts = append(p.Mounts, mount.Node{
			Path: d.target(), Mode: d.Mode&unix.S_IFMT | mode, Major: d.Major, Minor: d.Minor, User: d.User, Group: d.Group, Host: d.Path,
		})
		kind := "char"
		if d.Mode&unix.S_IFMT == unix.S_IFBLK {
			kind = "block"
		}
		p.Devices = append(p.Devices, DeviceRule{fmt.Sprintf("/dev/%s/%d:%d", kind, d.Major, d.Minor), d.access()})
	}
	return nil
}

// parents are the directories above name, from the top.
func parents(name string) []string {
	var list []string
	for i, c := range name {
		if c == '/' && i > 0 {
			list = append(list, name[:i])
		}
	}
	return list
}
