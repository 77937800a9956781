// SPDX-License-Identifier: Apache-2.0

package escape_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// keyName is the description of a key that the host has.
const keyName = "escape-key"

// Keys of the host's user, and of the session that starts the machine, are not found inside, by name or by number (keyrings(7)).
func TestKeys(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		for name, flags := range map[string][]string{"root": nil, "user": {"--uid=guest"}} {
			t.Run(name, func(t *testing.T) { h.keys(t, flags...) })
		}
	})
}

func (h *host) keys(t *testing.T, flags ...string) {
	out, errs, code := h.Exec(append([]string{"attacker", "with-keys", "mctl", "run", "--settings=no", "--directory=/var/lib/machines/prey"}, flags...)...)
	if code != 0 {
		t.Errorf("exit status %d\n%s", code, errs)
	}
	judge(t, out)
}

// withKeys is on the host: it runs a command from a session that has a key, and tells the attacker inside the numbers of these.
func withKeys(r *record, args []string) {
	runtime.LockOSThread() // keyrings are a thread's, and those it starts
	session, err := unix.KeyctlJoinSessionKeyring("escape")
	r.control(err, "join a session keyring")
	_, err = unix.KeyctlInt(unix.KEYCTL_LINK, unix.KEY_SPEC_USER_KEYRING, session, 0, 0)
	r.control(err, "link the user's keyring to it")
	name := fmt.Sprint(keyName, time.Now().UnixNano()) // the keyring is shared with other labs
	ids := []string{name}
	for _, ring := range []int{session, unix.KEY_SPEC_USER_KEYRING} {
		id, err := unix.AddKey("user", name, []byte(secret), ring)
		r.control(err, "add a key")
		defer unix.KeyctlInt(unix.KEYCTL_INVALIDATE, id, 0, 0, 0)
		const all = 0x3f3f0000 // for whoever possesses it, and for its user
		r.control(unix.KeyctlSetperm(id, all), "open the key to its user")
		buf := make([]byte, 64)
		_, err = unix.KeyctlBuffer(unix.KEYCTL_READ, id, buf, 0)
		r.control(err, "read one's own key")
		ids = append(ids, strconv.Itoa(id))
	}
	ids = append(ids, strconv.Itoa(session))
	spawn(r, append(append(args, "/usr/bin/attacker", "keys"), ids...))
}

// attackKeys looks for a key of that name, and for keys of these numbers.
func attackKeys(r *record, args []string) {
	name, ids := args[0], args[1:]
	buf := make([]byte, 64)
	for _, text := range ids {
		id, _ := strconv.Atoi(text)
		for verb, cmd := range map[string]int{"read": unix.KEYCTL_READ, "describe": unix.KEYCTL_DESCRIBE} {
			_, err := unix.KeyctlBuffer(cmd, id, buf, 0)
			r.denied(err, nil, "%s key %d", verb, id)
		}
		for verb, cmd := range map[string]int{"revoke": unix.KEYCTL_REVOKE, "invalidate": unix.KEYCTL_INVALIDATE} {
			_, err := unix.KeyctlInt(cmd, id, 0, 0, 0)
			r.denied(err, nil, "%s key %d", verb, id)
		}
		r.denied(unix.KeyctlSetperm(id, 0x3f3f3f3f), []error{unix.EACCES, unix.EPERM}, "open key %d to all", id)
		_, err := unix.KeyctlInt(unix.KEYCTL_LINK, id, unix.KEY_SPEC_PROCESS_KEYRING, 0, 0)
		r.denied(err, nil, "link key %d", id)
		_, err = unix.KeyctlSearch(id, "user", name, 0)
		r.denied(err, nil, "search keyring %d", id)
	}
	for _, ring := range []int{unix.KEY_SPEC_SESSION_KEYRING, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_USER_SESSION_KEYRING,
		unix.KEY_SPEC_PROCESS_KEYRING, unix.KEY_SPEC_THREAD_KEYRING} {
		_, err := unix.KeyctlSearch(ring, "user", name, 0)
		r.denied(err, nil, "search keyring %d", ring)
	}
	text, err := os.ReadFile("/proc/keys")
	if err == nil && strings.Contains(string(text), "escape") {
		r.broken("/proc/keys tells of the host's key")
	}
	users, _ := os.ReadFile("/proc/key-users")
	for line := range strings.Lines(string(users)) {
		if uid, _, _ := strings.Cut(strings.TrimSpace(line), ":"); uid == "65534" || uid == "-1" {
			r.broken("/proc/key-users tells of users of the host: %s", line)
		}
	}
}

// abstract is a socket of the host without a path.
const abstract = "@escape-abstract"

// Sockets of the host, with and without a path, and its bus are out of reach. Whoever shares the host's network has its abstract sockets,
// as machine.toml(5) says.
func TestSockets(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.Sh(t, `systemd-run -q --collect --unit=escape-listen attacker listen /run/escape-socket`)
		defer h.Sh(t, `systemctl stop escape-listen || true`)
		h.Sh(t, `for ((i = 0; i < 200; i++)); do [[ -e /run/escape-socket ]] && exit; sleep 0.02; done; exit 1`)
		t.Run("own network", func(t *testing.T) { h.run(t, nil, "sockets") })
		t.Run("network of the host", func(t *testing.T) { h.run(t, []string{"--network=host"}, "bus") })
		out := h.Sh(t, `mctl run --settings=no --network=host --directory=/var/lib/machines/prey /usr/bin/attacker sockets`)
		if !strings.Contains(out, wordBroken+"\tconnect to "+abstract) {
			t.Errorf("the abstract socket is not reached in the host's network: is it there?\n%s", out)
		}
	})
}

// listen is on the host.
func listen(r *record, args []string) {
	_ = os.Remove(args[0])
	for _, name := range []string{abstract, args[0]} {
		l, err := net.Listen("unix", name)
		r.control(err, "listen on %s", name)
		defer l.Close()
	}
	r.control(os.Chmod(args[0], 0o777), "open %s to all", args[0])
	time.Sleep(time.Hour)
}

func attackSockets(r *record, _ []string) {
	dial(r, abstract, "/run/escape-socket")
	text, err := os.ReadFile("/proc/net/unix")
	r.control(err, "read /proc/net/unix")
	if strings.Contains(string(text), "escape") {
		r.broken("/proc/net/unix tells of the host's sockets")
	}
	attackBus(r, nil)
}

func dial(r *record, names ...string) {
	for _, name := range names {
		c, err := net.Dial("unix", name)
		if err == nil {
			c.Close()
		}
		r.denied(err, nil, "connect to %s", name)
	}
}

// attackBus looks for the host's bus, service manager, journal and for ours, at the places where they are on the host.
func attackBus(r *record, _ []string) {
	dial(r, "/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket", "/run/systemd/private", "/run/systemd/notify", "/run/systemd/journal/socket",
		"/run/systemd/machine/io.systemd.Machine", "/run/machined-go/control/prey", "/run/systemd/userdb/io.systemd.Machine",
		"/run/systemd/resolve/io.systemd.Resolve", "/run/udev/control", "@/org/kernel/linux/storage/multipathd", "@ISCSIADM_ABSTRACT_NAMESPACE")
	names, err := filepath.Glob("/run/host/*")
	r.control(err, "list /run/host")
	for _, name := range names {
		switch filepath.Base(name) {
		case "container-manager", "container-uuid", "inaccessible", "notify", "os-release", "incoming", "unix-export":
		default:
			r.broken("%s is there", name)
		}
	}
	for _, name := range []string{"reg", "sock", "fifo", "chr", "blk", "dir"} {
		if !ownUsers() {
			break // root opens all
		}
		fd, err := unix.Open("/run/host/inaccessible/"+name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
		r.denied(err, nil, "open /run/host/inaccessible/%s", name)
		if err == nil {
			unix.Close(fd)
		}
	}
	for _, e := range os.Environ() {
		if strings.Contains(e, secret) {
			r.broken("environment: %s", e)
		}
	}
}

// What the caller of mctl has in its environment stays there.
func TestEnvironment(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		out := h.Sh(t, `export SECRET="$1" LISTEN_FDS=2 LISTEN_PID=$$ DBUS_SESSION_BUS_ADDRESS="unix:path=/$1"
			exec 7<>/srv/canary/file 8</; ulimit -n 100
			mctl run --settings=no --directory=/var/lib/machines/prey /usr/bin/attacker bus
			mctl run --settings=no --directory=/var/lib/machines/prey /usr/bin/attacker descriptors`, secret)
		for part := range strings.SplitSeq(strings.TrimSuffix(out, wordDone+"\t\n"), wordDone+"\t\n") {
			judge(t, part+wordDone+"\t\n")
		}
	})
}

// What changes the one kernel that all share is refused.
func TestKernel(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.run(t, nil, "kernel")
		h.run(t, nil, "in-users", "kernel")
		h.run(t, nil, "cgroup-v1")
		h.run(t, nil, "in-users", "cgroup-v1")
	})
}

func attackKernel(r *record, _ []string) {
	refused := []error{unix.EPERM, unix.ENOSYS, unix.EACCES}
	var now unix.Timespec
	r.control(unix.ClockGettime(unix.CLOCK_REALTIME, &now), "read the clock")
	r.denied(unix.ClockSettime(unix.CLOCK_REALTIME, &now), refused, "set the clock")
	r.denied(unix.Settimeofday(&unix.Timeval{Sec: now.Sec}), refused, "set the time of day")
	r.denied(unix.InitModule([]byte("\x7fELF"), ""), refused, "load a module")
	r.denied(unix.KexecFileLoad(-1, -1, "", unix.KEXEC_FILE_UNLOAD), refused, "load a kernel")
	r.denied(unix.Iopl(3), refused, "use ports of devices")
	r.denied(unix.Acct("/tmp/acct"), refused, "account processes")
	_, err := unix.Klogctl(3, make([]byte, 100))
	r.denied(err, refused, "read the kernel's log")
	_, err = unix.PerfEventOpen(&unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK}, -1, 0, -1, 0)
	r.denied(err, refused, "watch a processor")
	for name, nr := range map[string]uintptr{"bpf": unix.SYS_BPF, "swapon": unix.SYS_SWAPON, "delete_module": unix.SYS_DELETE_MODULE,
		"quotactl": unix.SYS_QUOTACTL, "open_by_handle_at": unix.SYS_OPEN_BY_HANDLE_AT} {
		_, _, errno := unix.Syscall(nr, 0, 0, 0)
		var err error
		if errno != 0 {
			err = errno
		}
		r.denied(err, refused, "system call %s", name)
	}
}

// attackCgroupOfOld mounts a hierarchy of cgroup v1 and names the program that the kernel runs, as root of the host, when a cgroup is left
// (CVE-2022-0492).
func attackCgroupOfOld(r *record, _ []string) {
	_ = os.MkdirAll("/tmp/cgroup", 0o755)
	for _, kind := range []string{"rdma", "memory", "cpu", "pids", "freezer", "devices", "none,name=escape"} {
		if err := unix.Mount("cgroup", "/tmp/cgroup", "cgroup", 0, kind); err != nil {
			r.held("mount cgroup v1 (%s): %v", kind, err)
			continue
		}
		for _, name := range []string{"release_agent", "devices.allow", "notify_on_release", "cgroup.procs"} {
			fd, err := unix.Open("/tmp/cgroup/"+name, unix.O_WRONLY, 0)
			r.denied(err, nil, "open %s of cgroup v1 (%s)", name, kind)
			if err == nil {
				unix.Close(fd)
			}
		}
		r.denied(unix.Mkdir("/tmp/cgroup/made", 0o755), nil, "make a cgroup v1 (%s)", kind)
		_ = unix.Rmdir("/tmp/cgroup/made")
		detach("/tmp/cgroup")()
	}
}

// tellRights tells what the attacker may do, so that it can be compared.
func tellRights(r *record, _ []string) {
	for _, name := range []string{"status", "uid_map", "gid_map", "limits"} {
		text, err := os.ReadFile("/proc/self/" + name)
		r.control(err, "read %s", name)
		for line := range strings.Lines(string(text)) {
			if name != "status" || strings.HasPrefix(line, "Cap") || strings.HasPrefix(line, "Seccomp:") || strings.HasPrefix(line, "NoNewPrivs") || strings.HasPrefix(line, "Uid") || strings.HasPrefix(line, "Groups") {
				r.held("%s: %s", name, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	var points []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 5 {
			points = append(points, fields[4]+" "+fields[5])
		}
	}
	r.held("mounts: %s", strings.Join(points, ", "))
	links, _ := filepath.Glob("/sys/class/net/*")
	names, _ := filepath.Glob("/dev/*")
	r.held("network: %s; devices: %s; host name: %s", links, names, fmt.Sprint(os.Hostname()))
}
