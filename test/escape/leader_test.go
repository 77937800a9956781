// SPDX-License-Identifier: Apache-2.0

package escape_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The one program of an image that runs beside the leader while that is still a copy of mctl, with all that mctl has open, is getent.
// A hostile one looks into the leader, and tries to get at the program of the host that it was (CVE-2019-5736).
func TestLeaderBeforeItsProgram(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.leader(t)
	})
}

func (h *host) leader(t *testing.T, flags ...string) {
	before := h.Sh(t, `sha256sum /usr/bin/mctl; rm -f /var/lib/machines/prey/orders/getent`)
	h.run(t, append(flags, "--uid=guest"), "rights")
	judge(t, h.Sh(t, `cat /var/lib/machines/prey/orders/getent`))
	if after := h.Sh(t, `sha256sum /usr/bin/mctl`); after != before {
		t.Errorf("mctl of the host has changed")
	}
}

// answer is getent. It attacks the leader, then says what lets the boot go on.
func answer(args []string) {
	if len(args) == 0 || args[0] != "passwd" {
		fmt.Println("guest 1000")
		return
	}
	out, err := os.Create("/orders/getent")
	if err == nil {
		r := &record{out}
		attackLeader(r)
		r.say(wordDone, "")
	}
	line := "guest:x:1000:1000::/home:/bin/sh\n"
	if text, err := os.ReadFile("/home/passwd"); err == nil {
		line = string(text)
	}
	fmt.Print(line)
}

func attackLeader(r *record) {
	runtime.LockOSThread() // ptrace is between threads
	for _, leak := range leaks("/proc/self") {
		r.broken("getent has open: %s", leak)
	}
	for _, name := range []string{"exe", "root", "cwd", "mem", "environ", "maps", "auxv", "ns/mnt", "ns/user"} {
		fd, err := unix.Open("/proc/1/"+name, unix.O_RDONLY, 0)
		if err == nil {
			unix.Close(fd)
		}
		r.denied(err, nil, "open /proc/1/%s", name)
	}
	for _, name := range []string{"syscall", "stack", "personality"} {
		_, err := os.ReadFile("/proc/1/" + name)
		r.denied(err, nil, "read /proc/1/%s", name)
	}
	for _, dir := range []string{"fd", "map_files"} {
		names, _ := os.ReadDir("/proc/1/" + dir) // a list tells root little
		for _, name := range names {
			_, err := os.Readlink("/proc/1/" + dir + "/" + name.Name())
			r.denied(err, nil, "find out what /proc/1/%s/%s is", dir, name.Name())
		}
	}
	_, err := os.Readlink("/proc/1/exe")
	r.denied(err, []error{unix.EACCES, unix.EPERM}, "find the program of the host")
	for fd := range 16 {
		if f, err := unix.Open(fmt.Sprintf("/proc/1/fd/%d", fd), unix.O_RDWR, 0); err == nil {
			unix.Close(f)
			r.broken("/proc/1/fd/%d: it can be opened", fd)
		}
	}
	r.denied(unix.PtraceSeize(1), []error{unix.EPERM}, "trace the leader (seize)")
	r.denied(unix.PtraceAttach(1), []error{unix.EPERM}, "trace the leader (attach)")
	local := make([]byte, 8)
	iov := []unix.Iovec{{Base: &local[0], Len: 8}}
	_, err = unix.ProcessVMReadv(1, iov, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
	r.denied(err, []error{unix.EPERM}, "read the leader's memory")
	attackDescriptorsOf(r, 1)
	overwrite(r, "/proc/1/exe")
}

// attackDescriptorsOf takes descriptors of another process by its pidfd.
func attackDescriptorsOf(r *record, pid int) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		r.held("pidfd of %d: %v", pid, err)
		return
	}
	defer unix.Close(pidfd)
	for fd := range 16 {
		got, err := unix.PidfdGetfd(pidfd, fd, 0)
		r.denied(err, []error{unix.EPERM}, "take descriptor %d of process %d", fd, pid)
		if err == nil {
			unix.Close(got)
		}
	}
}

// overwrite does what the exploit does: holds the file, and waits until nobody runs it any more.
func overwrite(r *record, exe string) {
	held, err := unix.Open(exe, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		r.held("hold %s: %v", exe, err)
		return
	}
	defer unix.Close(held)
	name := "/proc/self/fd/" + strconv.Itoa(held)
	if err := unix.Access(name, unix.W_OK); err != nil { // tells though it runs
		r.denied(err, []error{unix.EPERM, unix.EACCES, unix.EROFS}, "write %s, held open", exe)
		return
	}
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		fd, err := unix.Open(name, unix.O_RDWR, 0)
		if err == nil {
			first := make([]byte, 1)
			_, err = unix.Pread(fd, first, 0)
			if err == nil {
				_, err = unix.Pwrite(fd, first, 0) // what is there already
			}
			unix.Close(fd)
		}
		if err != unix.ETXTBSY {
			r.denied(err, []error{unix.EPERM, unix.EACCES, unix.EROFS}, "write %s, held open", exe)
			return
		}
	}
	r.broken("%s of the host cannot be written only because it runs", exe)
}

// Whatever is done with a machine from the host, no process of the host is ever in it, whose program could be overwritten or whose
// descriptors taken (CVE-2019-5736, CVE-2019-14271, CVE-2024-21626).
func TestNobodyOfTheHostEnters(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.Sh(t, `ln -f /var/lib/machines/.attacker /var/lib/machines/deb/usr/local/bin/attacker; mctl start deb`)
		defer h.Sh(t, `mctl poweroff deb; rm -f /var/lib/machines/deb/usr/local/bin/attacker`)
		out := h.Sh(t, `
			systemd-run -M deb -q --wait --pipe --collect /usr/local/bin/attacker watch /run/stop >/run/watched &
			for ((i = 0; i < 500; i++)); do [[ -e /var/lib/machines/deb/var/tmp/watching ]] && break; sleep 0.02; done
			for ((i = 0; i < 1; i++)); do
				mctl shell deb /bin/true </dev/null
				machinectl shell deb /bin/true </dev/null >/dev/null 2>&1
				script -qec 'timeout 2 machinectl login deb' /dev/null </dev/null >/dev/null 2>&1 || true
				machinectl copy-to deb /etc/hostname /tmp/copied-$i
				machinectl copy-from deb /etc/passwd /tmp/copied-$i; rm -rf /tmp/copied-$i
				machinectl bind --mkdir deb /srv/canary /mnt/bound-$i
				mctl status deb >/dev/null; machinectl status deb --no-pager >/dev/null
				journalctl -M deb -n 1 -q >/dev/null || true
				systemctl -M deb is-system-running >/dev/null || true
			done
			systemd-run -M deb -q --wait --pipe --collect /bin/touch /run/stop
			wait; cat /run/watched; rm -f /var/lib/machines/deb/var/tmp/watching`)
		judge(t, out)
	})
}

// watchForOthers looks at all processes again and again, until there is a file of that name, for one whose program is not a file of the machine.
func watchForOthers(r *record, args []string) {
	_ = os.WriteFile("/var/tmp/watching", nil, 0o644)
	seen, looks := map[string]bool{}, 0
	for deadline := time.Now().Add(50 * time.Second); time.Now().Before(deadline); looks++ {
		if _, err := os.Stat(args[0]); err == nil {
			break
		}
		mounts := mountIDs()
		pids, _ := filepath.Glob("/proc/[0-9]*")
		for _, dir := range pids {
			exe, err := os.Readlink(dir + "/exe")
			if err != nil {
				continue
			}
			id := mountID(dir + "/exe")
			if id != 0 && !mounts[id] && !ownMounts(dir) {
				r.broken("%s (%s) runs a program of the host", dir, exe)
			}
			seen[dir+exe] = true
			if strings.HasSuffix(exe, "/mctl") || strings.HasSuffix(exe, "/machined-go") || strings.HasSuffix(exe, "/nsenter") {
				r.broken("%s is %s", dir, exe)
			}
		}
	}
	r.held("%d looks at %d processes, all of them programs of the machine", looks, len(seen))
	if looks < 20 || len(seen) < 10 {
		r.broken("too little was seen")
	}
}

// ownMounts tells whether a process has a mount namespace of its own, as services with a sandbox have: then its mounts are others, which are
// the machine's too if they are copies of its.
func ownMounts(dir string) bool {
	a, errA := os.Readlink(dir + "/ns/mnt")
	b, errB := os.Readlink("/proc/self/ns/mnt")
	if errA != nil || errB != nil || a == b {
		return false
	}
	var exe, root unix.Stat_t
	return unix.Stat(dir+"/exe", &exe) == nil && unix.Stat(dir+"/root", &root) == nil && exe.Dev == root.Dev
}
