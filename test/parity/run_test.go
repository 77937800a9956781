// SPDX-License-Identifier: Apache-2.0

package parity_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
)

// side is one of the two programs, with how it is called and what stock is told to be as ours is by itself.
type side struct{ name, program, base string }

const (
	sideStock = "stock"
	sideOurs  = "ours"
)

func sides() []side {
	return []side{
		{sideStock, "systemd-nspawn -q -P --register=no", "-U --private-network"},
		{sideOurs, "mctl run --register=no", ""},
	}
}

// way is how a row's options are given.
type way struct{ name, args, file string }

// ways are the one or two of a row.
func (r row) ways() []way {
	var list []way
	if r.options != "" {
		list = append(list, way{"option " + r.options, r.args, ""})
	}
	if r.keys != "" && (r.file != "" || r.script == "") {
		list = append(list, way{"key " + cmp.Or(r.keyed, r.keys), "", r.file})
	}
	return list
}

// attempt is a row tried one way.
type attempt struct {
	row
	way
	told map[string]told // by side
}

// told is what came of it on a side.
type told struct{ out, errs string }

// commonScript is what all scripts know: the trees, a directory to work in that is empty at first, and ways to run a machine.
const commonScript = `
export SYSTEMD_PAGER= SYSTEMD_COLORS=0 SYSTEMD_LOG_LEVEL=warning TERM=dumb LC_ALL=C.UTF-8 PERL_BADLANG=0
small=/var/lib/machines/small work=/var/lib/machines/work said=/run/parity
# A small tree of one's own, to write into.
own() { rm -rf "${1:-$work/own}"; cp -a "$small" "${1:-$work/own}"; }
# How many loop devices an image has; the kernel lets go of them a moment after the last mount went.
held() { local i n; for i in {1..50}; do n=$(losetup -a | grep -c "$1"); ((n)) || break; sleep 0.1; done; echo "$n"; }
# What a tree looks like: stock writes into those it is given.
looks() { find "$1" -printf '%P %u %g %m %s %T@ %l\n' | sort | cksum; }
# Waits until a command is true.
until_true() { local i; for i in {1..200}; do "$@" && return 0; sleep 0.02; done; echo "never: $*" >&2; return 1; }
# What runs a machine, with the options that both get anyhow.
nspawn() { timeout -k 2 20 "${program[@]}" "$@" </dev/null; }
machine() { nspawn "${base[@]}" "${files[@]}" -M parity -D "$tree" "$@"; }
# Tells whether a journal has what a machine sent.
has() { [[ $(journalctl -q -o cat --file "$1" 2>/dev/null) == *"said inside"* ]]; }
# Waits until nothing receives journals any more.
none_left() { until_true eval '! pgrep -f ^/usr/lib/systemd/systemd-journal-remote >/dev/null'; }
# Ends all machines of the row.
end() { pkill -KILL -x sleep; wait; }
`

const cleanScript = `
findmnt -rno TARGET | grep "^$work" | sort -r | xargs -r umount
rm -rf "$work" /etc/systemd/nspawn; mkdir -p "$work" /etc/systemd/nspawn; cd "$work"
[[ $(looks "$small") == "$(<$small.looks)" ]] || { rm -rf "$small"; cp -a "$small.clean" "$small"; }
`

// script is an attempt on a side.
func (a attempt) script(s side) string {
	base := cmp.Or(a.base, s.base)
	if base == "-" || s.name == sideOurs {
		base = ""
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s\nside=%s; program=(%s); base=(%s); files=()", commonScript, s.name, s.program, base)
	line("%s\ntree=%s", cleanScript, cmp.Or(a.tree, "$small"))
	if a.way.file != "" {
		line("files=(--settings=override)")
	}
	line("{ %s\n} >&2 || echo setup failed", cmp.Or(a.setup, ":"))
	if a.way.file != "" {
		line("cat >/etc/systemd/nspawn/parity.nspawn <<END\n%s\nEND", a.way.file)
	}
	line("args=(%s)", a.way.args)
	if a.row.script == "" {
		line("machine \"${args[@]}\" /bin/sh -c %s\necho exit $?", quote(a.inside))
	}
	line("%s\n%s\ntrue", a.row.script, a.after)
	return b.String()
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// limit is how long an attempt may take, in seconds.
const limit = 40

// try makes all attempts, both sides of one right after the other. It takes one call into the lab, for these take longer than what is
// tried.
func (h *host) try(t *testing.T, list []attempt) {
	var b strings.Builder
	b.WriteString("rm -rf /run/parity; mkdir /run/parity\n")
	for i, a := range list {
		for _, s := range sides() {
			if s.name == sideStock && a.alone != "" {
				continue
			}
			fmt.Fprintf(&b, "echo '%s %d %s'; timeout -k 2 %d bash -uo pipefail -c %s 2>/run/parity/errors </dev/null; echo; echo '%s errors'; cat /run/parity/errors\n",
				mark, i, s.name, limit, quote(a.script(s)), mark)
		}
	}
	b.WriteString(commonScript + "umount -R $work/given/sub 2>/dev/null; rm -rf $work /etc/systemd/nspawn\n")
	out, errs, code := h.bash(b.String())
	if code != 0 {
		t.Fatalf("%s: exit status %d\n%s", h.Name, code, errs)
	}
	read(list, out)
}

// mark begins lines that are about what follows.
const mark = "@@@@"

// read takes apart what the attempts told.
func read(list []attempt, out string) {
	var i int
	var name string
	for _, part := range strings.Split(out, mark+" ")[1:] {
		head, text, _ := strings.Cut(part, "\n")
		if head == "errors" {
			list[i].told[name] = told{list[i].told[name].out, trim(text)}
		} else if _, err := fmt.Sscanf(head, "%d %s", &i, &name); err == nil {
			list[i].told[name] = told{out: trim(text)}
		}
	}
}

// trim makes one blank of several, and takes away those at the ends of lines, and empty lines at the end.
func trim(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}
