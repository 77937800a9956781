// SPDX-License-Identifier: Apache-2.0

package bus

import "machined-go/machine/bus/wire"

// encoded is the whole body of a reply, ready to be sent.
type encoded []byte

// encode writes a body; ok is false if that must be left to godbus.
func encode(values []any) (body encoded, ok bool) {
	if len(values) == 1 {
		if body, ok := values[0].(encoded); ok {
			return body, true
		}
	}
	e := make(wire.Encoder, 0, 64)
	for _, v := range values {
		if !e.Value(v) {
			return nil, false
		}
	}
	return encoded(e), true
}

// encodeProperties writes the names and values of properties.
func (c *call) encodeProperties(props []*property) (body encoded, err error) {
	e := make(wire.Encoder, 0, 1024)
	e.Array(8, func() {
		for _, p := range props {
			var v any
			if v, err = p.get(c); err != nil {
				return
			}
			e.Align(8)
			e.Str(p.name)
			e.Signature(p.sig)
			if !e.Value(v) {
				err = failf(errBus+"Failed", "Property %s cannot be sent.", p.name)
				return
			}
		}
	})
	return encoded(e), err
}
