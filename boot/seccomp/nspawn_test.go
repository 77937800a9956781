// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"machined-go/boot/caps"
)

// difference is a set of calls that systemd-nspawn answers in another way than we do.
type difference struct {
	theirs, ours string
	calls        string
	why          string
}

// differences holds all of them, for nspawn 252 with libseccomp 2.5.4 and nspawn 262 with libseccomp 2.6.1, numbers 0
// to 1023 of each numbering. Not in the recordings: the number -1, which nspawn refuses (see skipped), and other
// architectures, which it lets pass.
var differences = []difference{
	{
		theirs: "EPERM", ours: "allow", calls: "futex_requeue futex_wait futex_wake map_shadow_stack rseq_slice_yield uprobe",
		why: "252, 262: the reasons are in grants",
	},
	{
		theirs: "allow", ours: "allow,audit=EAFNOSUPPORT", calls: "socket",
		why: "252, 262: libseccomp refuses the rule on i386 because of socketcall, but nspawn goes on; glibc has used " +
			"socket itself since 2.22 (Linux 4.3), and its answer should not depend on the word size",
	},
	{
		theirs: "ENOSYS", ours: "EPERM", calls: "nfsservctl",
		why: "252, 262: gone from Linux 3.1 and so from systemd's list; it has a number, so we say what we mean",
	},
	{
		theirs: "EPERM", ours: "allow", calls: "add_key keyctl request_key",
		why: "252: allowed in 262; see keyring",
	},
	{
		theirs: "EPERM", ours: "allow", calls: "bpf",
		why: "252: with CAP_BPF only, as in 262; the capability is not in the usual set",
	},
	{
		theirs: "EPERM", ours: "allow", calls: "landlock_add_rule landlock_create_ruleset landlock_restrict_self",
		why: "252: in @sandbox and so in @default since 255: they only ever take rights away",
	},
	{
		theirs: "ENOSYS", ours: "allow", calls: `
			cachestat file_getattr file_setattr getxattrat listmount listxattrat lsm_get_self_attr lsm_list_modules
			map_shadow_stack mseal open_tree_attr removexattrat rseq_slice_yield setxattrat statmount uprobe uretprobe
		`,
		why: "252: newer than its libseccomp; 262 allows all but those of the first entry",
	},
	{
		theirs: "ENOSYS", ours: "EPERM", calls: "listns lsm_set_self_attr",
		why: "252: newer than its libseccomp; EPERM in 262 too",
	},
}

// judge is how nspawn's filters were asked: every number of a range, with arguments that are not those of an audit
// socket, and with those that are.
type judge struct {
	numbering string
	arch      uint32
	base      uint32
}

var judges = []judge{
	{"x86_64", unix.AUDIT_ARCH_X86_64, 0},
	{"x32", unix.AUDIT_ARCH_X86_64, x32},
	{"i386", unix.AUDIT_ARCH_I386, 0},
}

const judged = 1024

// answers renders what filters say in the form of the files in testdata: "x86_64 0-12 allow".
func answers(t *testing.T, progs [][]unix.SockFilter) string {
	t.Helper()
	var out strings.Builder
	for _, j := range judges {
		first, last := uint32(0), ""
		for n := uint32(0); n <= judged; n++ {
			answer := ""
			if n < judged {
				answer = combined(t, progs, data{number: j.base + n, arch: j.arch})
				audit := combined(t, progs, data{j.base + n, j.arch, [6]uint64{unix.AF_NETLINK, 0, unix.NETLINK_AUDIT}})
				if audit != answer {
					answer += ",audit=" + audit
				}
			}
			if n > 0 && answer != last {
				fmt.Fprintf(&out, "%s %d-%d %s\n", j.numbering, first, n-1, last)
				first = n
			}
			last = answer
		}
	}
	return out.String()
}

// combined is the answer of several filters: the kernel takes the most restrictive action, and of equal ones that of
// the filter installed last. An errno is more restrictive than an allow; no other action occurs here.
func combined(t *testing.T, progs [][]unix.SockFilter, d data) string {
	t.Helper()
	answer := "allow"
	for _, prog := range progs {
		if a := action(must(t, prog, d)); a != "allow" {
			answer = a
		}
	}
	return answer
}

// readAnswers reads what answers wrote.
func readAnswers(t *testing.T, text string) map[string][]string {
	t.Helper()
	table := map[string][]string{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		var numbering, answer string
		var first, last int
		if _, err := fmt.Sscanf(lines.Text(), "%s %d-%d %s", &numbering, &first, &last, &answer); err != nil {
			t.Fatalf("line %q: %v", lines.Text(), err)
		}
		for n := first; n <= last; n++ {
			table[numbering] = append(table[numbering], answer)
		}
	}
	return table
}

// compare holds our answers against nspawn's, and returns which differences were met.
func compare(t *testing.T, retained caps.Set, theirs string) map[string]bool {
	t.Helper()
	names := map[uint32]map[uint32]string{}
	for _, n := range numberings() {
		names[n.arch] = n.calls
	}
	prog := program(t, Policy{Caps: retained, UserNamespace: true, Arch: "amd64"})
	our, their := readAnswers(t, answers(t, [][]unix.SockFilter{prog})), readAnswers(t, theirs)
	met := map[string]bool{}
	for _, j := range judges {
		if len(our[j.numbering]) != judged || len(their[j.numbering]) != judged {
			t.Fatalf("%s: %d of our answers, %d of theirs", j.numbering, len(our[j.numbering]), len(their[j.numbering]))
		}
		for n, ours := range our[j.numbering] {
			theirs := their[j.numbering][n]
			name := names[j.arch][j.base+uint32(n)]
			if ours == theirs {
				continue
			}
			key := name + " " + theirs + " " + ours
			if met[key] = true; !isExpected(name, theirs, ours) {
				t.Errorf("%s %d %q: nspawn %s, ours %s", j.numbering, n, name, theirs, ours)
			}
		}
	}
	return met
}

func isExpected(name, theirs, ours string) bool {
	return slices.ContainsFunc(differences, func(d difference) bool {
		return d.theirs == theirs && d.ours == ours && slices.Contains(strings.Fields(d.calls), name)
	})
}

// settings are the ways nspawn is started for a recording.
var settings = []struct {
	name, option string
	retained     caps.Set
}{
	{"usual", "--private-network", caps.Machine(true, false)},
	{"every-capability", "--capability=all", caps.All},
	{"no-capability", "--drop-capability=all", 0},
}

// TestAgainstNspawn compares with the filters that nspawn had installed when the files were recorded. A difference
// that no file shows any more has to go from the list.
func TestAgainstNspawn(t *testing.T) {
	met := map[string]bool{}
	for _, setting := range settings {
		files, err := filepath.Glob("testdata/nspawn-*-" + setting.name + ".txt")
		if err != nil || len(files) < 2 {
			t.Fatalf("recordings %v, %v", files, err)
		}
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				maps.Copy(met, compare(t, setting.retained, string(text)))
			})
		}
	}
	for _, d := range differences {
		for name := range strings.FieldsSeq(d.calls) {
			if !met[name+" "+d.theirs+" "+d.ours] {
				t.Errorf("%s: nspawn does not answer %s where we answer %s", name, d.theirs, d.ours)
			}
		}
	}
}

// TestAgainstRunningNspawn asks the nspawn of this host: it starts this very test in a container, takes the filters out
// of the kernel with PTRACE_SECCOMP_GET_FILTER (Linux 4.4, CONFIG_CHECKPOINT_RESTORE), and compares. With -update it
// records them instead.
func TestAgainstRunningNspawn(t *testing.T) {
	if os.Getenv("container") == "systemd-nspawn" {
		fmt.Println("inside")
		io.Copy(io.Discard, os.Stdin) // stay until we have been looked at
		return
	}
	if runtime.GOARCH != "amd64" {
		skip(t, "recorded and compared on amd64 only")
	}
	if os.Getuid() != 0 {
		skip(t, "nspawn and PTRACE_SECCOMP_GET_FILTER need root")
	}
	version, err := exec.Command("systemd-nspawn", "--version").Output()
	if err != nil {
		skip(t, "no systemd-nspawn here: %v", err)
	}
	major := strings.Fields(string(version))[1]
	for _, setting := range settings {
		t.Run(setting.name, func(t *testing.T) {
			text := answers(t, nspawnFilters(t, setting.option))
			if !*update {
				compare(t, setting.retained, text)
				return
			}
			head := "# What the filters of systemd-nspawn " + major + " " + setting.option + " answer, by number.\n"
			file := "testdata/nspawn-" + major + "-" + setting.name + ".txt"
			if err := os.WriteFile(file, []byte(head+text), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// nspawnFilters runs this test under nspawn, and reads its filters.
func nspawnFilters(t *testing.T, option string) [][]unix.SockFilter {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"usr/bin", "etc", "proc", "sys", "dev", "run", "tmp", "var"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+"/usr/bin/probe", self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("systemd-nspawn", "--directory="+root, "--register=no", "--keep-unit", "--quiet", "--pipe",
		option, "/usr/bin/probe", "-test.run=^TestAgainstRunningNspawn$")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
	}()
	if line, _ := bufio.NewReader(stdout).ReadString('\n'); line != "inside\n" {
		cmd.Wait()
		skip(t, "systemd-nspawn does not run here: %q %s", line, problems.String())
	}
	return filtersOf(t, descendant(t, cmd.Process.Pid, "/usr/bin/probe"))
}

// descendant finds the process below pid that runs exe.
func descendant(t *testing.T, pid int, exe string) int {
	t.Helper()
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		text, _ := os.ReadFile(file)
		for field := range strings.FieldsSeq(string(text)) {
			child, _ := strconv.Atoi(field)
			if target, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", child)); strings.HasSuffix(target, exe) {
				return child
			}
			if found := descendant(t, child, exe); found != 0 {
				return found
			}
		}
	}
	return 0
}

// filtersOf reads the filters of a process, the oldest first.
func filtersOf(t *testing.T, pid int) (progs [][]unix.SockFilter) {
	t.Helper()
	const getFilter = 0x420c // PTRACE_SECCOMP_GET_FILTER, linux/ptrace.h
	runtime.LockOSThread()   // a tracer is a thread
	defer runtime.UnlockOSThread()
	if err := unix.PtraceAttach(pid); err != nil {
		t.Fatalf("attach to process %d: %v", pid, err)
	}
	defer unix.PtraceDetach(pid)
	if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != nil {
		t.Fatal("wait for the process to stop:", err)
	}
	for i := uintptr(0); ; i++ {
		n, _, errno := unix.Syscall6(unix.SYS_PTRACE, getFilter, uintptr(pid), i, 0, 0, 0)
		if errno == unix.ENOENT && i > 0 {
			return progs
		}
		if errno != 0 {
			skip(t, "filter %d of process %d cannot be read: %v", i, pid, errno)
		}
		prog := make([]unix.SockFilter, n)
		_, _, errno = unix.Syscall6(unix.SYS_PTRACE, getFilter, uintptr(pid), i, uintptr(unsafe.Pointer(&prog[0])), 0, 0)
		if errno != 0 {
			t.Fatal("read filter:", errno)
		}
		t.Logf("filter %d: %d instructions", i, n)
		progs = append(progs, prog)
	}
}
