// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/binary"
	"strings"
)

// Field is one field of an entry (systemd.journal-fields(7)). The name is of
// capital letters, digits and underscores.
type Field struct{ Name, Value string }

// Notice sends one entry of its own.
func (w *Writer) Notice(fields ...Field) error { return w.write(appendFields(nil, fields)) }

// appendFields writes an entry in journald's native protocol: a value with a
// line break has its length before it.
func appendFields(b []byte, fields []Field) []byte {
	for _, f := range fields {
		b = append(b, f.Name...)
		if !strings.Contains(f.Value, "\n") {
			b = append(b, '=')
		} else {
			b = append(b, '\n')
			b = binary.LittleEndian.AppendUint64(b, uint64(len(f.Value)))
		}
		b = append(b, f.Value...)
		b = append(b, '\n')
	}
	return b
}
