// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"strings"

	"machined-go/boot/sys"
)

// maxFile bounds what is read of a file that others wrote.
const maxFile = 64 << 10

// ReadFile reads a regular file below the directory root, at most 64 KiB, which
// symbolic links do not lead out of. A pipe, a device or a file without end is
// an error, not something to wait for.
func ReadFile(root int, path string) (string, error) {
	text, err := sys.ReadIn(root, path, maxFile)
	return string(text), err
}

// ParseFields reads KEY=VALUE lines with shell-like quotes, as in
// os-release(5) and machine-info(5), and skips what is nothing of that kind.
func ParseFields(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		if !ok || !validKey(key) {
			continue
		}
		fields[key] = strings.ToValidUTF8(strings.ReplaceAll(unquote(value), "\x00", ""), "\uFFFD")
	}
	return fields
}

func validKey(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}

// unquote removes the quotes of a shell word.
func unquote(s string) string {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			if quote == '"' && !strings.ContainsRune("\"\\`$", rune(s[i])) {
				b.WriteByte('\\')
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
