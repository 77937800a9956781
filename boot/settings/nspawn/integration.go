// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"fmt"
	"strconv"
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

// forwardJournal is a file or directory; none takes back what was said before.
func forwardJournal(s *boot.Spec, value string) error {
	if value == "" {
		s.Integration.ForwardJournal = ""
		return nil
	}
	return text(func(s *boot.Spec) *string { return &s.Integration.ForwardJournal }, normal)(s, value)
}

// byteCount sets a field to an amount of bytes, such as "1G".
func byteCount(field func(*boot.Spec) *string) setter {
	return func(s *boot.Spec, value string) error {
		n, err := quantity(value, bytes)
		if err != nil || n == infinity {
			return fmt.Errorf("%q is not a number of bytes such as 1G", value)
		}
		*field(s) = number(n)
		return nil
	}
}

func journalFiles(s *boot.Spec, value string) error {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a number of files", value)
	}
	s.Integration.ForwardJournalMaxFiles = n
	return nil
}
