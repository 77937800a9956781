// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"fmt"

	"github.com/BurntSushi/toml"
)

// ParseKey reads a key as TOML has them, such as "network.veth" or "environment.\"A.B\"".
func ParseKey(text string) ([]string, error) {
	var plain map[string]any
	if len(text) > maxKey {
		return nil, fmt.Errorf("%.20q… is too long for the name of a setting", text)
	}
	meta, err := toml.Decode(text+" = 0", &plain)
	if err != nil || len(meta.Keys()) != 1 {
		return nil, fmt.Errorf("%q is no name of a setting: write it as in a file, such as \"network.veth\"", text)
	}
	return meta.Keys()[0], nil
}

// CheckKey tells whether there is a setting of that name.
func CheckKey(text string) error {
	path, err := ParseKey(text)
	if err != nil {
		return err
	}
	if t := Schema(); path[0] == "include" || path[0] == "reset" {
		return fmt.Errorf("%q is no setting of a machine, but one of a file", path[0])
	} else if _, ok := t.Find(path); !ok {
		return fmt.Errorf("%s", unknown(t, path))
	}
	return nil
}

// maxKey bounds the name of a setting.
const maxKey = 500
