// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"fmt"
	"strings"

	"machined-go/boot/settings/schema"
)

// checker compares what a file says with what files may say.
type checker struct {
	all   *schema.Type
	wrong Mistakes
}

// check gives the mistakes in a file: keys that there are not, and values of the wrong type.
func check(v *Value, t *schema.Type) Mistakes {
	c := checker{all: t}
	c.value(nil, v, t)
	return c.wrong
}

func (c *checker) say(at Place, format string, args ...any) {
	c.wrong = append(c.wrong, mistake(at, format, args...))
}

func (c *checker) value(path []string, v *Value, t *schema.Type) {
	switch {
	case t.Kind == schema.Table && v.Table != nil:
		c.table(path, v, t)
	case t.Kind == schema.Map && v.Table != nil:
		for _, key := range v.keys() {
			c.value(append(path[:len(path):len(path)], key), v.Table[key], t.Elem)
		}
	case t.Kind == schema.List && v.isList():
		for _, item := range v.List {
			c.value(path, item, t.Elem)
		}
	case !fits(v, t):
		c.say(v.From, "%s is %s, but must be %s%s", dotted(path), v.kind(), t, advice(path, v, t))
	case t.Kind == schema.Integer:
		if n := v.Leaf.(int64); n < t.Min || n > t.Max {
			c.say(v.From, "%s is %d, but must be from %d to %d", dotted(path), n, t.Min, t.Max)
		}
	}
}

func (c *checker) table(path []string, v *Value, t *schema.Type) {
	for _, key := range v.keys() {
		inner := append(path[:len(path):len(path)], key)
		if f, ok := t.Field(key); ok {
			c.value(inner, v.Table[key], f.Type)
			continue
		}
		c.say(v.Table[key].From, "%s", unknown(c.all, inner))
	}
}

// unknown says that there is no such setting, and which one may be meant.
func unknown(t *schema.Type, path []string) string {
	text := fmt.Sprintf("there is no setting %s", dotted(path))
	if near := t.Nearest(path); near != "" {
		return fmt.Sprintf("%s: did you mean %q?", text, near)
	}
	return text + ": see machine.toml(5) for those that there are"
}

// fits tells whether a leaf has the kind of a type.
func fits(v *Value, t *schema.Type) bool {
	switch v.Leaf.(type) {
	case string:
		return t.Kind == schema.String
	case bool:
		return t.Kind == schema.Bool
	case int64:
		return t.Kind == schema.Integer || t.Kind == schema.Float
	case float64:
		return t.Kind == schema.Float
	}
	return false
}

// advice shows how a value of the wrong type is written, where that is plain.
func advice(path []string, v *Value, t *schema.Type) string {
	last := path[len(path)-1]
	switch text, isText := v.Leaf.(string); {
	case t.Kind == schema.String && v.Leaf != nil:
		return fmt.Sprintf(`: write %s = "%v"`, last, v.Leaf)
	case t.Kind == schema.Bool && isText && truth(text) != "":
		return fmt.Sprintf(": write %s = %s", last, truth(text))
	case t.Kind == schema.List && t.Elem.Kind == schema.String && isText:
		return fmt.Sprintf(": write %s = [%q]", last, text)
	case t.Kind == schema.List && t.Elem.Kind == schema.Table && v.Table != nil:
		return fmt.Sprintf(": write [[%s]]", strings.Join(path, "."))
	case t.Kind == schema.Integer && isText && strings.Trim(text, "0123456789") == "" && text != "":
		return fmt.Sprintf(": write %s = %s", last, text)
	}
	return ""
}

// truth gives the truth value that systemd reads in a word (systemd.syntax(7)), as TOML writes it.
func truth(word string) string {
	switch strings.ToLower(word) {
	case "1", "yes", "y", "true", "t", "on":
		return "true"
	case "0", "no", "n", "false", "f", "off":
		return "false"
	}
	return ""
}

// dotted quotes a path for a message.
func dotted(path []string) string {
	return fmt.Sprintf("%q", keyText(path...))
}
