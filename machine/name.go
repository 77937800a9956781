// SPDX-License-Identifier: Apache-2.0

package machine

import "strings"

// HostName is the name of the machine that stands for the host itself.
const HostName = ".host"

// maxName is HOST_NAME_MAX of Linux.
const maxName = 64

// ValidName tells whether a machine may have this name: a host name of at most
// 64 characters of [A-Za-z0-9_.-], no label empty or beginning or ending with
// a dash (as systemd's hostname_is_valid(3) rule for machines).
func ValidName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if !validLabel(label) {
			return false
		}
	}
	return true
}

func validLabel(label string) bool {
	if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := 0; i < len(label); i++ {
		if c := label[i]; !alnum(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func alnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// ScopeName is the name of the scope unit around a machine,
// machine-NAME.scope, escaped as systemd-escape(1) does.
func ScopeName(name string) string { return "machine-" + escapeUnit(name) + ".scope" }

// escapeUnit escapes a string for use in a unit name: "/" becomes "-", what is
// not [A-Za-z0-9:_.], and a leading dot, becomes \xXX.
func escapeUnit(s string) string {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '/':
			b = append(b, '-')
		case alnum(c), c == ':', c == '_', c == '.' && i > 0:
			b = append(b, c)
		default:
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
