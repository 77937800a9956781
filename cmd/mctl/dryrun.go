// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"machined-go/boot"
)

// dryRun is the flag of verbs that can tell what they would do: off, "text" or "json".
type dryRun string

func (d *dryRun) addTo(flags *pflag.FlagSet) *pflag.Flag {
	f := flags.VarPF(d, "dry-run", "", "print what would be done, in order, and do nothing: as text or json")
	f.NoOptDefVal = "text"
	return f
}

// String, Set and Type implement pflag.Value.
func (d *dryRun) String() string { return string(*d) }

// Set takes "text" or "json".
func (d *dryRun) Set(text string) error {
	if text != "text" && text != "json" {
		return fmt.Errorf("it is one of text, json")
	}
	*d = dryRun(text)
	return nil
}

// Type is how the help calls the flag's value.
func (d *dryRun) Type() string { return "text|json" }

// preview prints the plan of a boot of spec.
func (a *app) preview(spec boot.Spec, format dryRun) error {
	if err := lookAtTemplate(&spec); err != nil {
		return err
	}
	if err := furnish(&spec); err != nil {
		return err
	}
	plan, err := boot.Preview(spec)
	if err != nil {
		return err
	}
	if format == "json" {
		return a.printJSON(struct {
			Machine string      `json:"machine"`
			Root    string      `json:"root"`
			Unit    string      `json:"unit,omitempty"`
			Steps   []boot.Step `json:"steps"`
		}{spec.Name, spec.Root, spec.Unit, plan.Outline()})
	}
	_, err = fmt.Fprint(a.out, plan)
	return err
}
