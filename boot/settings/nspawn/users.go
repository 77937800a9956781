// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"machined-go/boot"
)

// privateUsers is what --private-users= takes. Ranges that systemd-nsresourced would manage ("managed") are picked.
func privateUsers(s *boot.Spec, value string) error {
	u := s.Users
	u.Base, u.Count = 0, 0
	switch value {
	case "pick", "managed":
		u.Namespace = "pick"
	case "identity":
		u.Namespace = "identity"
	default:
		// Numbers are not true or false here.
		b, err := ParseBool(value)
		switch _, numeric := strconv.ParseUint(value, 10, 32); {
		case err != nil || numeric == nil:
			if u.Base, u.Count, err = uidRange(value); err != nil {
				return err
			}
			u.Namespace = "range"
		case b:
			u.Namespace = "owner"
		default:
			u.Namespace = "no"
		}
	}
	s.Users = u
	return nil
}

// uidRange is BASE[:COUNT].
func uidRange(value string) (base, count uint32, err error) {
	first, many, given := strings.Cut(value, ":")
	b, err := strconv.ParseUint(first, 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("%q is none of no, yes, pick, identity, managed, BASE[:COUNT]", value)
	}
	n := uint64(65536)
	if given {
		if n, err = strconv.ParseUint(many, 10, 32); err != nil || n == 0 {
			return 0, 0, fmt.Errorf("count %q is not a number from 1", many)
		}
	}
	if b+n > 1<<32-1 {
		return 0, 0, fmt.Errorf("range %q goes beyond the last id", value)
	}
	return uint32(b), uint32(n), nil
}

// pickUsers is -U.
func pickUsers(s *boot.Spec, _ string) error {
	s.Users.Namespace, s.Users.Base, s.Users.Count, s.Users.Ownership = "pick", 0, 0, "auto"
	return nil
}

func ownership(s *boot.Spec, value string) error {
	return one(func(s *boot.Spec) *string { return &s.Users.Ownership }, "off", "chown", "map", "auto", "foreign")(s, value)
}

// chownUsers is --private-users-chown, of old.
func chownUsers(s *boot.Spec, value string) error {
	b, err := ParseBool(value)
	if err != nil {
		return err
	}
	s.Users.Ownership = "off"
	if b {
		s.Users.Ownership = "chown"
	}
	return nil
}

// maxDelegate is how many further ranges nspawn grants.
const maxDelegate = 16

func delegate(s *boot.Spec, value string) error {
	n, err := integer(value, 0, maxDelegate)
	if err == nil {
		s.Users.Delegate = n
	}
	return err
}

var userName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?$`) })

// names appends the user or group names in a value, which are apart by blanks.
func names(field func(*boot.Spec) *[]string) setter {
	return func(s *boot.Spec, value string) error {
		list := words(value, false)
		for _, name := range list {
			if !userName().MatchString(name) {
				return fmt.Errorf("%q is not the name of a user or group", name)
			}
		}
		if len(list) == 0 {
			return something("")
		}
		add(field(s), list...)
		return nil
	}
}

func bindShell(s *boot.Spec, value string) error {
	if b, err := ParseBool(value); err == nil {
		s.Users.BindShell = "no"
		if b {
			s.Users.BindShell = "yes"
		}
		return nil
	}
	if err := normal(value); err != nil {
		return fmt.Errorf("%q is neither yes nor no nor an absolute path", value)
	}
	s.Users.BindShell = value
	return nil
}
