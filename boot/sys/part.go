// SPDX-License-Identifier: Apache-2.0

package sys

// Part is a file system that lies on a disk image: in a file or on a block device.
type Part struct {
	Path         string // of the disk image
	Offset, Size int64  // where it is on that, in bytes
	Type         string // "ext4" and the like, as its superblock says
	Target       string // where it belongs in the machine
	ReadOnly     bool
}

// Branch is a directory of a stack of layers: a directory of the host, or the root of a disk image.
type Branch struct {
	Path string
	Disk *Part // nil for a directory
}

// Stack says of what a root is put together (systemd.mstack(7)).
type Stack struct {
	// Layers are merged, the lowest first.
	Layers []Branch
	// Upper is a directory that has, or gets, one that takes the changes ("data") and one for the kernel ("work"); nil if the layers
	// are not to be changed.
	Upper *Branch
	// Root is what the root is made of instead of the layers, of which then only /usr is shown. With neither it is an empty file system
	// in memory.
	Root *Grafting
	// Graftings are shown in the root, each after those that it lies in.
	Graftings []Grafting
}

// Branches are all of which the root is made.
func (s Stack) Branches() []Branch {
	list := append([]Branch(nil), s.Layers...)
	if s.Upper != nil {
		list = append(list, *s.Upper)
	}
	if s.Root != nil {
		list = append(list, s.Root.Branch)
	}
	for _, g := range s.Graftings {
		list = append(list, g.Branch)
	}
	return list
}

// Grafting shows a branch at a place in the root.
type Grafting struct {
	Branch
	Below    string // what of the branch is shown, "" for all of it
	Target   string
	ReadOnly bool
}
