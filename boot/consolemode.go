// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"slices"
	"strings"
)

// Values of Spec.Console.
const (
	ConsoleAuto        = "auto"
	ConsoleInteractive = "interactive"
	ConsoleReadOnly    = "read-only"
	ConsolePassive     = "passive"
	ConsolePipe        = "pipe"
)

func (s Spec) validateConsole() error {
	modes := []string{ConsoleAuto, ConsoleInteractive, ConsoleReadOnly, ConsolePassive, ConsolePipe}
	if s.Console != "" && !slices.Contains(modes, s.Console) {
		return fmt.Errorf("console %q is none of %s", s.Console, strings.Join(modes, ", "))
	}
	return nil
}

// ConsoleMode is where the console of a machine in the foreground leads, if the caller's streams are a terminal or are not; never
// [ConsoleAuto].
func (s Spec) ConsoleMode(onTerminal bool) string {
	switch {
	case s.Console != "" && s.Console != ConsoleAuto:
		return s.Console
	case onTerminal:
		return ConsoleInteractive
	}
	return ConsolePipe
}
