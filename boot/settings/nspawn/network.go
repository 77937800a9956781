// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"machined-go/boot"
)

// maxInterface is IFNAMSIZ less the NUL.
const maxInterface = 15

var interfaceName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^/:%\s]+$`) })

func checkInterface(name string) error {
	if len(name) > maxInterface || !interfaceName().MatchString(name) || name == "." || name == ".." {
		return fmt.Errorf("%q is not the name of a network interface", name)
	}
	return nil
}

// private says that the machine has a network of its own, as all options for one do.
func private(s *boot.Spec) {
	yes := true
	s.Network.Private = &yes
}

func privateNetwork(s *boot.Spec, _ string) error {
	private(s)
	return nil
}

// privateKey is Private=, which only matters if nothing else implies it.
func privateKey(s *boot.Spec, value string) error {
	b, err := ParseBool(value)
	if b {
		private(s)
	}
	return err
}

func veth(s *boot.Spec, value string) error {
	b, err := ParseBool(value)
	if err != nil {
		return err
	}
	s.Network.Veth = new(b)
	if b {
		private(s)
	}
	return nil
}

// interfaces appends HOST[:INSIDE], several of which are apart by blanks.
func interfaces(field func(*boot.Spec) *[]string) setter {
	return func(s *boot.Spec, value string) error {
		list := words(value, false)
		if len(list) == 0 {
			return something("")
		}
		for _, word := range list {
			host, inside, both := strings.Cut(word, ":")
			if err := checkInterface(host); err != nil {
				return err
			}
			if both {
				if err := checkInterface(inside); err != nil {
					return err
				}
			}
		}
		add(field(s), list...)
		private(s)
		return nil
	}
}

func bridge(s *boot.Spec, value string) error {
	if err := checkInterface(value); err != nil {
		return err
	}
	s.Network.Bridge, s.Network.Veth = value, new(true)
	private(s)
	return nil
}

// zonePrefix begins the name of a zone's bridge.
const zonePrefix = "vz-"

func zone(s *boot.Spec, value string) error {
	if checkInterface(zonePrefix+value) != nil || value == "" {
		return fmt.Errorf("%q is not the name of a zone: it may have %d characters", value, maxInterface-len(zonePrefix))
	}
	s.Network.Zone, s.Network.Veth = value, new(true)
	private(s)
	return nil
}

func namespacePath(s *boot.Spec, value string) error {
	if err := absolute(value); err != nil {
		return err
	}
	s.Network.NamespacePath = value
	return nil
}

// port is [tcp:|udp:]HOST[:INSIDE]; the boot knows more forms of it, and checks them.
func port(s *boot.Spec, value string) error {
	if err := something(value); err != nil {
		return err
	}
	add(&s.Network.Ports, value)
	return nil
}
