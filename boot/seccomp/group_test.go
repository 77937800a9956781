// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"bufio"
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// foreign are the members of groups that no CPU of ours has a number for. A name that is neither here nor in the
// tables is a slip of the pen.
var foreign = strings.Fields(`
	llseek newfstat riscv_flush_icache riscv_hwprobe rtas s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr
	subpage_prot swapcontext switch_endian sys_debug_setcontext
`)

// obsolete calls have no number anywhere, or not in any table.
var obsolete = strings.Fields(groupMembers("@obsolete"))

func groupMembers(name string) string {
	for _, g := range groups {
		if g.name == name {
			return g.members
		}
	}
	return ""
}

// expand lists a group's calls the plain way, for comparison with callSet.
func expand(words string) map[string]bool {
	calls := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		if !strings.HasPrefix(word, "@") {
			calls[word] = true
			continue
		}
		for call := range expand(groupMembers(word)) {
			calls[call] = true
		}
	}
	return calls
}

func TestGroupsAreSpeltRight(t *testing.T) {
	for _, list := range []struct{ name, words string }{
		{"grants", allGrants()}, {"groups", allMembers()}, {"keyring", keyring},
	} {
		for word := range strings.FieldsSeq(list.words) {
			_, isCall := callIndex(word)
			switch {
			case isCall, groupMembers(word) != "", slices.Contains(foreign, word), slices.Contains(obsolete, word):
			default:
				t.Errorf("%s: %q is no call and no group", list.name, word)
			}
		}
	}
}

func allGrants() string {
	var words []string
	for _, g := range grants {
		words = append(words, g.calls)
	}
	return strings.Join(words, " ")
}

func allMembers() string {
	var words []string
	for _, g := range groups {
		words = append(words, g.members)
	}
	return strings.Join(words, " ")
}

func TestForeignIsForeign(t *testing.T) {
	for _, name := range foreign {
		if _, ok := callIndex(name); ok {
			t.Errorf("%q is in the tables", name)
		}
		if !Known(name) {
			t.Errorf("Known(%q) = false, but it is in a group", name)
		}
	}
}

func TestGroupsSortedAndOnce(t *testing.T) {
	names := Groups()
	if len(names) != len(groups)+1 || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("groups are missing or doubled: %v", names)
	}
	for _, g := range groups {
		members := strings.Fields(g.members)
		if !slices.IsSorted(members) || len(slices.Compact(slices.Clone(members))) != len(members) {
			t.Errorf("%s is not sorted, or has a member twice", g.name)
		}
	}
}

func TestCallNamesSorted(t *testing.T) {
	if !slices.IsSorted(callNames[:]) || len(slices.Compact(slices.Clone(callNames[:]))) != len(callNames) {
		t.Error("callNames is not sorted, or has a name twice: callIndex would miss some")
	}
}

func TestKnown(t *testing.T) {
	for word, want := range map[string]bool{
		"read": true, "@mount": true, "@known": true, "s390_runtime_instr": true, "afs_syscall": true,
		"": false, "@": false, "@nothing": false, "mount ": false, "READ": false, "~read": false, "read\nwrite": false,
	} {
		if got := Known(word); got != want {
			t.Errorf("Known(%q) = %v, want %v", word, got, want)
		}
	}
}

func TestMark(t *testing.T) {
	for _, word := range append(Groups(), "read", "s390_runtime_instr", "@nothing") {
		var set callSet
		set.mark(word, true)
		want := expand(word)
		for i, name := range callNames {
			if in := want[name] || word == known; set[i] != in {
				t.Errorf("mark(%q): %s is %v, want %v", word, name, set[i], in)
			}
		}
		set.mark(word, false)
		if set != (callSet{}) {
			t.Errorf("mark(%q, false) leaves some of its members", word)
		}
	}
}

// TestGroupsOfSystemd compares with the systemd that is installed: what it has in a group, we have too. It may well be
// older than the lists here.
func TestGroupsOfSystemd(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "syscall-filter", "--no-pager").Output()
	if err != nil {
		skip(t, "no systemd-analyze to compare with: %v", err)
	}
	var group string
	ours := map[string]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		line := lines.Text()
		word := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "@"):
			group, ours = line, expand(line)
			if !slices.Contains(Groups(), group) {
				t.Errorf("we have no %s", group)
			}
		case word == "" || strings.HasPrefix(word, "#") || group == known:
		case strings.HasPrefix(word, "@"):
			if !strings.Contains(" "+groupMembers(group), word) {
				t.Errorf("%s lacks group %s", group, word)
			}
		case !ours[word] && movedTo[word] != group:
			t.Errorf("%s lacks %s", group, word)
		}
	}
}

// movedTo are calls systemd itself took out of a group after 252.
var movedTo = map[string]string{
	"open_tree": "@mount", // now in @file-system
}

func FuzzKnown(f *testing.F) {
	for _, word := range []string{"read", "@mount", "@", "", "@known", "~@mount", "socket socket"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		prog, err := Program(Policy{Allow: []string{word}, Deny: []string{word}})
		if (err == nil) != Known(word) {
			t.Fatalf("Known(%q) = %v, Program says %v", word, Known(word), err)
		}
		if err == nil && len(prog) == 0 {
			t.Fatalf("no program for %q", word)
		}
	})
}
