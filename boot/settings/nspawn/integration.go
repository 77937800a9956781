// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"fmt"
	"strings"

	"machined-go/boot"
)

func resolvConf(s *boot.Spec, value string) error {
	modes := []string{"delete"}
	for _, how := range []string{"copy", "replace", "bind"} {
		for _, which := range []string{"host", "static", "uplink", "stub"} {
			modes = append(modes, how+"-"+which)
		}
	}
	return one(func(s *boot.Spec) *string { return &s.Integration.ResolvConf }, "off", "auto", modes...)(s, value)
}

func timezone(s *boot.Spec, value string) error {
	return one(func(s *boot.Spec) *string { return &s.Integration.Timezone }, "off", "auto", "copy", "bind", "symlink", "delete")(s, value)
}

func linkJournal(s *boot.Spec, value string) error {
	return one(func(s *boot.Spec) *string { return &s.Integration.LinkJournal }, "no", "",
		"auto", "guest", "try-guest", "host", "try-host")(s, value)
}

// property is NAME=VALUE, as for "systemctl set-property".
func property(s *boot.Spec, value string) error {
	name, value, ok := strings.Cut(value, "=")
	if !ok || name == "" {
		return fmt.Errorf("property %q is not NAME=VALUE", name)
	}
	all := map[string]string{name: value}
	for other, value := range s.Resources.UnitProperties {
		if other != name {
			all[other] = value
		}
	}
	s.Resources.UnitProperties = all
	return nil
}
