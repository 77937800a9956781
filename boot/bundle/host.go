// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/caps"
)

// Host is what of this host decides what can be granted.
type Host struct {
	Caps     caps.Set // the capabilities that we have ourselves
	AppArmor bool     // whether it is in use
	SELinux  bool
	Umask    uint32 // our own
}

// ReadHost reads what a bundle must know of this host.
func ReadHost() (Host, error) {
	var h Host
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return h, fmt.Errorf("read own capabilities: %w", err)
	}
	h.Caps = caps.Set(data[1].Permitted)<<32 | caps.Set(data[0].Permitted)
	h.Umask = uint32(unix.Umask(0)) // there is no other way to ask
	unix.Umask(int(h.Umask))
	text, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	h.AppArmor = err == nil && strings.HasPrefix(string(text), "Y")
	_, err = os.Stat("/sys/fs/selinux/enforce")
	h.SELinux = err == nil
	return h, nil
}
