// SPDX-License-Identifier: Apache-2.0

package clients_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"machined-go/test/lab"
)

// The table of all verbs of all stock clients of machines: those that leave the
// machine as it is are tried on one that runs all the time.
func TestVerbs(t *testing.T) {
	rows := slices.Concat(machinectlRows(), imageRows(), systemctlRows(), sessionRows(), settingRows(),
		busRows(), runRows(), journalRows(), nameRows(), lifeRows())
	for _, suite := range lab.Suites() {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			h := up(t, suite)
			t.Cleanup(func() { _, _, _ = h.try(undo) })
			h.sh(t, `boot
				inside sh -c 'id user || useradd --create-home user' >/dev/null
				leased() { getent ahostsv4 deb | grep -v '^169\.254\.' >/dev/null; }
				until_true leased`)
			h.each(t, rows)
			for _, client := range withVerbs {
				t.Run("all of "+client, func(t *testing.T) { h.complete(t, client, rows) })
			}
		})
	}
}

// withVerbs are the clients whose help has a list of verbs.
var withVerbs = []string{"machinectl", "systemctl", "loginctl", "hostnamectl", "timedatectl", "localectl", "busctl", "systemd-analyze", "userdbctl", "varlinkctl"}

// complete fails for each verb of a client, as its help tells them, that is
// neither in a row nor says why it is not.
func (h *host) complete(t *testing.T, client string, rows []row) {
	out, _, code := h.try("command -v " + client + " >/dev/null || exit 99; " + client + " --help")
	if code == 99 && lab.Version(h.suite) < newClients[client] {
		return
	}
	verbs := regexp.MustCompile(`(?m)^  \[?([a-z][a-z0-9-]+)\b`).FindAllStringSubmatch(out, -1)
	if len(verbs) < 3 {
		t.Fatalf("%s: verbs of %s: %q", h.Name, client, out)
	}
	for _, verb := range verbs {
		tried := slices.ContainsFunc(rows, func(r row) bool { return r.in(h) && r.tries(client, verb[1]) })
		why := elsewhere[client+" "+verb[1]]
		switch {
		case verb[1] == client: // begins an example
		case !tried && why == "":
			t.Errorf("%s: no row tries %s %s", h.Name, client, verb[1])
		case tried && why != "":
			t.Errorf("%s: a row tries %s %s, though: %s", h.Name, client, verb[1], why)
		}
	}
}

// newClients are those that came after systemd 252.
var newClients = map[string]int{"varlinkctl": 255}

// tries tells whether a row's script runs a verb of a client: the first word
// after options.
func (r row) tries(client, verb string) bool {
	options := `(\s+(-M|-p|--output)\s+\S+|\s+-\S+)*\s+`
	return regexp.MustCompile(`\b` + client + options + regexp.QuoteMeta(verb) + `($|[\s;|)"'&])`).MatchString(r.script)
}

// elsewhere are the verbs that are in no row, with the reason.
var elsewhere = reasons(map[string]string{
	"images that travel: org.freedesktop.import1 is another service": `machinectl pull-tar pull-raw import-tar import-raw import-fs export-tar export-raw list-transfers cancel-transfer`,
	"does its work without a machine": `systemctl help; busctl help; varlinkctl help validate-idl list-registry serve;
		systemd-analyze cat-config unit-files unit-paths unit-shell unit-gdb exit-status capability syscall-filter filesystems condition compare-versions verify calendar
		timestamp timespan inspect-elf fdstore image-policy has-tpm2 pcrs srk smbios11 chid architectures transient-settings nvpcrs dlopen-metadata identify-tpm2`,
	"the guest would need more than a machine has: loop devices, modules, a seat, a clock, a firmware": `systemctl mount-image kexec; loginctl activate attach;
		localectl set-keymap list-keymaps set-x11-keymap list-x11-keymap-models list-x11-keymap-layouts list-x11-keymap-variants list-x11-keymap-options`,
	"takes the guest's bus, over which all clients come, away": `systemctl rescue emergency`,
	"as enable and disable, of all units":                      `systemctl preset-all`,
})

// reasons turns a list of "CLIENT VERB…; …" for each reason around.
func reasons(lists map[string]string) map[string]string {
	of := map[string]string{}
	for why, list := range lists {
		for part := range strings.SplitSeq(list, ";") {
			words := strings.Fields(part)
			for _, verb := range words[1:] {
				of[words[0]+" "+verb] = why
			}
		}
	}
	return of
}
