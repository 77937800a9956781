// SPDX-License-Identifier: Apache-2.0

package parity_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"machined-go/test/lab"
)

// row is what one or more options, or keys of a settings file, do to a machine.
type row struct {
	options string // that it is about, apart by blanks: "--bind -j"
	keys    string // "Files.Bind", likewise
	keyed   string // another name for the keys' test
	since   int    // the systemd that has them first, or 0 for all

	setup  string // on the host, before: in an empty directory
	args   string // options for both
	file   string // the same as a settings file; with both, each is tried
	base   string // options that stock gets to be as ours is by itself; "-" for none
	tree   string // the tree, by default the small one
	inside string // what runs inside, by a shell
	after  string // on the host, after
	script string // all of it, if it is not that simple: it calls machine, or nspawn

	want    string // what stock's machine tells: each line is a regular expression that a line matches
	differs string // why ours does not tell the same
	ours    string // and what it tells instead, like want
	alone   string // why stock is not tried at all; then want is for ours
}

// matches checks that each line of want matches a line of out.
func matches(out, want string) error {
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(out) {
			return fmt.Errorf("no line %q", line)
		}
	}
	return nil
}

// verdict says what is wrong with what the two sides told.
func (a attempt) verdict() error {
	theirs, mine := a.told[sideStock], a.told[sideOurs]
	check := func(side string, t told, want string) error {
		if err := matches(t.out, want); err != nil {
			return fmt.Errorf("%s: %w in\n%s\n%s", side, err, indent(t.out), indent(t.errs))
		}
		return nil
	}
	if a.alone != "" {
		return check(sideOurs, mine, a.want)
	}
	if err := check(sideStock, theirs, a.want); err != nil {
		return err
	}
	switch {
	case a.differs != "":
		if mine.out == theirs.out {
			return fmt.Errorf("ours is as stock, though the row says %q:\n%s", a.differs, indent(mine.out))
		}
		return check(sideOurs, mine, a.ours)
	case mine.out != theirs.out:
		return fmt.Errorf("stock:\n%s\nours:\n%s\n%s", indent(theirs.out), indent(mine.out), indent(mine.errs))
	}
	return nil
}

func indent(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }

// wanted tells whether a row is to be tried: PARITY_ROW is a regular expression for the names of those that are.
func (w way) wanted() bool { return regexp.MustCompile(os.Getenv("PARITY_ROW")).MatchString(w.name) }

func TestParity(t *testing.T) {
	for _, suite := range lab.Suites() {
		var list []attempt
		for _, r := range rows() {
			for _, w := range r.ways() {
				if suiteFor(r.since) == suite && w.wanted() {
					list = append(list, attempt{r, w, map[string]told{}})
				}
			}
		}
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			up(t, suite).try(t, list)
			for _, a := range list {
				t.Run(a.way.name, a.judge)
			}
		})
	}
}

func (a attempt) judge(t *testing.T) {
	if os.Getenv("PARITY_SHOW") != "" {
		t.Logf("SHOW\n%s", indent(a.told[sideStock].out))
	}
	if err := a.verdict(); err != nil {
		t.Error(err)
	}
}
