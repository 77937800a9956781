// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"strings"
)

// GuestName is what a machine calls its end of the veth pair.
const GuestName = "host0"

const (
	// maxName is the longest interface name, IFNAMSIZ less the final NUL.
	maxName = 15
	// maxAlternative is the longest alternative name, ALTIFNAMSIZ less the final NUL.
	maxAlternative = 127
)

// shorten gives a name of an interface that the kernel takes, and the full one as its alternative name if that is too long.
func shorten(full string) (name, alternative string) {
	if len(full) <= maxName {
		return full, ""
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	h := shortKey.hash([]byte(full))
	short := []byte(full[:maxName-4])
	for _, shift := range []int{18, 12, 6, 0} {
		short = append(short, digits[h>>shift&63])
	}
	return string(short), full
}

// checkNew tells what is wrong with the name of an interface that is to be made (dev_valid_name of the kernel, ifname_valid of
// systemd).
func checkNew(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("interface name %q is longer than %d characters", name, maxName)
	}
	return checkName(name)
}

// checkName is for interfaces that exist: they may be named by an alternative name.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("interface name is empty")
	case len(name) > maxAlternative:
		return fmt.Errorf("interface name %q is longer than %d characters", name, maxAlternative)
	case name == "." || name == ".." || name == "all" || name == "default" || strings.Trim(name, "0123456789") == "":
		return fmt.Errorf("interface name %q is not one that an interface can have", name)
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 127 || strings.IndexByte("/:%", c) >= 0 {
			return fmt.Errorf("interface name %q has a character that none can have: use letters, digits, '-', '_' and '.'", name)
		}
	}
	return nil
}

// pair is an interface of the host, and its name or that of what is made from it in the machine.
type pair struct{ host, inside string }

// parsePair reads "HOST" or "HOST:INSIDE"; without the second, that is the first after prefix.
func parsePair(text, prefix string) (p pair, err error) {
	host, inside, given := strings.Cut(text, ":")
	if err := checkName(host); err != nil {
		return p, err
	}
	if !given {
		return pair{host, prefix + host}, nil
	}
	return pair{host, inside}, checkNew(inside)
}
