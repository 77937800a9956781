// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"machined-go/boot/caps"
)

// capabilities takes what there is and can be granted; the rest is reported, as the specification has it.
func (t *translation) capabilities() error {
	r := &t.container.Rights
	r.NoNewPrivileges = t.config.Process.NoNewPrivileges
	sets := t.config.Process.Capabilities
	if sets == nil {
		return nil
	}
	granted := caps.All
	if t.container.Users == nil {
		granted = t.host.Caps
	}
	for _, set := range []struct {
		name  string
		names []string
		to    *caps.Set
		of    func() caps.Set // what it must be part of
		why   string
	}{
		{"bounding", sets.Bounding, &r.Bounding, func() caps.Set { return granted }, "not to be had on this host"},
		{"permitted", sets.Permitted, &r.Permitted, func() caps.Set { return granted }, "not to be had on this host"},
		{"effective", sets.Effective, &r.Effective, func() caps.Set { return r.Permitted }, "not permitted"},
		{"inheritable", sets.Inheritable, &r.Inheritable, func() caps.Set { return r.Bounding }, "not in the bounding set"},
		{"ambient", sets.Ambient, &r.Ambient, func() caps.Set { return r.Permitted & r.Inheritable }, "not permitted and inheritable"},
	} {
		path := "process.capabilities." + set.name
		for i, name := range set.names {
			c, err := caps.Number(name)
			if err != nil {
				t.note(fmt.Sprintf("%s[%d]", path, i), "%q is no capability, ignored", name)
				continue
			}
			*set.to = set.to.Add(c)
		}
		if left := set.to.Without(set.of()); left != 0 {
			t.note(path, "%s: %s, ignored", left, set.why)
			*set.to &= set.of()
		}
	}
	return nil
}

var policies = map[specs.LinuxSchedulerPolicy]uint32{
	specs.SchedOther: unix.SCHED_NORMAL, specs.SchedFIFO: unix.SCHED_FIFO, specs.SchedRR: unix.SCHED_RR,
	specs.SchedBatch: unix.SCHED_BATCH, specs.SchedIdle: unix.SCHED_IDLE, specs.SchedDeadline: unix.SCHED_DEADLINE,
}

var schedulerFlags = map[specs.LinuxSchedulerFlag]uint64{
	specs.SchedFlagResetOnFork: unix.SCHED_FLAG_RESET_ON_FORK, specs.SchedFlagReclaim: unix.SCHED_FLAG_RECLAIM,
	specs.SchedFlagDLOverrun: unix.SCHED_FLAG_DL_OVERRUN, specs.SchedFlagKeepPolicy: unix.SCHED_FLAG_KEEP_POLICY,
	specs.SchedFlagKeepParams: unix.SCHED_FLAG_KEEP_PARAMS, specs.SchedFlagUtilClampMin: unix.SCHED_FLAG_UTIL_CLAMP_MIN,
	specs.SchedFlagUtilClampMax: unix.SCHED_FLAG_UTIL_CLAMP_MAX,
}

func (t *translation) scheduling() error {
	p, c := t.config.Process, &t.container.Process
	if p.OOMScoreAdj != nil {
		if *p.OOMScoreAdj < -1000 || *p.OOMScoreAdj > 1000 {
			return refuse("process.oomScoreAdj", "%d is not within -1000 and 1000", *p.OOMScoreAdj)
		}
		c.OOMScore = p.OOMScoreAdj
	}
	if p.ExecCPUAffinity != nil {
		t.note("process.execCPUAffinity", "for programs that join the container later, ignored")
	}
	if err := t.ioPriority(); err != nil {
		return err
	}
	s := p.Scheduler
	if s == nil {
		return nil
	}
	policy, ok := policies[s.Policy]
	if !ok {
		return refuse("process.scheduler.policy", "%q is no policy of this kernel", s.Policy)
	}
	if s.Nice < -20 || s.Nice > 19 {
		return refuse("process.scheduler.nice", "%d is not within -20 and 19", s.Nice)
	}
	c.Scheduler = &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: policy, Nice: s.Nice, Priority: uint32(s.Priority),
		Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period,
	}
	for i, name := range s.Flags {
		flag, ok := schedulerFlags[name]
		if !ok {
			return refuse(fmt.Sprintf("process.scheduler.flags[%d]", i), "%q is no flag", name)
		}
		c.Scheduler.Flags |= flag
	}
	return nil
}

var ioClasses = map[specs.IOPriorityClass]int{specs.IOPRIO_CLASS_RT: 1, specs.IOPRIO_CLASS_BE: 2, specs.IOPRIO_CLASS_IDLE: 3}

func (t *translation) ioPriority() error {
	io := t.config.Process.IOPriority
	if io == nil {
		return nil
	}
	class, ok := ioClasses[io.Class]
	switch {
	case !ok:
		return refuse("process.ioPriority.class", "%q is no class", io.Class)
	case io.Priority < 0 || io.Priority > 7:
		return refuse("process.ioPriority.priority", "%d is not within 0 and 7", io.Priority)
	}
	const classShift = 13 // linux/ioprio.h
	packed := class<<classShift | io.Priority
	t.container.Process.IOPriority = &packed
	return nil
}

// labels refuses what this host cannot hold the container to.
func (t *translation) labels() error {
	p, r := t.config.Process, &t.container.Rights
	if p.ApparmorProfile != "" && p.ApparmorProfile != "unconfined" && !t.host.AppArmor {
		return refuse("process.apparmorProfile", "this host has no AppArmor to hold the container to profile %q", p.ApparmorProfile)
	}
	if t.host.AppArmor {
		r.AppArmor = p.ApparmorProfile
	}
	if p.SelinuxLabel != "" && !t.host.SELinux {
		return refuse("process.selinuxLabel", "this host has no SELinux to hold the container to label %q", p.SelinuxLabel)
	}
	r.SELinux = p.SelinuxLabel
	if label := t.config.Linux.MountLabel; label != "" {
		if t.host.SELinux {
			return refuse("linux.mountLabel", "not supported yet")
		}
		t.note("linux.mountLabel", "this host has no SELinux, ignored")
	}
	return nil
}

func (t *translation) names() error {
	for _, n := range []struct{ path, name string }{{"hostname", t.config.Hostname}, {"domainname", t.config.Domainname}} {
		switch {
		case n.name == "":
		case len(n.name) > 64:
			return refuse(n.path, "%q is longer than the kernel takes, 64 characters", n.name)
		case !t.has(unix.CLONE_NEWUTS):
			return refuse(n.path, `without a "uts" namespace it would be the host's`)
		}
	}
	t.spec.Hostname, t.container.Domain = t.config.Hostname, t.config.Domainname
	return nil
}
