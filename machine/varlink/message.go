// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"bufio"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// maxMessage bounds one call. The longest that anybody sends is a shell with
// its arguments and environment.
const maxMessage = 256 << 10

var (
	errTooLong   = errors.New("message is too long")
	errMalformed = errors.New("message is malformed")
)

// message is one call as it came.
type message struct {
	method                string
	parameters            values
	more, oneway, upgrade bool
}

// values are the fields of a JSON object.
type values map[string]json.RawMessage

// readFrame reads up to the next NUL. The slice is the caller's.
func readFrame(r *bufio.Reader) ([]byte, error) {
	var frame []byte
	for {
		part, err := r.ReadSlice(0)
		if len(frame)+len(part) > maxMessage {
			return nil, errTooLong
		}
		frame = append(frame, part...)
		switch {
		case err == nil:
			return frame[:len(frame)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// parseMessage reads a call. Names are taken as they are written: a field that
// differs in case is another one.
func parseMessage(frame []byte) (message, error) {
	var m message
	all, ok := parseObject(frame)
	if !ok || !utf8.Valid(frame) {
		return m, errMalformed
	}
	for name, raw := range all {
		switch name {
		case "method":
			ok = json.Unmarshal(raw, &m.method) == nil && m.method != ""
		case "parameters":
			m.parameters, ok = parseObject(raw)
			ok = ok || string(raw) == "null"
		case "more":
			m.more, ok = parseFlag(raw)
		case "oneway":
			m.oneway, ok = parseFlag(raw)
		case "upgrade":
			m.upgrade, ok = parseFlag(raw)
		default:
			ok = false
		}
		if !ok {
			return m, errMalformed
		}
	}
	if m.method == "" || m.oneway && m.more {
		return m, errMalformed
	}
	return m, nil
}

func parseObject(raw []byte) (values, bool) {
	var v values
	err := json.Unmarshal(raw, &v)
	return v, err == nil && v != nil
}

func parseFlag(raw []byte) (flag, ok bool) {
	switch string(raw) {
	case "true":
		return true, true
	case "false", "null":
		return false, true
	}
	return false, false
}

// appendReply writes one reply with its NUL.
func appendReply(b []byte, o object, continues bool) []byte {
	b = append(b, `{"parameters":`...)
	b = append(b, o.end()...)
	if continues {
		b = append(b, `,"continues":true`...)
	}
	return append(b, '}', 0)
}

// appendError writes an error with its NUL.
func appendError(b []byte, name string, o object) []byte {
	b = appendString(append(b, `{"error":`...), name)
	b = append(b, `,"parameters":`...)
	b = append(b, o.end()...)
	return append(b, '}', 0)
}
