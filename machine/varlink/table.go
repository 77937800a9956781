// SPDX-License-Identifier: Apache-2.0

// Package varlink serves the manager over Varlink (varlink.org): messages of
// JSON, each ended by a NUL, on Unix stream sockets, with file descriptors
// beside them.
//
// Like the D-Bus wire, each interface is a table: of methods with the types of
// their fields, who may call them and what they do. Dispatch, the check of what
// a caller sent, and the description that GetInterfaceDescription gives all
// come from the table, so they cannot disagree.
//
// Anybody may connect. A caller gets an error for what is wrong and is cut off
// for what is no Varlink; it never makes us wait, crash or keep anything.
package varlink

// iface is one interface.
type iface struct {
	name    string
	types   []typedef
	methods []method
	errors  []typedef
}

// typedef is a named type or an error.
type typedef struct {
	name string
	// def is its fields, "NAME: TYPE" separated by ", ", or, for an
	// enumeration, its words without types.
	def fields
}

// method is one row of the API.
type method struct {
	name    string
	in, out fields
	since   int // version of systemd that brought it, 0 for 257 and older
	// guard says who may call it; the zero guard lets everybody.
	guard guard
	// machine has the machine that the fields name and pid speak of put into
	// the call.
	machine bool
	// more refuses callers that can take one reply only.
	more bool
	// check looks at the fields before anything else is done.
	check func(c *call) error
	long  bool // works outside the table: takes one of the slots
	slow  bool // long, and may take however long it needs
	// run is nil for what is described, as in systemd, but answered by none.
	run func(c *call) (object, error)
}

// lookup are the fields by which most methods find their machine.
const lookup = "name: ?string, pid: ?ProcessId, allowInteractiveAuthentication: ?bool"

// interactive is the field by which a caller lets polkit ask its user.
const interactive = "allowInteractiveAuthentication: ?bool"

func (i *iface) method(name string) *method {
	for k := range i.methods {
		if i.methods[k].name == name {
			return &i.methods[k]
		}
	}
	return nil
}

// typ finds the definition of a named type.
func (i *iface) typ(name string) (typedef, bool) {
	for _, t := range i.types {
		if t.name == name {
			return t, true
		}
	}
	return typedef{}, false
}
