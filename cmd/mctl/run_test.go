// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"machined-go/boot"
)

// nspawnOptions are those of systemd-nspawn 262, as getopt_long(3) would write them: with ":" if they take a value, "::" if they may.
const nspawnOptions = `
h/help version q/quiet no-pager settings: cleanup no-ask-password D/directory: template: x/ephemeral i/image: image-policy:
mstack: oci-bundle: read-only volatile:: root-hash: root-hash-sig: verity-data: pivot-root: a/as-pid2 b/boot chdir: E/setenv: u/uid:
kill-signal: notify-ready: suppress-sync: M/machine: hostname: uuid: S/slice: property: register: keep-unit private-users::
private-users-ownership: private-users-chown:: private-users-delegate: U/U private-network network-interface: network-macvlan:
network-ipvlan: n/network-veth network-veth-extra: network-bridge: network-zone: network-namespace-path: p/port: capability:
drop-capability: ambient-capability: no-new-privileges: system-call-filter: restrict-address-families: Z/selinux-context:
L/selinux-apifs-context: rlimit: oom-score-adjust: cpu-affinity: personality: resolv-conf: timezone: link-journal: j/j
forward-journal: forward-journal-max-use: forward-journal-keep-free: forward-journal-max-file-size: forward-journal-max-files:
bind: bind-ro: inaccessible: tmpfs: overlay: overlay-ro: bind-user: bind-user-shell: bind-user-group: console: P/pipe background:
set-credential: load-credential: share-system user: system`

// A command line of systemd-nspawn is understood by run: what takes a value there does here, in the same form.
func TestRunKnowsNspawnsOptions(t *testing.T) {
	cmd := newRunCmd(&app{})
	cmd.InitDefaultHelpFlag()
	for _, word := range strings.Fields(nspawnOptions) {
		long := strings.TrimRight(word, ":")
		colons := len(word) - len(long)
		short := ""
		if s, l, ok := strings.Cut(long, "/"); ok {
			short, long = s, l
		}
		if long == "oci-bundle" || long == "version" {
			continue // not run's, or not yet
		}
		f := cmd.Flags().Lookup(long)
		if f == nil {
			t.Errorf("run has no --%s", long)
			continue
		}
		if f.Shorthand != short {
			t.Errorf("--%s is -%s, want -%s", long, f.Shorthand, short)
		}
		if optional := f.NoOptDefVal != ""; optional != (colons != 1) {
			t.Errorf("--%s: may stand alone: %v", long, optional)
		}
		if arg := f.Value.Type() != "" && f.Value.Type() != "bool"; arg != (colons > 0) {
			t.Errorf("--%s: takes a value: %v", long, arg)
		}
	}
}

// parseRun reads a command line of run, after "run".
func parseRun(t *testing.T, line string) (*runOptions, []string, error) {
	t.Helper()
	o := new(runOptions)
	cmd := newRunCmd(&app{})
	cmd.ResetFlags()
	o.addFlags(cmd.Flags())
	err := cmd.ParseFlags(strings.Fields(line))
	return o, cmd.Flags().Args(), err
}

func TestRunFlags(t *testing.T) {
	t.Setenv("FROM_HERE", "x=y")
	t.Setenv("CREDENTIALS_DIRECTORY", "/run/credentials/u")
	private, shared := true, false
	dir := t.TempDir()
	t.Chdir(dir)
	volumes := []boot.Volume{{Name: "a", Target: "/b"}, {Name: "c", Target: "/d", ReadOnly: true}}
	for _, tt := range []struct {
		line string
		want boot.Spec
	}{
		{"-xE A=1 -E FROM_HERE --hostname a", boot.Spec{Ephemeral: true, Hostname: "a", Environment: map[string]string{"A": "1", "FROM_HERE": "x=y"}}},
		{"--bind rel --bind=+/in:/x --bind-ro=./a\\:b:/y", boot.Spec{Binds: []boot.Bind{
			{Source: filepath.Join(dir, "rel"), Target: filepath.Join(dir, "rel")}, {Source: "/in", Inside: true, Target: "/x"},
			{Source: filepath.Join(dir, "a:b"), Target: "/y", ReadOnly: true}}}},
		{"-U -n --read-only=no", boot.Spec{Users: boot.Users{Namespace: "pick", Ownership: "auto"}, Network: boot.Network{Veth: new(true), Private: &private}}},
		{"--network=none", boot.Spec{Network: boot.Network{Private: &private, Veth: new(false)}}},
		{"--network=host", boot.Spec{Network: boot.Network{Private: &shared, Veth: new(false)}}},
		{"--forward-journal logs --image-policy root=open", boot.Spec{ImagePolicy: "root=open", Integration: boot.Integration{ForwardJournal: filepath.Join(dir, "logs")}}},
		{"--load-credential a:b --load-credential c:/d", boot.Spec{Integration: boot.Integration{Credentials: []boot.Credential{
			{ID: "a", Path: "/run/credentials/u/b"}, {ID: "c", Path: "/d"}}}}},
		{"--volume a:/b --volume c:/d:ro --device /dev/fuse --device /dev/kvm:/dev/k:rw --nesting", boot.Spec{
			Volumes: volumes, Devices: []boot.Device{{Path: "/dev/fuse"}, {Path: "/dev/kvm", Target: "/dev/k", Access: "rw"}}, Security: boot.Security{Nesting: true}}},
		{"--cpu 50% --cpu-weight 10 --cpus 0 --memory 1G --memory-high 1 --memory-low 2 --swap 0 --tasks 5 --io-weight 7 --disk 1G", boot.Spec{
			Resources: boot.Resources{CPU: "50%", CPUWeight: 10, CPUs: "0", Memory: "1G", MemoryHigh: "1", MemoryLow: "2", Swap: "0", Tasks: "5", IOWeight: 7, Disk: "1G"}}},
		{"--io-read /dev/a=1M --io-read /dev/b=2M --io-write-ops /=3", boot.Spec{Resources: boot.Resources{
			IORead: map[string]string{"/dev/a": "1M", "/dev/b": "2M"}, IOWriteOps: map[string]string{"/": "3"}}}},
		{"--user daemon --template /t -q --no-pager --system", boot.Spec{User: "daemon", Template: "/t"}},
	} {
		o, args, err := parseRun(t, tt.line+" deb /bin/true --bind=/x")
		if err != nil {
			t.Errorf("%s: %v", tt.line, err)
			continue
		}
		if diff := cmp.Diff(tt.want, o.alone); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.line, diff)
		}
		if want := []string{"deb", "/bin/true", "--bind=/x"}; !cmp.Equal(want, args) {
			t.Errorf("%s: arguments %q", tt.line, args)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"-a -b deb", "--boot and --as-pid2"},
		{"-D /a -i /b", "name one image"},
		{"-D /a --mstack /b", "name one image"},
		{"--template /a -i /b", "--template makes a directory"},
		{"--rm -D /a", "--rm removes"},
		{"-n --network-namespace-path /a deb", "--network-namespace-path"},
		{"--settings maybe deb", "--settings=maybe"},
		{"--register maybe -D /a", "--register=maybe"},
		{"", "name an image"},
		{"--root-hash 12 deb", "verity"},
		{"--image-policy root=secure deb", `no flag is called "secure"`},
		{"--forward-journal-max-use 1G -D /a", "there is none"},
		{"--forward-journal /a --set-credential journal.forward_to_socket:/x -D /a", "exclude each other"},
		{"--user -D deb", "--uid"},
		{"-E NOT_HERE_AT_ALL deb", `no variable "NOT_HERE_AT_ALL"`},
		{"--background red deb", "not a colour"},
		{"--volume a deb", "NAME:INSIDE"},
		{"--device a deb", "PATH[:INSIDE"},
		{"--network=some deb", "veth, none, host"},
		{"--cpu-weight 0 deb", "from 1 to 10000"},
		{"--io-read 1M deb", "DEVICE=RATE"},
		{"--machine= deb", "empty"},
	} {
		o, args, err := parseRun(t, tt.line)
		if err == nil {
			_, err = (&app{}).resolve(o, args)
		}
		if err == nil {
			_, err = o.registry(nil)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("run %s: error %v, want one line with %q", tt.line, err, tt.want)
		}
	}
}

func TestRunChoosesTheImage(t *testing.T) {
	dir := t.TempDir()
	tool := filepath.Join(dir, "tool")
	if err := os.WriteFile(tool, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ line, root, name, args string }{
		{dir, dir, filepath.Base(dir), ""},
		{dir + " /bin/a b", dir, filepath.Base(dir), "/bin/a b"},
		{"-D " + dir + " /bin/a b", dir, filepath.Base(dir), "/bin/a b"},
		{"-M web -D " + dir + "/x/.. c", dir, "web", "c"},
		{"-i /srv/web.raw -b c", "/srv/web.raw", "web", "c"},
		{"--mstack /srv/web.mstack", "/srv/web.mstack", "web", ""},
		{"-M web " + tool, tool, "web", ""}, // there is no image "web", so this is taken for one
		{"--template /t new-one", "/var/lib/machines/new-one", "new-one", ""},
	} {
		o, args, err := parseRun(t, tt.line)
		if err != nil {
			t.Fatal(err)
		}
		root, rest, err := o.choose(args)
		if name := imageName(root); err != nil || root != tt.root || strings.Join(rest, " ") != tt.args || o.name == "" && name != tt.name {
			t.Errorf("run %s: root %q, name %q, arguments %q, %v", tt.line, root, name, rest, err)
		}
	}
}

// Flags count more than what was there, and lists go on; but the network is described as a whole.
func TestRunFlagsOverSettings(t *testing.T) {
	private := true
	spec := boot.Spec{
		Hostname: "old", Tmpfs: []boot.Tmpfs{{Target: "/a"}}, Environment: map[string]string{"A": "1", "B": "2"},
		Network: boot.Network{Zone: "z", Veth: new(true), Ports: []string{"1"}},
	}
	o, _, err := parseRun(t, "--hostname new --tmpfs /b -E B=3 --network-bridge br0 -p 2")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.apply(&spec); err != nil {
		t.Fatal(err)
	}
	want := boot.Spec{
		Hostname: "new", Tmpfs: []boot.Tmpfs{{Target: "/a"}, {Target: "/b"}}, Environment: map[string]string{"A": "1", "B": "3"},
		Network: boot.Network{Bridge: "br0", Veth: new(true), Private: &private, Ports: []string{"1", "2"}},
	}
	if diff := cmp.Diff(want, spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func TestPassingNames(t *testing.T) {
	for _, name := range []string{"deb", strings.Repeat("a", 64), strings.Repeat("a", 46) + "-" + strings.Repeat("b", 17)} {
		a, b := passing(name), passing(name)
		if a == b || boot.CheckName(a) != nil || !strings.HasPrefix(a, name[:min(len(name), 46)]) {
			t.Errorf("names %q and %q for machines from %q", a, b, name)
		}
	}
}
