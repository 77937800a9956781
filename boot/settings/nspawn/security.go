// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"fmt"
	"slices"
	"strings"

	"machined-go/boot"
	"machined-go/boot/caps"
)

// capabilities appends capabilities, by name or number, or "all"; commas separate them on a command line, blanks in a file.
func capabilities(field func(*boot.Spec) *[]string) setter {
	return func(s *boot.Spec, value string) error {
		list := words(value, true)
		for _, word := range list {
			if word == "all" {
				continue
			}
			if _, err := caps.Number(word); err != nil {
				return err
			}
		}
		if len(list) == 0 {
			return something("")
		}
		add(field(s), list...)
		return nil
	}
}

// filter appends to one list, or to the other if "~" comes first.
func filter(allow, deny func(*boot.Spec) *[]string) setter {
	return func(s *boot.Spec, value string) error {
		rest, inverted := strings.CutPrefix(value, "~")
		field := allow
		if inverted {
			field = deny
		}
		add(field(s), words(rest, false)...)
		return nil
	}
}

func systemCallFilter(s *boot.Spec, value string) error {
	return filter(
		func(s *boot.Spec) *[]string { return &s.Security.AllowSystemCalls },
		func(s *boot.Spec) *[]string { return &s.Security.DenySystemCalls },
	)(s, value)
}

// addressFamilies is [~]FAMILY…, or "none"; an empty value allows all.
func addressFamilies(s *boot.Spec, value string) error {
	for _, word := range words(strings.TrimPrefix(value, "~"), false) {
		if word != "none" && !strings.HasPrefix(word, "AF_") {
			return fmt.Errorf("%q is not an address family such as AF_INET", word)
		}
	}
	if strings.TrimSpace(value) == "" {
		s.Security.AllowAddressFamilies, s.Security.DenyAddressFamilies = nil, nil
		return nil
	}
	return filter(
		func(s *boot.Spec) *[]string { return &s.Security.AllowAddressFamilies },
		func(s *boot.Spec) *[]string { return &s.Security.DenyAddressFamilies },
	)(s, value)
}

// personalities are what systemd has names for; which of them a CPU has, the boot finds out.
var personalities = []string{
	"x86", "x86-64", "ppc", "ppc-le", "ppc64", "ppc64-le", "s390", "s390x", "arm", "arm-be", "arm64", "arm64-be", "mips", "mips-le",
	"mips64", "mips64-le", "riscv32", "riscv64", "loongarch64",
}

func personality(s *boot.Spec, value string) error {
	if !slices.Contains(personalities, value) {
		return fmt.Errorf("%q is not the name of an architecture, such as x86-64 or x86", value)
	}
	s.Personality = value
	return nil
}
