// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"machined-go/boot/mount"
)

// journalDir is where persistent journals lie, of each machine in a directory of its id.
const journalDir = "/var/log/journal"

// journalLink is what the host has for the journal of a machine.
type journalLink struct {
	There bool
	Kind  fs.FileMode // type of the file; 0 for a regular one
	To    string      // where it leads, if it is a link
}

// findJournal looks for the host's directory for the journal of a machine.
func findJournal(id [16]byte) journalLink {
	path := filepath.Join(journalDir, hex.EncodeToString(id[:]))
	info, err := os.Lstat(path)
	if err != nil {
		return journalLink{}
	}
	to, _ := os.Readlink(path)
	return journalLink{There: true, Kind: info.Mode().Type(), To: to}
}

// journal decides where the machine's journal lies (setup_journal of systemd's nspawn.c): in its tree, to which a link of the host
// leads, or on the host, of which the directory is shown inside.
func (s Spec) journal(f Facts) (mount.Op, error) {
	mode, try := strings.CutPrefix(s.linkJournal(), "try-")
	host := filepath.Join(journalDir, hex.EncodeToString(f.MachineID[:]))
	guest, there := filepath.Join(s.Root, host), f.Config.Journal
	linked := there.There && there.Kind&fs.ModeSymlink != 0
	switch {
	case mode == "no" || s.Ephemeral:
		return nil, nil
	case mode == "auto" && linked && filepath.Clean(there.To) == guest:
		mode = "guest"
	case mode == "auto" && (!there.There || linked):
		return nil, nil
	case mode == "auto":
		mode, try = "host", true
	}
	if there.There && !linked && !there.Kind.IsDir() {
		return nil, fmt.Errorf("link journal: %s is neither a directory nor a link", host)
	}
	if mode == "host" {
		return mount.JournalOnHost{Dir: host, Try: try}, nil
	}
	if s.Volatile != "" && s.Volatile != "no" || s.PivotRoot != "" {
		if try {
			return nil, nil // it is not in the tree
		}
		return nil, errors.New("link journal: there is none in the tree of a machine with volatile or pivot_root")
	}
	return mount.JournalInGuest{Link: host, Dir: guest, Inside: host, Try: try}, nil
}

func (s Spec) linkJournal() string {
	byDefault := "auto"
	if s.Unit != "" {
		byDefault = "try-guest"
	}
	return cmp.Or(s.Integration.LinkJournal, byDefault)
}
