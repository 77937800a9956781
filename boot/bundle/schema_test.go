// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"machined-go/boot"
)

// compileSchema reads the schema, in whose references a slash is missing here and there.
func compileSchema(dir string) (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4) // which no file of it says but the first
	files, err := filepath.Glob(dir + "*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.ReplaceAll(string(text), "#definitions/", "#/definitions/")))
		if err == nil {
			err = compiler.AddResource("file://"+name, doc)
		}
		if err != nil {
			return nil, err
		}
	}
	return compiler.Compile("file://" + dir + "config-schema.json")
}

// What is made is valid by the schema that is in the specification's own module.
func TestMadeIsValid(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/opencontainers/runtime-spec").Output()
	if err != nil {
		t.Fatalf("find the module of the specification: %v", err)
	}
	schema, err := compileSchema(strings.TrimSpace(string(dir)) + "/schema/")
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string) error {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	for name, spec := range map[string]boot.Spec{"usual": {}, "rich": rich(), "interfaces": {Network: boot.Network{Interfaces: []string{"eth1:lan", "eth2"}}}} {
		for _, l := range []Layout{shifted(), {Root: "/srv/tree"}} {
			text, _ := write(t, spec, l)
			if err := check(text); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if check(strings.Replace(text, `"uid": `, `"uid": -1`, 1)) == nil || check(strings.Replace(text, `"ociVersion"`, `"version"`, 1)) == nil {
				t.Error("the schema takes anything")
			}
		}
	}
}
