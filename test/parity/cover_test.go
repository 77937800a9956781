// SPDX-License-Identifier: Apache-2.0

package parity_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"machined-go/test/lab"
)

// keys are those of systemd.nspawn(5), as of systemd 262, by section.
const keys = `
Exec: Boot Ephemeral ProcessTwo Parameters Environment User WorkingDirectory PivotRoot Capability DropCapability AmbientCapability
	NoNewPrivileges KillSignal Personality MachineID PrivateUsers PrivateUsersDelegate NotifyReady SystemCallFilter
	RestrictAddressFamilies LimitCPU LimitFSIZE LimitDATA LimitSTACK LimitCORE LimitRSS LimitNOFILE LimitAS LimitNPROC LimitMEMLOCK
	LimitLOCKS LimitSIGPENDING LimitMSGQUEUE LimitNICE LimitRTPRIO LimitRTTIME OOMScoreAdjust CPUAffinity Hostname ResolvConf
	Timezone LinkJournal SuppressSync
Files: ReadOnly Volatile Bind BindReadOnly BindUser BindUserShell TemporaryFileSystem Inaccessible Overlay OverlayReadOnly
	PrivateUsersOwnership PrivateUsersChown
Network: Private NamespacePath VirtualEthernet VirtualEthernetExtra Interface MACVLAN IPVLAN Bridge Zone Port`

// secret are options that no help tells of.
const secret = "--mstack --private-users-chown --share-system"

// unknown are options that a suite's help tells of, though the program does not take them.
const unknown = "trixie--bind-user-shell"

// named are the words of a list that rows are about, without what is behind a "=".
func named(list string) []string {
	var names []string
	for _, word := range strings.Fields(list) {
		name, _, _ := strings.Cut(word, "=")
		names = append(names, name)
	}
	return names
}

func TestEveryKeyHasARow(t *testing.T) {
	var all, covered []string
	section := ""
	for _, word := range strings.Fields(keys) {
		if name, ok := strings.CutSuffix(word, ":"); ok {
			section = name
		} else {
			all = append(all, section+"."+word)
		}
	}
	for _, r := range rows() {
		covered = append(covered, named(r.keys)...)
	}
	for _, key := range all {
		if !slices.Contains(covered, key) {
			t.Errorf("no row is about the key %s=", key)
		}
	}
	for _, key := range covered {
		if !slices.Contains(all, key) {
			t.Errorf("a row is about %s=, which is no key", key)
		}
	}
}

var (
	helpLine  = regexp.MustCompile(`(?m)^ {2,}((?:-\w)?(?: ?--[a-z0-9-]+)?)(?:[ =\[]|$)`)
	oneOption = regexp.MustCompile(`--?[A-Za-z0-9-]+`)
)

// options are those in a help text.
func options(help string) []string {
	var list []string
	for _, line := range helpLine.FindAllStringSubmatch(help, -1) {
		list = append(list, oneOption.FindAllString(line[1], -1)...)
	}
	return list
}

// What systemd-nspawn says of itself, on each suite, is what rows are about: none is missing, and none is about something else.
func TestEveryOptionHasARow(t *testing.T) {
	known := strings.Fields(secret)
	for _, suite := range lab.Suites() {
		help := up(t, suite).Must(t, "systemd-nspawn", "--help", "--no-pager")
		all := options(help)
		if len(all) < 80 {
			t.Fatalf("%s: only %d options found in\n%s", suite, len(all), help)
		}
		known = append(known, all...)
		var covered []string
		for _, r := range rows() {
			if r.since <= lab.Version(suite) {
				covered = append(covered, named(r.options)...)
			}
		}
		for _, option := range all {
			if !slices.Contains(covered, option) && !slices.Contains(strings.Fields(unknown), suite+option) {
				t.Errorf("%s: no row is about %s", suite, option)
			}
		}
	}
	for _, r := range rows() {
		for _, name := range named(r.options) {
			if strings.HasPrefix(name, "-") && !slices.Contains(known, name) {
				t.Errorf("a row is about %s, which is no option", name)
			}
		}
	}
}
