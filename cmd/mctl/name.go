// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

const nameMax = 64

// checkName holds a machine's name to what machined takes: a host name
// (hostname(7)) of at most 64 characters.
func checkName(name string) error {
	complain := func(why string) error {
		return fmt.Errorf("%q is no machine name: %s", name, why)
	}
	switch {
	case name == "":
		return complain("it is empty")
	case len(name) > nameMax:
		return complain(fmt.Sprintf("it is longer than %d characters", nameMax))
	case strings.HasPrefix(name, "."), strings.HasSuffix(name, "."), strings.Contains(name, ".."):
		return complain("a dot must stand between other characters")
	case strings.HasPrefix(name, "-"), strings.HasSuffix(name, "-"):
		return complain("it begins or ends with a hyphen")
	}
	for _, r := range name {
		if !strings.ContainsRune(nameLetters, r) {
			return complain(fmt.Sprintf("%q is none of letters, digits, hyphen, underscore and dot", r))
		}
	}
	return nil
}

const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// unitOf names the unit that starts a machine.
func unitOf(name string) string { return "contain@" + name + ".service" }
