// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"reflect"

	"machined-go/boot"
	"machined-go/boot/settings/schema"
)

// Document is all that a settings file may say.
type Document struct {
	// Profiles that are read first: files profiles/NAME.toml of the settings directories, with their drop-ins. Within one file and
	// what it includes, a profile is read once.
	Include []string `toml:"include"`
	// Settings that are to be as if no earlier file had said anything of them, such as "network.ports", "environment.LANG" or "bind".
	// This comes before the included profiles and before what the file itself says.
	Reset []string `toml:"reset"`

	boot.Spec
}

//go:generate go test -run ^TestCurrent$ ./reference -update

// Schema tells what a settings file may say.
func Schema() *schema.Type { return schema.Of(reflect.TypeFor[Document]()) }

// Documented is Schema with what each key means.
func Documented() *schema.Type {
	t := Schema()
	t.Document(docs)
	return t
}

// JSONSchema gives what a settings file may say as a JSON schema.
func JSONSchema(t *schema.Type) ([]byte, error) {
	return t.JSON("Settings of a machine, machine.toml(5)")
}

// Check tells what is wrong in a text that is to be a settings file, as far as that can be told without a machine. path is for
// messages.
func Check(path, content string) error {
	v, err := parse(path, content)
	if err != nil {
		return err
	}
	wrong := check(v, Schema())
	if len(wrong) == 0 {
		l := loader{Settings: &Settings{}, machine: "machine"}
		wrong = l.expand(v, Source{Path: path, Trusted: true, Prefix: "machine"})
	}
	return wrong.err()
}
