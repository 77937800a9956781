// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"strings"
)

// assign appends KEY=VALUE to b, quoted where a shell would need it. Values
// with nothing but safe characters and backslashes stay unquoted, as systemd
// before 256 wrote them (its readers take both).
func assign(b []byte, key, value string) []byte {
	b = append(b, key...)
	b = append(b, '=')
	if strings.ContainsFunc(value, needsQuotes) {
		b = append(b, '"')
		for i := 0; i < len(value); i++ {
			switch c := value[i]; c {
			case '"', '\\', '`', '$':
				b = append(b, '\\', c)
			default:
				b = append(b, c)
			}
		}
		b = append(b, '"')
	} else {
		b = append(b, strings.ReplaceAll(value, `\`, `\\`)...)
	}
	return append(b, '\n')
}

func needsQuotes(r rune) bool {
	if r < 0x80 && alnum(byte(r)) {
		return false
	}
	return r < 0x80 && !strings.ContainsRune(`\-_./:@%+,=`, r)
}

// parseEnv reads an environment file (systemd.exec(5), EnvironmentFile=): lines
// of KEY=VALUE, shell-like quotes, comments. Later lines win. What is no
// assignment is an error, for our files are written by programs.
func parseEnv(text string) (map[string]string, error) {
	vars := map[string]string{}
	for text != "" {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			break
		}
		if text[0] == '#' || text[0] == ';' {
			_, text, _ = strings.Cut(text, "\n")
			continue
		}
		key, rest, ok := strings.Cut(text, "=")
		if !ok || strings.ContainsAny(key, " \t\r\n\"'\\") || key == "" {
			return nil, fmt.Errorf("parse assignment near %.40q", text)
		}
		value, rest, err := parseValue(rest)
		if err != nil {
			return nil, fmt.Errorf("parse value of %q: %v", key, err)
		}
		vars[key] = value
		text = rest
	}
	return vars, nil
}

// parseValue reads up to the end of the logical line.
func parseValue(s string) (value, rest string, err error) {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && c == '\n':
			return strings.TrimRight(b.String(), " \t\r"), s[i+1:], nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			if s[i] == '\n' {
				continue
			}
			if quote == '"' && !strings.ContainsRune("\"\\`$", rune(s[i])) {
				b.WriteByte('\\')
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", "", fmt.Errorf("quote is not closed")
	}
	return strings.TrimRight(b.String(), " \t\r"), "", nil
}
