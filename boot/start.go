// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"machined-go/boot/console"
	"machined-go/boot/network"
	"machined-go/boot/sys"
	"machined-go/unitgen"
)

// Units is what a boot asks of systemd.
type Units interface {
	// StartScope puts the process into a new transient scope whose cgroup is delegated, and returns when that is done. What it
	// returns, unless nil, is called when all processes have ended.
	StartScope(ctx context.Context, s Scope) (end func(), err error)
}

// Scope is the unit around a machine's processes.
type Scope struct {
	Name, Description string
	PID               int
	Before            []string // units that must stop before the scope does
	Slice             string   // empty for machine.slice
	Devices           []DeviceRule
	Stop              []UnitProperty // how it is stopped
	Properties        []UnitProperty // in addition to all of these
	HostRoot          bool           // root in it is the host's: nothing but Devices keeps it from opening them all
}

// DeviceRule lets a machine do something with a device node, or with a group of them such as "char-pts" (DeviceAllow= in
// systemd.resource-control(5)). Access is of "r", "w" and "m".
type DeviceRule struct{ Node, Access string }

// devices are what a machine may open beyond the harmless nodes that every service may. Its user namespace keeps it from making
// nodes, but not from opening those that its image has brought along.
var devices = []DeviceRule{{"/dev/net/tun", "rwm"}, {"/dev/fuse", "rwm"}, {"char-pts", "rw"}}

// Registry is what a boot tells the keeper of the list of machines.
type Registry interface {
	Register(ctx context.Context, r Registration) error
	Unregister(ctx context.Context, name string) error
}

// Registration is what the keeper of the list wants to know of a machine.
type Registration struct {
	Name       string
	MachineID  [16]byte
	PIDFD      *os.File
	Root       string
	Interfaces []int32 // indices on the host
	Console    *os.File
	Unit       string
}

// Starter carries out plans.
type Starter struct {
	Units    Units
	Registry Registry
	// HandOver makes the leader, which does not run its init yet, the main process of the service. What it returns waits until
	// that is so, and undoes it.
	HandOver func(leader int) (done func() error, undo func(), err error)
	// Receive has systemd start what receives a machine's journal; what it returns ends that. It is not asked of a host without systemd.
	Receive func(ctx context.Context, r Receiver) (end func(), err error)
	// Warn says what went wrong that changes nothing; nil for nobody.
	Warn func(error)
}

// Machine is a machine that runs.
type Machine struct {
	Leader *sys.Child
	Notify *os.File // the socket on which its init tells its state (sd_notify(3)); nil for a container

	cgroup  string // the cgroup that is to be emptied when it ends; empty: its PID namespace goes anyway
	scope   func() // ends what is around its processes; nil: that ends by itself
	network *network.Connection
	// received ends what receives its journal, should nobody else; nil if there is no such thing.
	received func()
}

// start is one boot in progress.
type start struct {
	*Starter
	plan    *Plan
	console *console.Console
	word    word
	notify  *os.File
	journal *os.File // the socket for the machine's journal; nil if that is not forwarded
	leader  *sys.Child
	root    func() error                        // waits for the builder
	release chan struct{}                       // closed when the start is over
	link    func() (*network.Connection, error) // waits for it
	network *network.Connection
	handed  func() error // waits for the service manager
	builder *builder
	running func() (struct{}, error) // waits until the leader has executed its program
	hooked  bool                     // whether a hook has been run
	cgroup  string                   // as in Machine
	scope   func()                   // likewise
	// received as in Machine
	received func()
	account  []byte // who the program's user is, for the leader; empty for root
}

// step is one thing to do towards a running machine. What it returns takes it back, should a later one fail.
type step struct {
	name string
	do   func(s *start, ctx context.Context) (undo func(), err error)
}

// steps are in order, but mounting and connecting the network go on beside what follows them: making the scope is mostly waiting.
var steps = []step{
	{"make notify socket", (*start).makeNotify},
	{"make journal socket", (*start).makeJournal},
	{"make leader", (*start).makeLeader},
	{"set limits", (*start).setLimits},
	{"connect network", (*start).connect},
	{"make scope", (*start).makeScope},
	{"adjust leader", (*start).adjust},
	{"make root", (*start).awaitRoot},
	{"receive journal", (*start).receiveJournal},
	{"look up user", (*start).lookUpUser},
	{"connect network", (*start).awaitNetwork},
	{"hand over", (*start).handOver},
	{"register", (*start).register},
	{"execute init", (*start).letGo},
}

// Start carries out a plan. con is the machine's console if the plan has a terminal. When it fails, or ctx ends before the init
// runs, nothing is left behind and the error names the step.
func (s *Starter) Start(ctx context.Context, p *Plan, con *console.Console) (*Machine, error) {
	st := &start{Starter: s, plan: p, console: con, release: make(chan struct{})}
	defer close(st.release)
	var undos []func()
	list := steps
	if p.Spec.Container != nil {
		list = containerSteps
	}
	for _, step := range list {
		err := ctx.Err()
		var undo func()
		if err == nil {
			undo, err = step.do(st, ctx)
		}
		if undo != nil {
			undos = append(undos, undo)
		}
		if err != nil {
			for _, undo := range slices.Backward(undos) {
				undo()
			}
			return nil, &Failure{p.Spec.Name, step.name, err}
		}
	}
	return &Machine{Leader: st.leader, Notify: st.notify, cgroup: st.cgroup, scope: st.scope, network: st.network, received: st.received}, nil
}

// makeNotify makes the socket that becomes /run/host/notify; the kernel tells for each message which process sent it.
func (s *start) makeNotify(context.Context) (func(), error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	s.notify = os.NewFile(uintptr(fd), "notify")
	return func() { s.notify.Close() }, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
}

func (s *start) makeLeader(context.Context) (func(), error) {
	w, err := newWord()
	if err != nil {
		return nil, err
	}
	s.word = w
	b := &builder{plan: s.plan, word: w, notify: int(s.notify.Fd()), born: make(chan *sys.Child), released: s.release}
	if s.journal != nil {
		b.journal = int(s.journal.Fd())
	}
	if s.console != nil {
		b.console = s.console.Slave
		if err := s.giveConsole(); err != nil {
			return w.close, err
		}
	}
	if err := b.prepareForHooks(); err != nil {
		return w.close, err
	}
	s.builder = b
	s.root = b.start()
	if s.leader = <-b.born; s.leader == nil {
		return w.close, s.root()
	}
	return func() {
		_ = s.root() // it uses the leader
		_ = end(s.leader)
		s.leader.PIDFD.Close()
		w.close()
	}, nil
}

func (s *start) setLimits(context.Context) (func(), error) {
	for _, l := range s.plan.Limits {
		if err := l.apply(s.leader.PID); err != nil {
			return nil, fmt.Errorf("limit %s: %w", l, err)
		}
	}
	return nil, nil
}

func (s *start) connect(context.Context) (func(), error) {
	s.link = inBackground(func() (*network.Connection, error) { return s.plan.Network.Connect(network.TheHost(), s.leader.PID) })
	return func() {
		if connection, err := s.link(); err == nil {
			connection.Undo()
		}
	}, nil
}

func (s *start) makeScope(ctx context.Context) (func(), error) {
	name := s.plan.Spec.Name
	scope := Scope{Name: unitgen.Scope(name), Description: "Container " + name, PID: s.leader.PID, Devices: s.plan.Devices,
		Slice: s.plan.Spec.Resources.Slice, Stop: s.plan.stopProperties(), Properties: s.plan.Properties, HostRoot: s.plan.hostRoot()}
	supervisor := s.plan.Spec.Unit
	if supervisor == "" {
		supervisor = ownUnit() // we ask it to power off ourselves when the host goes down
	}
	if supervisor != "" {
		scope.Before = []string{supervisor}
	}
	end, err := s.Units.StartScope(ctx, scope)
	if err != nil {
		return nil, err
	}
	s.scope = end
	if c := s.plan.Spec.Container; c != nil && !c.makes(unix.CLONE_NEWPID) {
		if s.cgroup, err = cgroupOf(s.leader.PID); err != nil {
			return end, err
		}
	}
	return end, delegateCgroup(s.leader.PID, s.plan.Base)
}

func (s *start) giveConsole() error {
	if s.plan.Spec.Container != nil {
		return s.ownConsole()
	}
	return s.console.Own(s.plan.Base)
}

func (s *start) awaitNetwork(context.Context) (_ func(), err error) {
	s.network, err = s.link()
	return nil, err
}

func (s *start) awaitRoot(context.Context) (func(), error) { return nil, s.root() }

func (s *start) register(ctx context.Context) (func(), error) {
	r := Registration{
		Name: s.plan.Spec.Name, MachineID: s.plan.MachineID, PIDFD: s.leader.PIDFD,
		Root: s.plan.Spec.Root, Unit: s.plan.Spec.Unit,
	}
	if index := s.network.Index(); index != 0 {
		r.Interfaces = []int32{int32(index)}
	}
	if s.console != nil && s.plan.Spec.Unit != "" {
		r.Console = s.console.Master
	}
	if err := s.Registry.Register(ctx, r); err != nil {
		return nil, err // whatever has this name now is not ours
	}
	return func() { _ = s.Registry.Unregister(context.WithoutCancel(ctx), r.Name) }, nil
}

func (s *start) handOver(context.Context) (undo func(), err error) {
	s.handed = func() error { return nil }
	if s.HandOver != nil {
		s.handed, undo, err = s.HandOver(s.leader.PID)
	}
	return undo, err
}

func (s *start) letGo(context.Context) (func(), error) {
	if err := s.handed(); err != nil {
		return nil, err
	}
	if err := s.word.give(s.account...); err != nil {
		return nil, err
	}
	if s.running == nil {
		s.running = inBackground(func() (struct{}, error) { return struct{}{}, s.leader.Running() })
	}
	_, err := s.running()
	if err == nil {
		s.word.close()
	}
	var step *sys.StepError
	if errors.As(err, &step) && step.Step == "execute "+s.plan.Path {
		return nil, &CommandError{Path: s.plan.Path, Err: step.Errno}
	}
	return nil, err
}

// boot prepares a plan from what is claimed and carries it out.
func (s *Starter) boot(ctx context.Context, spec Spec, c claim) (*Plan, *Machine, error) {
	spec, change, err := settleOwnership(spec, c)
	if err == nil && change {
		err = chownTree(ctx, spec, c)
	}
	if err != nil {
		return nil, nil, err
	}
	if c.disks, err = openDevices(spec, false); err != nil {
		return nil, nil, err
	}
	defer c.disks.close()
	plan, err := decide(spec, c)
	if err != nil {
		return nil, nil, err
	}
	plan.disks = c.disks
	machine, err := s.Start(ctx, plan, c.console)
	if !spec.chowns(err) {
		return plan, machine, err
	}
	if err := chownTree(ctx, spec, c); err != nil {
		return plan, nil, err
	}
	if s.Warn != nil {
		s.Warn(fmt.Errorf("the files of %q belong to ids from %d on from now on, for its file system has no ID-mapped mounts", spec.Root, c.ids.Base))
	}
	spec.Users.Ownership = ownChown
	return s.boot(ctx, spec, c)
}

// decide makes the plan of a boot of spec with what is claimed for it.
func decide(spec Spec, c claim) (*Plan, error) {
	if spec.Container != nil {
		return NewPlan(spec, Facts{Base: c.ids.Base, MachineID: NewID()})
	}
	tree, err := c.inspect(spec)
	if err != nil {
		return nil, err
	}
	host, err := ReadHost()
	if err != nil {
		return nil, err
	}
	found, err := findDevices(spec.Devices)
	if err != nil {
		return nil, err
	}
	f := Facts{
		Tree: tree, Base: c.ids.Base, Delegated: c.ids.bases(), BootID: NewID(), MachineID: tree.MachineID, Host: host, Devices: found, Scratch: c.scratch, Snapshot: c.snapshot,
	}
	if f.MachineID == [16]byte{} {
		if f.MachineID, err = spec.givenID(); err != nil {
			return nil, err
		}
	}
	if f.MachineID == [16]byte{} {
		f.MachineID = NewID()
	}
	if f.MachineID == host.MachineID {
		return nil, fmt.Errorf("image %q has the machine id of this host: empty its /etc/machine-id", spec.Name)
	}
	if f.Config, err = readConfig(spec, f.MachineID); err != nil {
		return nil, err
	}
	if f.Bound, err = findBound(spec, tree.Taken); err != nil {
		return nil, err
	}
	return NewPlan(spec, f)
}

// inBackground runs f in a goroutine of its own and returns what waits for its result, as often as one likes.
func inBackground[T any](f func() (T, error)) func() (T, error) {
	var (
		value T
		err   error
		done  = make(chan struct{})
	)
	go func() {
		defer close(done)
		value, err = f()
	}()
	return func() (T, error) {
		<-done
		return value, err
	}
}
