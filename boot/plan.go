// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/caps"
	"machined-go/boot/mount"
	"machined-go/boot/network"
	"machined-go/boot/seccomp"
	"machined-go/boot/sys"
)

// Manager is what $container says. Software asks it whether it runs in a container and of which kind; with the value of
// systemd-nspawn, units that were written for its machines (ConditionVirtualization=systemd-nspawn) behave the same in ours.
const Manager = "systemd-nspawn"

// Facts are what a plan depends on beyond the wish itself.
type Facts struct {
	Tree      Tree
	Base      uint32   // first host id of the machine's range
	Delegated []uint32 // those of further ranges, for machines of its own
	BootID    [16]byte // fresh for every boot
	MachineID [16]byte // the tree's, or fresh
	Host      Host
	Config    HostConfig
	Bound     []BoundUser
	Devices   []DeviceNode
	Scratch   string // directory of the host that is removed when the machine ends, if the spec needs one
	Snapshot  string // of the image, to be used instead
}

// Host is what a boot must know of the host.
type Host struct {
	MachineID [16]byte
	OSRelease map[string]string // fields of its os-release
	OSPath    string            // where that file is
	Limits    Limits
	Lacks     caps.Set // capabilities that the starter does not have itself
	Term      string   // $TERM of the caller
	Systemd   bool     // is its PID 1
}

// hostRoot tells whether root inside is the host's.
func (p *Plan) hostRoot() bool { return p.IDs == nil }

// Plan is what a spec means on this host. It is complete: carrying it out decides nothing any more.
type Plan struct {
	Spec      Spec
	Base      uint32
	IDs       *sys.IDMaps // nil if the ids are the host's
	MachineID [16]byte
	Systemd   bool // the init is systemd
	Announces bool // the first program says when it is ready
	Mounts    []mount.Op
	Caps      caps.Set       // the bounding set
	Ambient   caps.Set       // what a program keeps that does not run as root
	Policy    seccomp.Policy // what Filter does; not of a container, which brings its own
	Filter    []unix.SockFilter
	Limits    []Limit
	CPUs      []byte // bit mask of the processors that may be used, the lowest bit first; empty for all
	// Properties are what the machine's scope has beyond what every machine's has.
	Properties []UnitProperty
	Devices    []DeviceRule
	Network    network.Plan
	Receiver   *Receiver // of the machine's journal; nil if that is not forwarded
	Argv, Env  []string
	Path       string // what is executed
	// Personality is the execution domain of the machine's programs (personality(2)); nil for the caller's.
	Personality *uintptr

	base, custom []mount.Op // parts of Mounts
	disks        mounted    // that Mounts mount
}

type decision struct {
	about string
	make  func(p *Plan, f Facts) error
}

// decisions are what has to be decided about a boot, in an order in which each finds what it builds on.
var decisions = []decision{
	{"users", (*Plan).decideUsers},
	{"security", (*Plan).decideSecurity},
	{"limits", (*Plan).decideLimits},
	{"resources", (*Plan).decideResources},
	{"program", (*Plan).decideProgram},
	{"files", (*Plan).decideFiles},
	{"users of the host", (*Plan).decideBound},
	{"integration", (*Plan).decideIntegration},
	{"mounts", (*Plan).decideMounts},
	{"devices", (*Plan).decideDevices},
	{"network", (*Plan).decideNetwork},
}

// NewPlan decides everything about a boot.
func NewPlan(spec Spec, f Facts) (*Plan, error) {
	p := &Plan{Spec: spec, Base: f.Base, MachineID: f.MachineID, Systemd: f.Tree.Systemd}
	list := decisions
	if spec.Container != nil {
		list = containerDecisions
	}
	for _, d := range list {
		if err := d.make(p, f); err != nil {
			return nil, fmt.Errorf("decide %s: %w", d.about, err)
		}
	}
	return p, nil
}

func (p *Plan) decideMounts(f Facts) error {
	p.Mounts = mount.Table(mount.Options{
		Owner: f.Base, BootID: UUID(f.BootID), MachineID: UUID(f.MachineID), Manager: Manager,
		OSRelease: f.Host.OSPath, Console: p.Spec.Terminal, ReadOnly: p.Spec.sealed(),
		Base: p.base, Custom: p.custom,
		HostNetwork: !p.Spec.Network.private(), Nesting: p.Spec.Security.Nesting,
		Journal: p.Receiver != nil,
	})
	return nil
}

// Hostname is the machine's host name at boot.
func (p *Plan) Hostname() string {
	if p.Spec.Hostname != "" {
		return p.Spec.Hostname
	}
	return p.Spec.Name
}

// foreground tells whether the machine's life is bound to that of the process which starts it.
func (p *Plan) foreground() bool { return p.Spec.Unit == "" }

// UUID renders id with dashes, as RFC 9562 does.
func UUID(id [16]byte) string {
	h := hex.EncodeToString(id[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
