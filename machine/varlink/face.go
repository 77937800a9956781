// SPDX-License-Identifier: Apache-2.0

package varlink

import "sort"

// Faces of the server: which interfaces are served on a socket.
const (
	FaceMachine = "machine"
	FaceUsers   = "userdb"
	FaceHook    = "resolve-hook"

	FaceInstance = "instance"
)

// face is the interfaces of one socket.
type face struct {
	ifaces  []*iface // by name
	methods map[string]row
}

// row is a method with the interface it belongs to.
type row struct {
	iface *iface
	*method
}

func newFaces() map[string]*face {
	return map[string]*face{
		FaceMachine: newFace(machineInterface(), imageInterface(), controlInterface()),
		FaceUsers:   newFace(userInterface()),
		FaceHook:    newFace(hookInterface()),

		FaceInstance: newFace(instanceInterface()),
	}
}

func newFace(ifaces ...*iface) *face {
	f := &face{ifaces: append(ifaces, serviceInterface(), systemInterface()), methods: map[string]row{}}
	sort.Slice(f.ifaces, func(i, j int) bool { return f.ifaces[i].name < f.ifaces[j].name })
	for _, i := range f.ifaces {
		for k := range i.methods {
			f.methods[i.name+"."+i.methods[k].name] = row{i, &i.methods[k]}
		}
	}
	return f
}

func (f *face) find(name string) *iface {
	for _, i := range f.ifaces {
		if i.name == name {
			return i
		}
	}
	return nil
}
