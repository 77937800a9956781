// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"golang.org/x/sys/unix"

	"machined-go/boot/caps"
	"machined-go/boot/mount"
	"machined-go/boot/sys"
)

// Container is what a boot is asked for by an OCI bundle (package boot/bundle), which does not start from what every machine has
// but says everything itself: which namespaces, mounts, devices and rights there are. What it does not say there is not.
type Container struct {
	Bundle      string // absolute path of the bundle
	Version     string // of the specification that the bundle follows
	Annotations map[string]string

	// Namespaces are those that the container does not share with the host, at most one of each kind.
	Namespaces []Namespace
	// Users are the ids of its user namespace; nil if it has none of its own, without maps if it shall get a free range, through
	// which its root is ID-mapped then.
	Users *sys.IDMaps

	Process  Process
	Rights   Rights
	Mounts   []mount.Op
	Cgroups  []CgroupMount
	Spread   uintptr // MS_SHARED, MS_SLAVE… with or without MS_REC: how mounts on the root propagate
	Domain   string  // NIS domain name
	Sysctls  []Sysctl
	Offsets  []TimeOffset
	Devices  []DeviceRule
	Links    []NetLink
	Hooks    Hooks
	Terminal TerminalSize
}

// Namespace is one that a container has: a new one, or with Path one that is there.
type Namespace struct {
	Kind string // as in the specification: pid, network, …
	Flag int    // CLONE_NEW…
	Path string
}

// Process is the first program of a container and what surrounds it.
type Process struct {
	Env         []string
	Dir         string // working directory
	UID, GID    uint32 // inside
	Groups      []uint32
	Umask       uint32
	Limits      []Limit
	OOMScore    *int // oom_score_adj of proc(5)
	Scheduler   *unix.SchedAttr
	IOPriority  *int // as ioprio_set(2) has it
	Personality *uint32
	StopSignal  unix.Signal
}

// Rights are what the first program of a container may do.
type Rights struct {
	Bounding, Effective, Permitted, Inheritable, Ambient caps.Set
	NoNewPrivileges                                      bool
	Filter                                               []unix.SockFilter // system calls; none: all
	FilterFlags                                          uintptr           // SECCOMP_FILTER_FLAG_…
	AppArmor                                             string            // profile
	SELinux                                              string            // label
}

// CgroupMount is a place for the container's own part of the cgroup tree.
type CgroupMount struct {
	Target string
	Flags  uintptr // MS_…
}

// Sysctl is a setting of the kernel that a namespace has for itself.
type Sysctl struct {
	Path, Value string // below /proc/sys
}

// TimeOffset is by how much a clock of a time namespace is ahead of the host's (time_namespaces(7)).
type TimeOffset struct {
	Clock       string // "monotonic" or "boottime"
	Seconds     int64
	Nanoseconds uint32
}

// NetLink is a network interface of the host that moves into a container.
type NetLink struct{ Host, Inside string }

// TerminalSize is that of a console which no user's terminal gives one; zero if it does not matter.
type TerminalSize struct{ Width, Height uint16 }

// makes tells whether the container's namespace of that kind is a new one.
func (c *Container) makes(flag int) bool {
	n := c.namespace(flag)
	return n != nil && n.Path == ""
}

func (c *Container) namespace(flag int) *Namespace {
	for i := range c.Namespaces {
		if c.Namespaces[i].Flag == flag {
			return &c.Namespaces[i]
		}
	}
	return nil
}

// picks tells whether the container is to get a free range of ids.
func (c *Container) picks() bool { return c.Users != nil && len(c.Users.Users) == 0 }

// exposes tells whether somebody may be about, root as on the host, when the container's program begins: who sees in /proc what the
// leader runs, which may be our program, by a script whose interpreter is /proc/self/exe.
func (c *Container) exposes() bool { return c.Users == nil && !c.makes(unix.CLONE_NEWPID) }
