// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"machined-go/boot"
	"machined-go/unitgen"
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
	err := errors.Join(generator.Generate("/", dirs[0]), generator.Orders("/", dirs[0], orderOf))
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", generatorName, err)
		return 1
	}
	return 0
}

// orderOf reads when a machine starts, and how it is asked to end, from its settings, not from those beside its image: these are not to be trusted.
func orderOf(machine string) (unitgen.Order, error) {
	spec := boot.Spec{Name: machine, Root: "/"}
	set, err := hostSettings().Load(machine, "")
	if err == nil {
		err = set.Complete(&spec)
	}
	if err != nil {
		return unitgen.Order{}, fmt.Errorf("read settings of %q: %w", machine, err)
	}
	order := unitgen.Order{After: spec.Start.After, Wants: spec.Start.Wants, Requires: spec.Start.Requires}
	if signal := spec.AskedToEnd(); signal != 0 {
		order.KillSignal = strconv.Itoa(int(signal))
	}
	return order, nil
}
