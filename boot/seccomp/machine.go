// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"github.com/moby/sys/capability"

	"machined-go/boot/caps"
)

// grant allows calls to machines that have a capability.
type grant struct {
	need  caps.Set // empty: every machine
	calls string   // names and groups, separated by white space
}

// always is the need of what every machine may call.
const always caps.Set = 0

// grants lists what a machine may call. The list is systemd-nspawn's (version 262; older ones lack arm_fadvise64_64,
// bpf, cachestat and uretprobe), which is what guests have been tested with; what we allow beyond it has its reason
// beside it. nspawn_test.go compares the outcome with filters that nspawn installed.
//
// Known and left out on purpose, so EPERM: @cpu-emulation, @obsolete, @pkey, @swap, fanotify_init, fanotify_mark,
// kexec_load, kexec_file_load, lookup_dcookie, lsm_set_self_attr, memfd_secret, nfsservctl, open_by_handle_at,
// perf_event_open, pidfd_getfd, process_mrelease, quotactl, quotactl_fd. @keyring is a matter of Policy.UserNamespace.
var grants = [...]grant{
	{always, `
		@aio @basic-io @chown @default @file-system @io-event @ipc @mount @network-io @process @resources @setuid
		@signal @sync @timer
	`},
	{caps.Set(1) << capability.CAP_SYS_TIME, "@clock"},
	{caps.Set(1) << capability.CAP_SYS_MODULE, "@module"},
	{caps.Set(1) << capability.CAP_SYS_RAWIO, "@raw-io"},
	{caps.Set(1) << capability.CAP_IPC_LOCK, "@memlock"},
	{always, `
		arm_fadvise64_64 brk cachestat capget capset copy_file_range fadvise64 fadvise64_64 flock get_mempolicy
		getcpu getpriority getrandom ioctl ioprio_get kcmp madvise mincore mprotect mremap name_to_handle_at
		oldolduname olduname personality readahead readdir remap_file_pages sched_get_priority_max
		sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
		sched_rr_get_interval sched_rr_get_interval_time64 sched_yield seccomp sendfile sendfile64 setdomainname
		setfsgid setfsgid32 setfsuid setfsuid32 sethostname setpgid setsid splice sysinfo tee umask uname
		userfaultfd vmsplice
	`},
	{caps.Set(1) << capability.CAP_SYS_PACCT, "acct"},
	{caps.Set(1) << capability.CAP_SYS_PTRACE, "process_vm_readv process_vm_writev ptrace"},
	{caps.Set(1) << capability.CAP_SYS_BOOT, "reboot"},
	{caps.Set(1) << capability.CAP_SYSLOG, "syslog"},
	{caps.Set(1) << capability.CAP_SYS_TTY_CONFIG, "vhangup"},
	{caps.Set(1) << capability.CAP_BPF, "bpf"},

	// Ours, not nspawn's. The three are what futex does, in calls of their own since Linux 6.7: a library that finds
	// them in the kernel's version but gets EPERM has no reason to fall back.
	{always, "futex_requeue futex_wait futex_wake"},
	// With CET on, makecontext and every new thread need a shadow stack (Linux 6.6); nothing is gained by it that
	// mmap does not give.
	{always, "map_shadow_stack"},
	// The kernel itself writes these calls into a probed process (uretprobe since Linux 6.11, which nspawn allows
	// too, uprobe since 6.18). Refused, they kill a guest's process as soon as someone on the host traces it. Made
	// from anywhere else, they only hurt the caller.
	{always, "uprobe uretprobe"},
	// Gives back the rest of a time slice; part of rseq, which is in @default.
	{always, "rseq_slice_yield"},
}

// keyring is granted with a user namespace: keyrings have been kept apart by it since Linux 5.3 (names, and the
// per-user ones by its own table of users). Without one, root inside would share the user keyring of the host's root,
// where for instance systemd's password agents put what was typed. systemd-nspawn refused it always up to 25x and
// allows it always in 262.
const keyring = "@keyring"
