// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"reflect"
	"slices"
)

// unsupported refuses what a section, or the spec itself, asks for and no boot does yet: the fields that are set, but those named
// in but. Who makes one work takes it out.
func unsupported(section any, but ...string) error {
	v := reflect.ValueOf(section)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key := field.Tag.Get("toml")
		if !v.Field(i).IsZero() && field.Type.Kind() != reflect.Struct && key != "-" && !slices.Contains(but, field.Name) {
			return fmt.Errorf("setting %q is not supported yet", key)
		}
	}
	return nil
}
