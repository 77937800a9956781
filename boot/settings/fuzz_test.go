// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"machined-go/boot"
	"machined-go/boot/settings/schema"
)

var seeds = []string{
	"hostname = \"www\"\nread_only = true\nenvironment = {B = \"2\", A = \"1\"}\n[network]\nveth = false\n",
	"hostname = \"\\n\"", "[environment]\n\"A=B\" = \"\\u0000\"", "[network]\nvet = true", "\"\\n\" = 1", "read_only = \"\\r\"", "\"\\\n",
	"[[bind]]\nsource = '/a'\n[[bind]]\nsource = \"\"\"\n/b\"\"\"\nmap = '''x''''' # '\"\n[limits]\nrlimit.'a b'.c = 1979-05-27 07:32:00\n",
	"bind = [ { source = \"/a\", target = '/b' }, # one\n { } ]\nnetwork.ports = [\n'a', [ 'b' ],]\n[a.b]\n[[a.b.c]]\n[a.b.c.d]\n[a]\n",
	"reset = ['network.ports', 'bind']\ninclude = []\nhostname = '%M%%'\n[users]\nbase = 0xff\n", "\ufeffhostname = 'a'", "[[a]]\nb.c = 1\n[[a]]\nb.c = 2",
	"limits = { oom_score_adjust = -1_000, rlimit = { nofile = '1', } }\n", "a = 'ü' \r\nb = +1.5e3\r\n", "a.b = 1\na.c = 2\n\"\".\"\" = 3\n",
}

// Settings that are taken are those that the file says, and make a spec that
// holds them or none; a refusal is one line that names the file.
func FuzzSettings(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := readText(text)
		if err != nil {
			for _, line := range lines(err) {
				if strings.ContainsAny(line, "\n\r\x1b") || !strings.HasPrefix(line, "web.toml") {
					t.Errorf("refusal %q", line)
				}
			}
			return
		}
		var spec, again boot.Spec
		if err := first.Apply(&spec); err != nil {
			t.Fatal(err)
		}
		second, err := readText(first.TOML())
		if err != nil {
			t.Fatalf("%v in %s", err, first.TOML())
		}
		if err := second.Apply(&again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(spec, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("read again (-first +again):\n%s", diff)
		}
		if first.TOML() != second.TOML() {
			t.Errorf("written again:\n%s\n%s", first.TOML(), second.TOML())
		}
		spec.Name, spec.Root = "web", "/"
		if err := first.Complete(&spec); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("refusal %q", err)
		}
	})
}

// readText reads a file as one of a machine's.
func readText(text string) (*Settings, error) {
	set := &Settings{root: newTable(Place{}), t: Schema()}
	l := loader{Settings: set, machine: "web"}
	v, err := parse("web.toml", text)
	if err != nil {
		return nil, err
	}
	if wrong := check(v, l.t); len(wrong) > 0 {
		return nil, wrong
	}
	if wrong := l.expand(v, Source{Path: "web.toml", Trusted: true, Prefix: "web"}); len(wrong) > 0 {
		return nil, wrong
	}
	delete(v.Table, "include")
	l.take(v, Source{})
	return set, l.wrong.err()
}

func lines(err error) (all []string) {
	if several, ok := err.(Mistakes); ok {
		for _, one := range several {
			all = append(all, one.Error())
		}
		return all
	}
	return []string{err.Error()}
}

// Every key that the decoder finds has a place, and there the text has that key.
func FuzzPlaces(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		content = strings.TrimPrefix(content, bom)
		text := newText("web.toml", content)
		if text.bounded() != nil {
			return
		}
		var plain map[string]any
		meta, err := toml.Decode(content, &plain)
		if err != nil {
			return
		}
		places, err := text.scan(meta.Keys())
		if wrong := (*Mistake)(nil); errors.As(err, &wrong) {
			return
		}
		if err != nil {
			t.Fatalf("%v: %v", err, meta.Keys())
		}
		wanted := map[string]bool{}
		walkPlain(plain, "", func(path, key string) {
			wanted[path] = true
			at, ok := places[path]
			if !ok {
				t.Fatalf("no place for %q", path)
			}
			rest := text.lineFrom(at)
			if key != "" && strings.Trim(key, bare) == "" && !strings.HasPrefix(rest, key) && !strings.ContainsAny(rest, `"'.`) {
				t.Errorf("%q is said to be at %v, where there is %q", path, at, rest)
			}
		})
		for path := range places {
			if !wanted[path] {
				t.Errorf("a place for %q, which is not there", path)
			}
		}
	})
}

// walkPlain calls f for all that is in a decoded value, with the key if it has one.
func walkPlain(plain any, path string, f func(path, key string)) {
	items := reflect.ValueOf(plain)
	switch plain := plain.(type) {
	case map[string]any:
		for key, inner := range plain {
			f(pathOf(path, key), key)
			walkPlain(inner, pathOf(path, key), f)
		}
	case []any, []map[string]any:
		for i := range items.Len() {
			f(pathOf(path, i), "")
			walkPlain(items.Index(i).Interface(), pathOf(path, i), f)
		}
	}
}

// lineFrom gives the rest of a line.
func (t *text) lineFrom(at Place) string {
	line, _, _ := strings.Cut(t.content[t.lines[at.Line-1]:], "\n")
	return string([]rune(line)[at.Col-1:])
}

func TestEveryListHasItsWayOfMerging(t *testing.T) {
	known := map[string]bool{}
	Schema().Walk(func(path []string, f schema.Field) {
		key := strings.Join(path, ".")
		known[key] = true
		if f.Type.Kind == schema.Unknown {
			t.Errorf("%s: of no kind that a file can have", key)
		}
		if f.Type.Kind == schema.List && f.Type.Elem.Kind == schema.Table && identities[key] == nil {
			t.Errorf("%s: nothing says when two tables of it are the same", key)
		}
	})
	for key, identity := range identities {
		for _, part := range identity {
			if !known[key+"."+part] {
				t.Errorf("there is no %s.%s", key, part)
			}
		}
	}
	for _, key := range append(wholes, harmless...) {
		if !known[key] {
			t.Errorf("there is no %s", key)
		}
	}
}
