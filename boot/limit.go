// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Limit is a resource limit of a machine's first process (getrlimit(2)).
type Limit struct {
	Resource int // unix.RLIMIT_…
	Name     string
	Soft     uint64
	Hard     uint64
}

func (l Limit) String() string {
	return fmt.Sprintf("%s=%s:%s", l.Name, amount(l.Soft), amount(l.Hard))
}

func amount(n uint64) string {
	if n == unix.RLIM_INFINITY {
		return "infinity"
	}
	return fmt.Sprint(n)
}

// Limits are the host's own limits that a machine's are derived from.
type Limits struct {
	OpenFiles      uint64 // fs.nr_open
	NProc, Pending [2]uint64
}

// HostLimits reads them: processes and pending signals from PID 1, as nspawn does.
func HostLimits(nrOpen uint64) Limits {
	return Limits{OpenFiles: nrOpen, NProc: ofInit(unix.RLIMIT_NPROC), Pending: ofInit(unix.RLIMIT_SIGPENDING)}
}

func ofInit(resource int) [2]uint64 {
	l := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	_ = unix.Prlimit(1, resource, nil, &l) // unlimited when PID 1 may not be asked
	return [2]uint64{l.Cur, l.Max}
}

// decideLimits takes the usual limits, but for those that the spec names.
func (p *Plan) decideLimits(f Facts) (err error) {
	wish := p.Spec.Limits
	p.Limits = f.Host.Limits.machine()
	for i, l := range p.Limits {
		if text, ok := wish.Rlimit[l.Name]; ok {
			if p.Limits[i].Soft, p.Limits[i].Hard, err = parseRlimit(l.Name, text); err != nil {
				return err
			}
		}
	}
	p.CPUs, err = wish.processors()
	return err
}

// machine gives the limits the kernel gives its first process, not those that whoever starts a machine happens to have.
func (l Limits) machine() []Limit {
	const all = unix.RLIM_INFINITY
	return []Limit{
		{unix.RLIMIT_CPU, "cpu", all, all},
		{unix.RLIMIT_FSIZE, "fsize", all, all},
		{unix.RLIMIT_DATA, "data", all, all},
		{unix.RLIMIT_STACK, "stack", 8 << 20, all},
		{unix.RLIMIT_CORE, "core", 0, all},
		{unix.RLIMIT_RSS, "rss", all, all},
		{unix.RLIMIT_NPROC, "nproc", l.NProc[0], l.NProc[1]},
		{unix.RLIMIT_NOFILE, "nofile", 1024, min(l.OpenFiles, 524288)},
		{unix.RLIMIT_MEMLOCK, "memlock", 8 << 20, 8 << 20},
		{unix.RLIMIT_AS, "as", all, all},
		{unix.RLIMIT_LOCKS, "locks", all, all},
		{unix.RLIMIT_SIGPENDING, "sigpending", l.Pending[0], l.Pending[1]},
		{unix.RLIMIT_MSGQUEUE, "msgqueue", 819200, 819200},
		{unix.RLIMIT_NICE, "nice", 0, 0},
		{unix.RLIMIT_RTPRIO, "rtprio", 0, 0},
		{unix.RLIMIT_RTTIME, "rttime", all, all},
	}
}

// apply sets the limit of process pid, as far as the caller is allowed to: without CAP_SYS_RESOURCE a hard limit only falls.
func (l Limit) apply(pid int) error {
	want := unix.Rlimit{Cur: l.Soft, Max: l.Hard}
	err := unix.Prlimit(pid, l.Resource, &want, nil)
	if err != unix.EPERM {
		return err
	}
	var now unix.Rlimit
	if err := unix.Prlimit(pid, l.Resource, nil, &now); err != nil {
		return err
	}
	want.Max = min(want.Max, now.Max)
	want.Cur = min(want.Cur, want.Max)
	return unix.Prlimit(pid, l.Resource, &want, nil)
}
