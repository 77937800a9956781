// SPDX-License-Identifier: Apache-2.0

package schema

import "encoding/json"

// node is a JSON schema (json-schema.org, draft 2020-12).
type node struct {
	Schema               string           `json:"$schema,omitempty"`
	Title                string           `json:"title,omitempty"`
	Description          string           `json:"description,omitempty"`
	Type                 string           `json:"type,omitempty"`
	Minimum              *int64           `json:"minimum,omitempty"`
	Maximum              *int64           `json:"maximum,omitempty"`
	Items                *node            `json:"items,omitempty"`
	Properties           map[string]*node `json:"properties,omitempty"`
	AdditionalProperties any              `json:"additionalProperties,omitempty"`
}

// JSON gives the type as a JSON schema, by which editors check and complete settings files.
func (t *Type) JSON(title string) ([]byte, error) {
	n := t.node("")
	n.Schema, n.Title = "https://json-schema.org/draft/2020-12/schema", title
	text, err := json.MarshalIndent(n, "", "  ")
	return append(text, '\n'), err
}

func (t *Type) node(doc string) *node {
	n := &node{Description: doc}
	switch t.Kind {
	case String:
		n.Type = "string"
	case Bool:
		n.Type = "boolean"
	case Integer:
		n.Type, n.Minimum, n.Maximum = "integer", &t.Min, &t.Max
	case Float:
		n.Type = "number"
	case List:
		n.Type, n.Items = "array", t.Elem.node("")
	case Map:
		n.Type, n.AdditionalProperties = "object", t.Elem.node("")
	case Table:
		n.Type, n.AdditionalProperties = "object", false
		n.Properties = map[string]*node{}
		for _, f := range t.Fields {
			n.Properties[f.Key] = f.Type.node(f.Doc)
		}
	}
	return n
}
