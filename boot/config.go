// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"

	"machined-go/boot/mount"
)

// readConfig reads what of the host's configuration matters for a machine.
func readConfig(s Spec, id [16]byte) (HostConfig, error) {
	c := HostConfig{Localtime: true}
	zone, err := os.Readlink("/etc/localtime")
	if errors.Is(err, fs.ErrNotExist) {
		c.Localtime = false
	}
	c.Zone = zoneOf(zone)
	if !s.ownNetwork() {
		c.Resolver = resolver()
	}
	if s.linkJournal() != "no" {
		c.Journal = findJournal(id)
	}
	if c.Credentials, err = readCredentials(s.Integration.Credentials); err != nil || s.Integration.ForwardJournal == "" {
		return c, err
	}
	c.Credentials = append(c.Credentials, mount.Credential{ID: journalCredential, Data: []byte(journalSocket)})
	c.Receiver, err = findJournalRemote()
	return c, err
}

// ownNetwork tells whether the machine has a network of its own, in which the host's name servers may not be reached.
func (s Spec) ownNetwork() bool { return s.Network.Private == nil || *s.Network.Private }

// zoneOf is the time zone that a link leads to.
func zoneOf(link string) string {
	for _, dir := range []string{"/usr/share/zoneinfo/", "../usr/share/zoneinfo/", "/etc/zoneinfo/", "../etc/zoneinfo/"} {
		if zone, ok := strings.CutPrefix(link, dir); ok && !strings.Contains("/"+zone+"/", "/../") {
			return zone
		}
	}
	return ""
}

// resolver tells which file says how the host finds names: systemd-resolved's, while its stub listens, or the host's own.
func resolver() string {
	const stub = "3500007F:0035" // 127.0.0.53:53
	if _, err := os.Stat(resolvers["stub"]); err == nil {
		if sockets, err := os.ReadFile("/proc/net/udp"); err == nil && bytes.Contains(sockets, []byte(stub)) {
			return "stub"
		}
	}
	if _, err := os.Stat(resolvers["host"]); err == nil {
		return "host"
	}
	return ""
}
