// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
)

// reasons say why a row differs on purpose; a key is ROW, or SUITE ROW where it
// does in one suite only.
func reasons() map[string]string {
	const (
		newer      = "members that newer systemd has; clients of this one do not ask for them"
		keys       = "LEADER_PIDFDID= and SUPERVISOR= of systemd 258 are written on all: libraries skip what they do not know"
		unset      = "keys of systemd 262 that say nothing (UID=0, VSOCK_CID=-1) are left out, as its own reader does not need them"
		missing    = "says that a path is missing, where stock's helper only knows that something was invalid"
		holes      = "a clone keeps its holes: stock writes them out"
		hidden     = "read-only is what cannot be written, whatever its name: as systemd 257"
		openToRead = "everybody may read os-release of what root runs, as before systemd 261; what a user registered is guarded"
		link       = "a linked image loses its link: stock 262 removes the tree that it leads to and leaves the link"
		policy     = "the bus policy of systemd 262 on all: polkit decides, not the bus"
		linkPath   = "the path is the link's, which is what is removed, renamed or locked"
		version    = "a version is not renamed: stock does it and finds it no more"
		bind       = "bind works on machines with users of their own"
	)
	return map[string]string{
		"bookworm properties of the host":   newer,
		"trixie properties of the host":     newer,
		"bookworm its properties":           newer,
		"trixie its properties":             newer,
		"bookworm register ex: unknown key": newer,
		"trixie register ex: unknown key":   newer,
		"bookworm ssh info of the host":     newer,
		"bookworm its ssh info":             newer,
		"identifier of the log":             "entries of ours are found by our name",
		"bookworm register":                 keys,
		"bookworm register a vm":            keys,
		"bookworm create":                   keys,
		"trixie register":                   keys,
		"trixie register a vm":              keys,
		"trixie create":                     keys,
		"sid register":                      unset,
		"sid register a vm":                 unset,
		"sid create":                        unset,
		"bind what is not there":            missing,
		"bind to nowhere":                   missing,
		"what was marked":                   holes,
		"sid user: list images":             hidden,
		"sid list images":                   hidden,
		"sid what is left":                  link,
		"sid clear away":                    link,
		"sid user: os-release of the host":  openToRead,
		"bookworm user: register":           policy,
		"trixie user: register":             policy,
		"sid kinds: list":                   hidden,
		"sid kinds: l1":                     linkPath,
		"kinds: rename a version":           version,
		"kinds: what is left":               version,
		"nspawn: bind":                      bind,
		"nspawn: what is bound":             bind,
	}
}

func reason(suite, row string) string {
	all := reasons()
	if why := all[suite+" "+row]; why != "" {
		return why
	}
	if why := all[row]; why != "" {
		return why
	}
	return unknownKind(suite, row)
}

// unknownKind is the reason for rows about images of a kind that the suite's
// systemd does not know.
func unknownKind(suite, row string) string {
	const kinds = "versioned directories (systemd 256) and layers (260) are images whatever systemd the host has"
	versions := []string{"v1", "w1", "hostname of a version", "clone a version", "remove a version"}
	layers := []string{"list", "m1", "m2", "hostname of layers", "clone layers", "rename layers", "mark layers", "limit layers", "remove layers"}
	what, _ := strings.CutPrefix(row, "kinds: ")
	if suite == "bookworm" && slices.Contains(versions, what) || suite != "sid" && slices.Contains(layers, what) {
		return kinds
	}
	return ""
}
