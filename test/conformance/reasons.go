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
		netIf      = "of the ways in which NETIF= was written, all readers take this one; " + unset
		host       = "the host cannot be forgotten: stock says that it was, and goes on to have it"
		lost       = "stock drops all properties when it tries again without one that this systemd does not know, and says that all is well"
		subgroup   = "SUBGROUP= is kept, which stock reads but never writes, and so forgets when it starts again; " + unset
		fields     = "fields of systemd 258 and newer, for clients of 257 that skip what they do not know"
		bind       = "bind works on machines with users of their own"
	)
	return map[string]string{
		"bookworm properties of the host":             newer,
		"trixie properties of the host":               newer,
		"bookworm its properties":                     newer,
		"trixie its properties":                       newer,
		"bookworm register ex: unknown key":           newer,
		"trixie register ex: unknown key":             newer,
		"bookworm ssh info of the host":               newer,
		"bookworm its ssh info":                       newer,
		"identifier of the log":                       "entries of ours are found by our name",
		"bookworm register":                           keys,
		"bookworm register a vm":                      keys,
		"bookworm create":                             keys,
		"trixie register":                             keys,
		"trixie register a vm":                        keys,
		"trixie create":                               keys,
		"sid register":                                unset,
		"sid register a vm":                           unset,
		"sid create":                                  unset,
		"sid register with network":                   netIf,
		"sid register ex":                             unset,
		"sid create with network and properties":      netIf,
		"sid create ex":                               unset,
		"sid varlink: list all images":                hidden,
		"unregister the host":                         host,
		"create: bad property":                        lost,
		"terminate what has a bad property":           lost,
		"bookworm register with network":              keys,
		"trixie register with network":                keys,
		"bookworm create with network and properties": keys,
		"trixie create with network and properties":   keys,
		"bookworm nspawn: state file":                 keys,
		"trixie nspawn: state file":                   keys,
		"sid nspawn: state file":                      subgroup,
		"bookworm forget it":                          newer,
		"trixie forget it":                            newer,
		"bookworm terminate it":                       newer,
		"trixie terminate it":                         newer,
		"trixie varlink: list all":                    fields,
		"trixie varlink: list deb":                    fields,
		"trixie varlink: list it":                     fields,
		"trixie varlink: register with a unit":        fields,
		"trixie varlink: list what has a unit":        fields,
		"trixie varlink: terminate":                   fields,
		"bind what is not there":                      missing,
		"bind to nowhere":                             missing,
		"what was marked":                             holes,
		"sid user: list images":                       hidden,
		"sid list images":                             hidden,
		"sid what is left":                            link,
		"sid clear away":                              link,
		"sid user: os-release of the host":            openToRead,
		"bookworm user: register":                     policy,
		"trixie user: register":                       policy,
		"bookworm user: terminal":                     policy,
		"trixie user: terminal":                       policy,
		"bookworm user: root":                         policy,
		"trixie user: root":                           policy,
		"bookworm user: copy with flags":              policy,
		"trixie user: copy with flags":                policy,
		"bookworm user: create":                       policy,
		"trixie user: create":                         policy,
		"sid kinds: list":                             hidden,
		"sid kinds: l1":                               linkPath,
		"kinds: rename a version":                     version,
		"kinds: what is left":                         version,
		"nspawn: bind":                                bind,
		"nspawn: what is bound":                       bind,
	}
}

// reason says why ours differs from stock in a row, "" if nothing does.
func reason(suite string, stock, ours outcome) string {
	all := reasons()
	row := stock.Row
	if why := all[suite+" "+row]; why != "" {
		return why
	}
	if why := all[row]; why != "" {
		return why
	}
	if why := unknownKind(suite, row); why != "" {
		return why
	}
	return younger(suite, stock, ours)
}

// younger is the reason for what a stock daemon of another age than ours has not
// yet.
func younger(suite string, stock, ours outcome) string {
	switch {
	case suite == "sid":
		return ""
	case strings.HasPrefix(stock.Error, "dial unix") && !strings.HasPrefix(ours.Error, "dial unix"):
		return "a socket that newer systemd has; clients of this one do not look for it"
	case stock.Error == "org.varlink.service.MethodNotFound", stock.Error == "org.freedesktop.DBus.Error.UnknownMethod":
		return "a method that newer systemd has; clients of this one do not call it"
	case stock.Error == "io.systemd.System" && ours.Error == stock.Error && strings.HasPrefix(ours.Reply, strings.TrimSuffix(stock.Reply, "}")+","):
		return "the error has the fields of systemd 258 as well, which say it in words"
	}
	return ""
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
