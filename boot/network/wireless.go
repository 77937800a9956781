// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// phyOf gives the number of the wireless device behind an interface of the host, nil if there is none. Such an interface moves only
// with its device, for which its netlink has a command of its own.
func phyOf(name string) *uint32 {
	text, err := os.ReadFile("/sys/class/net/" + name + "/phy80211/index")
	if err != nil {
		return nil
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return nil
	}
	return new(uint32(n))
}

// Numbers of linux/nl80211.h.
const (
	nl80211SetWiphyNetNS = 49
	nl80211AttrWiphy     = 1
	nl80211AttrNetNSFD   = 219
)

// movePhy gives a wireless device with its interfaces to another network namespace.
func movePhy(phy uint32, ns *os.File) error {
	family, err := netlink.GenlFamilyGet("nl80211")
	if err != nil {
		return fmt.Errorf("look up nl80211: %w", err)
	}
	req := nl.NewNetlinkRequest(int(family.ID), unix.NLM_F_ACK)
	req.AddData(&nl.Genlmsg{Command: nl80211SetWiphyNetNS, Version: 1})
	req.AddData(nl.NewRtAttr(nl80211AttrWiphy, nl.Uint32Attr(phy)))
	req.AddData(nl.NewRtAttr(nl80211AttrNetNSFD, nl.Uint32Attr(uint32(ns.Fd()))))
	_, err = req.Execute(unix.NETLINK_GENERIC, 0)
	return err
}
