// SPDX-License-Identifier: Apache-2.0

package escape_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Names of what one machine has and the other looks for.
const (
	shmKey    = 0x65736370
	shmFile   = "/dev/shm/escape-neighbour"
	queueName = "/escape-neighbour"
	tmpFile   = "/tmp/escape-neighbour"
)

// Two machines that run at once do not see, signal or write each other.
func TestNeighbours(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "prey")
		h.start(t, "other")
		ids := map[string][]int{}
		for _, name := range []string{"prey", "other"} {
			var base, inside, count int
			leader := strings.TrimSpace(h.Sh(t, `systemctl show -P MainPID contain@"$1"`, name))
			if _, err := fmt.Sscan(h.Sh(t, `cat /proc/"$1"/uid_map`, leader), &inside, &base, &count); err != nil {
				t.Fatal(err)
			}
			pid, _ := strconv.Atoi(leader)
			ids[name] = []int{base, count, pid}
		}
		a, b := ids["prey"], ids["other"]
		if a[0] < b[0]+b[1] && b[0] < a[0]+a[1] {
			t.Errorf("ranges of ids overlap: %v and %v", a, b)
		}
		judge(t, h.order(t, "other", "dwell"))
		judge(t, h.order(t, "prey", "neighbour", strconv.Itoa(b[2]), strconv.Itoa(b[0])))
		judge(t, h.order(t, "prey", "in-users", "neighbour", strconv.Itoa(b[2]), strconv.Itoa(b[0])))
		judge(t, h.order(t, "other", "dwell"))
	})
}

// dwell makes what the neighbour is to look for, or looks whether it is still as it was; it leaves a process that listens.
func dwell(r *record, args []string) {
	if len(args) > 0 {
		listen(r, []string{"/run/escape-neighbour"})
	}
	if _, err := os.Stat(tmpFile); err == nil {
		stillThere(r)
		return
	}
	for _, name := range []string{shmFile, tmpFile} {
		r.control(os.WriteFile(name, []byte(secret), 0o666), "write %s", name)
		r.control(os.Chmod(name, 0o666), "open %s to all", name)
	}
	_, err := unix.SysvShmGet(shmKey, 4096, 0o666|unix.IPC_CREAT)
	r.control(err, "make shared memory")
	r.control(queue(unix.O_CREAT|unix.O_RDWR), "make a message queue")
	_, err = unix.AddKey("user", keyName+"-neighbour", []byte(secret), unix.KEY_SPEC_USER_KEYRING)
	r.note("add key: %v", err)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	r.control(err, "open null")
	files := []uintptr{null.Fd(), null.Fd(), null.Fd()}
	_, err = syscall.ForkExec("/usr/bin/attacker", []string{"attacker", "dwell", "listen"}, &syscall.ProcAttr{Files: files})
	r.control(err, "leave a process")
	r.held("everything is there")
}

func stillThere(r *record) {
	for _, name := range []string{shmFile, tmpFile} {
		text, err := os.ReadFile(name)
		r.control(err, "read %s", name)
		if string(text) != secret {
			r.broken("%s has changed", name)
		}
	}
	_, err := unix.SysvShmGet(shmKey, 4096, 0)
	r.control(err, "find shared memory again")
	r.held("everything is as it was")
}

// queue opens the message queue (mq_open(2)).
func queue(flags int) error {
	name, err := unix.BytePtrFromString(strings.TrimPrefix(queueName, "/"))
	if err != nil {
		return err
	}
	fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(name)), uintptr(flags), 0o666, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}

// attackNeighbour looks for a machine whose leader has that number on the host, and whose ids begin there.
func attackNeighbour(r *record, args []string) {
	leader, _ := strconv.Atoi(args[0])
	base, _ := strconv.Atoi(args[1])
	for _, pid := range []int{leader, leader + 1, -leader} {
		r.denied(unix.Kill(pid, 0), []error{unix.ESRCH}, "signal process %d", pid)
	}
	_, err := unix.PidfdOpen(leader, 0)
	r.denied(err, []error{unix.ESRCH, unix.EINVAL}, "open process %d", leader)
	r.denied(unix.PtraceSeize(leader), []error{unix.ESRCH, unix.EPERM}, "trace process %d", leader)
	local := make([]byte, 8)
	_, err = unix.ProcessVMReadv(leader, []unix.Iovec{{Base: &local[0], Len: 8}}, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
	r.denied(err, []error{unix.ESRCH, unix.EPERM}, "read memory of process %d", leader)
	_, err = os.Stat(fmt.Sprintf("/proc/%d", leader))
	r.denied(err, []error{fs.ErrNotExist}, "see process %d", leader)
	r.denied(unix.Setresuid(-1, base, -1), []error{unix.EINVAL}, "become user %d", base)
	r.denied(os.Chown(mine(r), base, base), []error{unix.EINVAL}, "give a file to user %d", base)
	attackProcesses(r)
	attackShared(r)
	attackCgroups(r)
}

// mine is a file of the attacker's.
func mine(r *record) string {
	const name = "/tmp/mine"
	r.control(os.WriteFile(name, nil, 0o600), "make a file")
	return name
}

func ownNames() []string { return []string{"/attacker", "/bin/init", "/init"} }

// attackProcesses looks for processes that are not the machine's own, and whom a signal to all would reach.
func attackProcesses(r *record) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	r.control(err, "list processes")
	for _, dir := range dirs {
		exe, err := os.Readlink(dir + "/exe")
		known := slices.ContainsFunc(ownNames(), func(end string) bool { return strings.HasSuffix(exe, end) })
		if err == nil && !known {
			r.broken("%s (%s) can be seen", dir, exe)
		}
	}
	r.held("%d processes, all of them the machine's", len(dirs))
}

func attackShared(r *record) {
	for _, name := range []string{shmFile, tmpFile, "/proc/1/root" + tmpFile, "/dev/mqueue" + queueName} {
		_, err := os.Stat(name)
		if strings.HasPrefix(name, "/proc/1") && errors.Is(err, fs.ErrPermission) {
			err = fs.ErrNotExist
		}
		r.denied(err, []error{fs.ErrNotExist}, "see %s", name)
	}
	_, err := unix.SysvShmGet(shmKey, 4096, 0)
	r.denied(err, []error{unix.ENOENT}, "find shared memory")
	for id := range 8 {
		_, err := unix.SysvShmAttach(id, 0, unix.SHM_RDONLY)
		r.denied(err, []error{unix.EINVAL, unix.EIDRM}, "attach shared memory %d", id)
	}
	r.denied(queue(unix.O_RDWR), []error{unix.ENOENT}, "open the message queue")
	for _, name := range []string{abstract, "/run/escape-neighbour"} {
		c, err := net.Dial("unix", name)
		if err == nil {
			c.Close()
		}
		r.denied(err, nil, "connect to %s", name)
	}
	for _, ring := range []int{unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_SESSION_KEYRING, unix.KEY_SPEC_USER_SESSION_KEYRING} {
		_, err := unix.KeyctlSearch(ring, "user", keyName+"-neighbour", 0)
		r.denied(err, nil, "find the key in keyring %d", ring)
	}
}

// attackCgroups tries to leave the machine's cgroup, to see others, and to lift its limits.
func attackCgroups(r *record) {
	const root = "/sys/fs/cgroup"
	text, err := os.ReadFile("/proc/self/cgroup")
	r.control(err, "read /proc/self/cgroup")
	if strings.Contains(string(text), "0::/..") || strings.Contains(string(text), ".scope") {
		r.broken("the cgroup is not the root of what is seen: %s", text)
	}
	dirs, _ := filepath.Glob(root + "/*/")
	for _, dir := range dirs {
		if strings.Contains(dir, ".slice") || strings.Contains(dir, ".scope") || strings.Contains(dir, "contain@") {
			r.broken("%s can be seen", dir)
		}
	}
	limits, _ := filepath.Glob(root + "/*.max")
	more, _ := filepath.Glob(root + "/*.high")
	for _, name := range append(append(limits, more...), root+"/cgroup.freeze", root+"/cgroup.kill", root+"/cgroup.max.descendants", root+"/cpu.weight") {
		fd, err := unix.Open(name, unix.O_WRONLY, 0)
		r.denied(err, []error{unix.EACCES, unix.EPERM, unix.ENOENT, unix.EROFS}, "open %s", name)
		if err == nil {
			unix.Close(fd)
		}
	}
	for _, name := range []string{root + "/../cgroup.procs", root + "/../machine-other.scope/cgroup.procs", root + "/machine-other.scope"} {
		_, err := os.Stat(name)
		r.denied(err, []error{fs.ErrNotExist}, "see %s", name)
	}
}
