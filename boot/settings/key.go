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

// maxKey bounds the name of a setting.
const maxKey = 500
