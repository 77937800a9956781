// SPDX-License-Identifier: Apache-2.0

// Package reference makes what is published about settings files from the Go types that hold them and from their comments: the texts
// that mctl carries, the JSON schema and the reference page. No program needs it: `go generate ./boot/settings` runs its test, which
// writes all three.
package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"machined-go/boot/settings/schema"
)

// Docs gives what each key means, in the order of the types: what the comment of its field says, or that of its type. They are looked
// for in Go files of directories.
func Docs(t *schema.Type, dirs ...string) ([]schema.Doc, error) {
	c := comments{fields: map[string]string{}, types: map[string]string{}}
	for _, dir := range dirs {
		if err := c.read(dir); err != nil {
			return nil, err
		}
	}
	var docs []schema.Doc
	c.walk(nil, t, func(d schema.Doc) { docs = append(docs, d) })
	return docs, nil
}

// comments are those of structs and of their fields, these by TYPE.KEY.
type comments struct{ fields, types map[string]string }

func (c comments) read(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("read comments: no Go files in %q", dir)
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("read comments: %w", err)
		}
		for _, decl := range file.Decls {
			if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				c.declaration(g)
			}
		}
	}
	return nil
}

func (c comments) declaration(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		named := spec.(*ast.TypeSpec)
		structure, ok := named.Type.(*ast.StructType)
		if !ok {
			continue
		}
		c.types[named.Name.Name] = subject(words(g.Doc))
		for _, f := range structure.Fields.List {
			if f.Tag == nil {
				continue
			}
			key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("toml"), ",")
			c.fields[named.Name.Name+"."+key] = words(f.Doc)
		}
	}
}

func (c comments) walk(path []string, t *schema.Type, f func(schema.Doc)) {
	if t.Kind == schema.List {
		t = t.Elem
	}
	for _, field := range t.Fields {
		text := c.fields[field.Owner+"."+field.Key]
		if text == "" {
			text = c.types[field.Type.Name]
		}
		if text == "" && field.Type.Kind == schema.List {
			text = c.types[field.Type.Elem.Name]
		}
		inner := append(path[:len(path):len(path)], field.Key)
		f(schema.Doc{Key: strings.Join(inner, "."), Text: text})
		c.walk(inner, field.Type, f)
	}
}

// words joins the lines of a comment.
func words(doc *ast.CommentGroup) string { return strings.Join(strings.Fields(doc.Text()), " ") }

// subject turns what a type is, "Network is how …", into what its table says, "How …".
func subject(text string) string {
	_, text, _ = strings.Cut(text, " ")
	for _, verb := range []string{"is ", "are ", "says "} {
		text = strings.TrimPrefix(text, verb)
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
