// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"machined-go/boot"
)

// set applies options to an empty spec, each "--NAME VALUE", "--NAME" or "-X".
func set(t *testing.T, lines ...string) (boot.Spec, error) {
	t.Helper()
	var s boot.Spec
	for _, line := range lines {
		name, value, _ := strings.Cut(line, " ")
		o := find(t, name)
		if value == "" && o.Arg == "" {
			value = "yes"
		} else if value == "" && o.Default != "" {
			value = o.Default
		}
		if err := o.Set(&s, value); err != nil {
			return s, err
		}
	}
	return s, nil
}

func find(t *testing.T, name string) Option {
	t.Helper()
	for _, o := range Options() {
		if name == "--"+o.Name || name == "-"+o.Short {
			return o
		}
	}
	t.Fatalf("no option %s", name)
	return Option{}
}

func ptr[T any](v T) *T { return &v }

func TestOptions(t *testing.T) {
	private := ptr(true)
	for _, tt := range []struct {
		lines []string
		want  boot.Spec
	}{
		{[]string{"-x", "--read-only", "--volatile"}, boot.Spec{Ephemeral: true, ReadOnly: true, Volatile: "yes"}},
		{[]string{"--volatile no"}, boot.Spec{Volatile: "no"}},
		{[]string{"--volatile state", "--volatile 1"}, boot.Spec{Volatile: "yes"}},
		{[]string{`--pivot-root /usr//lib/:/o\:ld`}, boot.Spec{PivotRoot: "/usr/lib:/o:ld"}},
		{[]string{"-a", "--chdir /usr/./lib/"}, boot.Spec{StubInit: true, WorkingDirectory: "/usr/lib"}},
		{[]string{"-E A=1", "-E B==", "-E A=2"}, boot.Spec{Environment: map[string]string{"A": "2", "B": "="}}},
		{[]string{"-u daemon", "--kill-signal TERM", "--notify-ready off", "--suppress-sync y"},
			boot.Spec{User: "daemon", KillSignal: "TERM", NotifyReady: ptr(false), Security: boot.Security{SuppressSync: true}}},
		{[]string{"--kill-signal 37"}, boot.Spec{KillSignal: "37"}},
		{[]string{"--kill-signal SIGRTMAX-2"}, boot.Spec{KillSignal: "SIGRTMAX-2"}},
		{[]string{"--kill-signal 9"}, boot.Spec{KillSignal: "9"}},
		{[]string{"--hostname a.b", "--uuid 0E0a7a24-1111-2222-3333-444455556666"},
			boot.Spec{Hostname: "a.b", MachineID: "0e0a7a24111122223333444455556666"}},
		{[]string{"--private-users"}, boot.Spec{Users: boot.Users{Namespace: "owner"}}},
		{[]string{"--private-users no"}, boot.Spec{Users: boot.Users{Namespace: "no"}}},
		{[]string{"--private-users managed"}, boot.Spec{Users: boot.Users{Namespace: "pick"}}},
		{[]string{"--private-users identity"}, boot.Spec{Users: boot.Users{Namespace: "identity"}}},
		{[]string{"--private-users 0"}, boot.Spec{Users: boot.Users{Namespace: "range", Count: 65536}}},
		{[]string{"--private-users 524288:131072", "--private-users-ownership chown"},
			boot.Spec{Users: boot.Users{Namespace: "range", Base: 524288, Count: 131072, Ownership: "chown"}}},
		{[]string{"--private-users 1", "-U", "--private-users-delegate 3"}, boot.Spec{Users: boot.Users{Namespace: "pick", Ownership: "auto", Delegate: 3}}},
		{[]string{"--private-users-chown"}, boot.Spec{Users: boot.Users{Ownership: "chown"}}},
		{[]string{"--private-network"}, boot.Spec{Network: boot.Network{Private: private}}},
		{[]string{"-n", "-p 80", "-p udp:53:5353"}, boot.Spec{Network: boot.Network{Private: private, Veth: new(true), Ports: []string{"80", "udp:53:5353"}}}},
		{[]string{"--network-interface eth0", "--network-interface eth1:lan", "--network-macvlan a:b", "--network-ipvlan c", "--network-veth-extra d:e"},
			boot.Spec{Network: boot.Network{Private: private, Interfaces: []string{"eth0", "eth1:lan"}, MACVLAN: []string{"a:b"}, IPVLAN: []string{"c"}, VethExtra: []string{"d:e"}}}},
		{[]string{"--network-bridge br0"}, boot.Spec{Network: boot.Network{Private: private, Veth: new(true), Bridge: "br0"}}},
		{[]string{"--network-zone z"}, boot.Spec{Network: boot.Network{Private: private, Veth: new(true), Zone: "z"}}},
		{[]string{"--image-policy root=open:=absent"}, boot.Spec{ImagePolicy: "root=open:=absent"}},
		{[]string{"--image-policy "}, boot.Spec{ImagePolicy: "-"}},
		{[]string{"--network-namespace-path /run/netns/a"}, boot.Spec{Network: boot.Network{NamespacePath: "/run/netns/a"}}},
		{[]string{"--capability CAP_SYS_TIME,net_admin", "--capability all", "--drop-capability 12", "--ambient-capability CAP_CHOWN"},
			boot.Spec{Security: boot.Security{AddCapabilities: []string{"CAP_SYS_TIME", "net_admin", "all"}, DropCapabilities: []string{"12"}, AmbientCapabilities: []string{"CAP_CHOWN"}}}},
		{[]string{"--no-new-privileges yes", "--system-call-filter @clock bpf", "--system-call-filter ~mount"},
			boot.Spec{Security: boot.Security{NoNewPrivileges: true, AllowSystemCalls: []string{"@clock", "bpf"}, DenySystemCalls: []string{"mount"}}}},
		{[]string{"--restrict-address-families AF_UNIX AF_INET", "--restrict-address-families ~AF_PACKET"},
			boot.Spec{Security: boot.Security{AllowAddressFamilies: []string{"AF_UNIX", "AF_INET"}, DenyAddressFamilies: []string{"AF_PACKET"}}}},
		{[]string{"--restrict-address-families none", "-Z a:b", "-L c:d"},
			boot.Spec{Security: boot.Security{AllowAddressFamilies: []string{"none"}, SELinuxContext: "a:b", SELinuxFilesContext: "c:d"}}},
		{[]string{"--rlimit RLIMIT_NOFILE=10:infinity", "--rlimit stack=8M", "--rlimit LimitCPU=1min 1ms", "--rlimit RTTIME=20ms", "--rlimit NICE=-5"},
			boot.Spec{Limits: boot.ProcLimits{Rlimit: map[string]string{
				"nofile": "10:infinity", "stack": "8388608:8388608", "cpu": "61:61", "rttime": "20000:20000", "nice": "25:25"}}}},
		{[]string{"--rlimit fsize=1.5K:infinity"}, boot.Spec{Limits: boot.ProcLimits{Rlimit: map[string]string{"fsize": "1536:infinity"}}}},
		{[]string{"--oom-score-adjust -5", "--cpu-affinity 7", "--cpu-affinity 0-1,3 5", "--personality x86"},
			boot.Spec{Personality: "x86", Limits: boot.ProcLimits{OOMScoreAdjust: ptr(-5), CPUAffinity: "0-1,3,5"}}},
		{[]string{"-S a.slice", "--property MemoryMax=1G", "--property TasksMax=5"},
			boot.Spec{Resources: boot.Resources{Slice: "a.slice", UnitProperties: map[string]string{"MemoryMax": "1G", "TasksMax": "5"}}}},
		{[]string{"--resolv-conf replace-stub", "--timezone off", "-j"},
			boot.Spec{Integration: boot.Integration{ResolvConf: "replace-stub", Timezone: "off", LinkJournal: "try-guest"}}},
		{[]string{"--resolv-conf no", "--timezone yes", "--link-journal auto"}, boot.Spec{Integration: boot.Integration{ResolvConf: "off", Timezone: "auto", LinkJournal: "auto"}}},
		{[]string{"--forward-journal /a.journal", "--forward-journal-max-use 1G", "--forward-journal-keep-free 1.5K", "--forward-journal-max-file-size 7", "--forward-journal-max-files 3"},
			boot.Spec{Integration: boot.Integration{ForwardJournal: "/a.journal", ForwardJournalMaxUse: "1073741824", ForwardJournalKeepFree: "1536",
				ForwardJournalMaxFileSize: "7", ForwardJournalMaxFiles: 3}}},
		{[]string{"--forward-journal /a", "--forward-journal "}, boot.Spec{}},
		{[]string{"--bind /a", "--bind /a:/b/", `--bind-ro +/a\:b:/c:norbind,rootidmap`, "--bind :/d:owneridmap", "--bind /e::idmap,rbind", "--bind /f:/g:noidmap"},
			boot.Spec{Binds: []boot.Bind{
				{Source: "/a", Target: "/a"},
				{Source: "/a", Target: "/b"},
				{Source: "/a:b", Target: "/c", Inside: true, ReadOnly: true, Recursive: ptr(false), Map: "root"},
				{Target: "/d", Map: "owner"},
				{Source: "/e", Target: "/e", Recursive: ptr(true), Map: "map"},
				{Source: "/f", Target: "/g", Map: "none"},
			}}},
		{[]string{"--inaccessible /a", "--tmpfs /b", `--tmpfs /c\:d:size=1M,mode=0700`},
			boot.Spec{Inaccessible: []string{"/a"}, Tmpfs: []boot.Tmpfs{{Target: "/b"}, {Target: "/c:d", Options: "size=1M,mode=0700"}}}},
		{[]string{"--overlay /l:+/u", "--overlay /l:+/m:/u:/t", "--overlay /l::/t"},
			boot.Spec{Overlays: []boot.Overlay{
				{Lower: []string{"/l"}, Upper: "+/u", Target: "/u"},
				{Lower: []string{"/l", "+/m"}, Upper: "/u", Target: "/t"},
				{Lower: []string{"/l"}, Target: "/t"},
			}}},
		{[]string{"--overlay-ro /l:/u:/t", "--overlay-ro /l:+/t", "--overlay-ro /l:/m::/t"},
			boot.Spec{Overlays: []boot.Overlay{
				{Lower: []string{"/l", "/u"}, Target: "/t", ReadOnly: true},
				{Lower: []string{"/l", "+/t"}, Target: "/t", ReadOnly: true},
				{Lower: []string{"/l", "/m"}, Target: "/t", ReadOnly: true},
			}}},
		{[]string{"--bind-user a", "--bind-user b.c", "--bind-user-shell no", "--bind-user-group wheel"},
			boot.Spec{Users: boot.Users{Bind: []string{"a", "b.c"}, BindShell: "no", BindGroups: []string{"wheel"}}}},
		{[]string{"--bind-user-shell /bin/zsh"}, boot.Spec{Users: boot.Users{BindShell: "/bin/zsh"}}},
		{[]string{"--console autopipe"}, boot.Spec{Console: "auto"}},
		{[]string{"-P"}, boot.Spec{Console: "pipe"}},
		{[]string{`--set-credential a:b:\x41\101\n\u00e4`, "--load-credential c:/d", "--load-credential e:f"},
			boot.Spec{Integration: boot.Integration{Credentials: []boot.Credential{{ID: "a", Value: "b:AA\nä"}, {ID: "c", Path: "/d"}, {ID: "e", Path: "f"}}}}},
	} {
		got, err := set(t, tt.lines...)
		if err != nil {
			t.Errorf("%q: %v", tt.lines, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.lines, diff)
		}
	}
}

func TestOptionsRefuse(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"--volatile maybe", `"maybe" is none of no, yes, state, overlay`},
		{"--image-policy boot=open", `no partition is called "boot"`},
		{"--pivot-root a", "not an absolute path"},
		{"--pivot-root /a:/b:/c", "NEW[:OLD]"},
		{"--pivot-root /a/../b", `a ".." in it`},
		{"--chdir a", "not an absolute path"},
		{"-E =a", "NAME=VALUE"},
		{"--kill-signal SIGFOO", `no signal "SIGFOO"`},
		{"--kill-signal 65", `no signal "65"`},
		{"--kill-signal RTMIN-1", "no signal"},
		{"--notify-ready maybe", "neither yes nor no"},
		{"--hostname -a", "not a host name"},
		{"--uuid 00000000000000000000000000000000", "not all of them 0"},
		{"--uuid 12", "32 hexadecimal digits"},
		{"--private-users a", "BASE[:COUNT]"},
		{"--private-users 1:0", "not a number from 1"},
		{"--private-users 4294901760:65536", "beyond the last id"},
		{"--private-users-ownership maybe", "is none of off, chown, map, auto, foreign"},
		{"--private-users-delegate 17", "from 0 to 16"},
		{"--network-interface a/b", "not the name of a network interface"},
		{"--network-bridge abcdefghijklmnop", "not the name of a network interface"},
		{"--network-zone abcdefghijklm", "may have 12 characters"},
		{"--network-namespace-path a", "not an absolute path"},
		{"--capability CAP_FOO", "CAP_FOO"},
		{"--restrict-address-families INET", "AF_INET"},
		{"--rlimit nofile", "NAME=LIMIT"},
		{"--rlimit foo=1", `no resource limit "foo"`},
		{"--rlimit nofile=2:1", "above the hard limit"},
		{"--rlimit nofile=1K", `"1K" is not a number`},
		{"--rlimit stack=1X", `"1X" is not a number of bytes`},
		{"--rlimit stack=99999999999E", "not a number of bytes"},
		{"--rlimit cpu=1 fortnight", "not a time"},
		{"--rlimit nice=41", "from 1 to 40"},
		{"--oom-score-adjust 1001", "from -1000 to 1000"},
		{"--cpu-affinity 3-1", "a range of them"},
		{"--personality vax", "architecture"},
		{"--property a", "NAME=VALUE"},
		{"--resolv-conf copy", "is none of off, auto, delete, copy-host"},
		{"--link-journal yes", "is none of no, auto"},
		{"--forward-journal a", "not an absolute path"},
		{"--forward-journal /a/../b", `a ".." in it`},
		{"--forward-journal-max-use infinity", "not a number of bytes"},
		{"--forward-journal-max-use 1X", "not a number of bytes"},
		{"--forward-journal-max-files -1", "not a number of files"},
		{"--bind a", "not an absolute path"},
		{"--bind /a:b", "not an absolute path"},
		{"--bind :", "not an absolute path"},
		{"--bind +", "is empty"},
		{`--bind /a\`, "ends with a backslash"},
		{"--bind /a:/b:idmapped", `option "idmapped"`},
		{"--bind /a:/b/../c", `a ".." in it`},
		{"--inaccessible a", "not an absolute path"},
		{"--tmpfs a:size=1M", "not an absolute path"},
		{"--overlay /a", "LOWER:…:UPPER"},
		{"--overlay a:/b", "not an absolute path"},
		{"--overlay ::/b", "not an absolute path"},
		{"--bind-user a/b", "not the name of a user"},
		{"--bind-user-shell zsh", "neither yes nor no nor an absolute path"},
		{"--console tty", "is none of interactive"},
		{"--set-credential a", "ID:VALUE"},
		{"--set-credential a/b:c", "not the name of a credential"},
		{`--set-credential a:\q`, "backslash"},
		{`--set-credential a:\x4`, "backslash"},
		{"--load-credential a:", "has no path"},
	} {
		got, err := set(t, tt.line)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", tt.line, err, tt.want)
		}
		if diff := cmp.Diff(boot.Spec{}, got); diff != "" {
			t.Errorf("%s is refused, but changes the spec:\n%s", tt.line, diff)
		}
	}
}
