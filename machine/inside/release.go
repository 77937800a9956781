// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxFile bounds what is read of a file that the machine wrote.
const maxFile = 64 << 10

// OSRelease reads the machine's os-release(5). ErrNoOSRelease if it has none.
func (g *Guest) OSRelease() (map[string]string, error) {
	for _, path := range []string{"etc/os-release", "usr/lib/os-release"} {
		text, err := g.readFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return parseRelease(text), nil
	}
	return nil, ErrNoOSRelease
}

// readFile reads a regular file of the machine. A pipe, a device or a file
// without end is an error, not something to wait for.
func (g *Guest) readFile(path string) (string, error) {
	f, err := g.open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() {
		return "", fmt.Errorf("read %q: not a regular file: %w", path, unix.EBADMSG)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", fmt.Errorf("read %q: %w", path, err)
	}
	if len(b) > maxFile {
		return "", fmt.Errorf("read %q: longer than %d bytes: %w", path, maxFile, unix.EFBIG)
	}
	return string(b), nil
}

// parseRelease reads KEY=VALUE lines with shell-like quotes and skips what is
// nothing of that kind.
func parseRelease(text string) map[string]string {
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
