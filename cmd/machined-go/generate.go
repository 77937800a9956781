// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"machined-go/unitgen/generator"
)

// generatorName is the name under which systemd runs this program as a systemd.generator(7).
const generatorName = "machined-go-generator"

// generate writes units to the first of three directories, as that page says, and returns the exit status.
func generate(dirs []string) int {
	if len(dirs) == 0 {
		fmt.Fprintln(os.Stderr, generatorName+": no directory: it is run by systemd, see systemctl daemon-reload")
		return 2
	}
	if err := generator.Generate("/", dirs[0]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", generatorName, err)
		return 1
	}
	return 0
}
