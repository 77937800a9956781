// SPDX-License-Identifier: Apache-2.0

package escape_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/test/lab"
)

// linksScript looks whether the host has changed: what lies in /srv/canary, and what is mounted.
const linksScript = `
canary() {
	rm -rf /srv/canary; mkdir -p /srv/canary/{proc,sys,dev,run,tmp,etc,log,journal,host,root,mnt,empty}
	for file in file etc/passwd etc/resolv.conf etc/localtime etc/machine-id etc/os-release dev/null dev/console host/os-release; do echo "$secret" >/srv/canary/$file; done
}
look() { find /srv/canary -printf '%p %y %m %U:%G %s %i %l\n' | sort; cat /srv/canary/file /srv/canary/etc/*; findmnt -rno TARGET | grep -v -e '^/run/user' -e '^/run/credentials' -e '^/tmp/systemd-private' | sort; stat -c '%n %i %a' /etc/passwd /etc/resolv.conf /etc/localtime /etc/machine-id /dev/null /proc/sys/kernel/core_pattern; cat /proc/sys/kernel/core_pattern; }
`

// victims are the paths in a tree that a boot uses.
func victims() []string {
	return []string{"proc", "sys", "dev", "run", "tmp", "etc", "usr/lib/os-release", "etc/os-release", "etc/resolv.conf", "etc/localtime", "etc/machine-id",
		"etc/hostname", "var", "var/log", "var/log/journal", "root", "home", "mnt", "mnt/deep", "run/host", "run/systemd", "dev/null", "dev/console", "dev/shm",
		"dev/pts", "sys/fs", "proc/sys", "proc/kcore", "usr"}
}

// In one of the places in a tree that a boot mounts on, reads or writes, there is a symbolic link to something of the host, another one on each systemd: it leads
// to the place of that name in the tree, if anywhere (CVE-2021-30465, CVE-2025-31133, CVE-2025-52565, and systemd-nspawn's own of old).
func TestLinksInTheTree(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		script := image + linksScript + `secret=$1; v=$2; shift 2; canary; mkdir -p /srv/bound; echo bound >/srv/bound/file; before=$(look); ok=0
			modes=('--timezone=copy --resolv-conf=replace-host --link-journal=guest' '--timezone=bind --resolv-conf=bind-host --link-journal=host' '--timezone=symlink --resolv-conf=copy-host --read-only'
				'--timezone=delete --resolv-conf=delete --volatile=state' '--timezone=auto --resolv-conf=auto --volatile=overlay')
			n=$v
			for victim; do
				links=(/srv/canary ../../../../../../../../../srv/canary /proc/1/root/srv/canary /proc/self/cwd)
				to=${links[v++ % 4]}
				tree=/var/lib/machines/linked; image linked
				mkdir -p "$tree/$(dirname $victim)"; rm -rf "$tree/$victim"
				[[ $to == */canary ]] && leaf=/$(basename $victim) || leaf=
				ln -s "$to$leaf" "$tree/$victim"
				mode=${modes[n++ % ${#modes[@]}]}
				if timeout 20 mctl run --settings=no --register=no $mode --bind=/srv/bound:/mnt/deep/bound --bind=/srv/bound/file:/root/bound-file --tmpfs=/home/tmp \
					--inaccessible=/etc/passwd --set-credential=x:y --directory=$tree /usr/bin/attacker search >/tmp/said 2>/tmp/errors; then ok=$((ok + 1)); fi
				if grep -q ^broken /tmp/said; then echo "$victim -> $to$leaf ($mode): $(grep ^broken /tmp/said)"; fi
				if [[ $(look) != "$before" ]]; then echo "$victim -> $to$leaf ($mode): the host has changed:"; diff <(echo "$before") <(look) || true; canary; before=$(look); fi
			done
			rm -rf /var/lib/machines/linked; find /var/log/journal -mindepth 1 -maxdepth 1 ! -name "$(cat /etc/machine-id)" -exec rm -rf {} +; canary
			echo "started $ok" >&2; ((ok >= 10)) || echo "only $ok of the machines started"`
		out, errs, code := h.Try(script, append([]string{secret, fmt.Sprint(slices.Index(lab.Suites(), h.suite))}, victims()...)...)
		show(t, errs)
		if code != 0 || out != "" {
			t.Errorf("exit status %d\n%s", code, out)
		}
	})
}

// attackSearch looks through all files that it can see for what the host's have in them.
func attackSearch(r *record, _ []string) {
	looked := 0
	_ = filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case d.IsDir() && ofKernel(path):
			return filepath.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > 1<<16 {
			return nil
		}
		looked++
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), secret) {
			r.broken("%s has what only the host has", path)
		}
		return nil
	})
	r.held("%d files", looked)
}

// ofKernel tells whether a directory is in a file system in which the kernel shows itself, in which there are files that wait.
func ofKernel(path string) bool {
	var kind unix.Statfs_t
	return unix.Statfs(path, &kind) != nil || kind.Type == unix.PROC_SUPER_MAGIC || kind.Type == unix.SYSFS_MAGIC || kind.Type == unix.CGROUP2_SUPER_MAGIC
}

// While machines start, somebody with a hand in their tree swaps a directory in it with a link that leads out (CVE-2021-30465, CVE-2024-45310, CVE-2025-52565).
func TestRacingLinks(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		out, errs, code := h.Try(image+linksScript+`secret=$1; canary; mkdir -p /srv/bound/sub; echo bound >/srv/bound/file
			tree=/var/lib/machines/racing; image racing; mkdir -p $tree/mnt/deep; before=$(look); started=0
			for pair in "mnt/deep /srv/canary/mnt" "run ../../../../../../srv/canary/run" "etc /srv/canary/etc" "proc /proc/1/root/srv/canary/proc"; do
				attacker swap $tree/${pair% *} $tree/link ${pair#* } & swap=$!
				for i in {1..5}; do
					if timeout 20 mctl run --settings=no --register=no --timezone=copy --resolv-conf=replace-host --bind=/srv/bound:/mnt/deep/bound/sub --tmpfs=/mnt/deep/tmp \
						--directory=$tree /usr/bin/attacker search >/tmp/said 2>>/tmp/racing; then started=$((started + 1)); fi
					if grep -q ^broken /tmp/said; then cat /tmp/said; fi
					if [[ $(look) != "$before" ]]; then echo "the host has changed:"; diff <(echo "$before") <(look) || true; canary; before=$(look); fi
				done
				kill $swap; wait $swap || true
				[[ ! -L $tree/${pair% *} ]] || attacker exchange $tree/${pair% *} $tree/link >/dev/null; rm $tree/link
			done
			echo "started $started" >&2; rm -rf $tree; canary
			((started > 0)) || { echo "no machine started"; tail -n 3 /tmp/racing; }`, secret)
		show(t, errs)
		if code != 0 || out != "" {
			t.Errorf("exit status %d\n%s%s", code, out, errs)
		}
	})
}

// swap is on the host: it swaps a directory with a link, again and again. Its words are directory, link, and where that leads.
func swap(r *record, args []string) {
	r.control(os.Symlink(args[2], args[1]), "link %s", args[1])
	for {
		swapBack(r, args)
		time.Sleep(300 * time.Microsecond)
	}
}

func swapBack(r *record, args []string) {
	r.control(unix.Renameat2(unix.AT_FDCWD, args[0], unix.AT_FDCWD, args[1], unix.RENAME_EXCHANGE), "swap %s", args)
}

// What the host reads of a running machine for its administrator is the machine's, though links in it lead to the host's files.
func TestLinksAndTheHostsTools(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.Sh(t, linksScript+`secret=$1; canary; tree=/var/lib/machines/prey; ln -sfn /srv/canary/file $tree/tmp-link; ln -sfn ../../../../../srv/canary $tree/home/out
			ln -sfn ../../../../../srv/canary/etc/os-release $tree/etc/os-release`, secret)
		defer h.Sh(t, `rm -f /var/lib/machines/prey/{tmp-link,home/out,etc/os-release}`)
		h.start(t, "prey")
		out, errs, _ := h.Try(linksScript + `before=$(look); set +e
			for path in /tmp-link /home/out /home/out/file; do machinectl copy-from prey $path /tmp/got; find /tmp/got -type f -exec cat {} +; rm -rf /tmp/got; done
			machinectl copy-to prey /etc/hostname /home/out/made; machinectl copy-to prey /srv/bound /home/out/made-too; machinectl bind --mkdir prey /etc /home/out/made-three
			machinectl show prey; machinectl list; machinectl status prey --no-pager; mctl status prey; mctl list
			busctl call org.freedesktop.machine1 /org/freedesktop/machine1 org.freedesktop.machine1.Manager GetMachineOSRelease s prey
			[[ $(look) == "$before" ]] || { echo "the host has changed"; diff <(echo "$before") <(look); }`)
		for _, bad := range []string{secret, "the host has changed"} {
			if strings.Contains(out, bad) {
				t.Errorf("%q is in\n%s%s", bad, out, errs)
			}
		}
		if !strings.Contains(out, "Name=prey") {
			t.Errorf("the machine is not there:\n%s%s", out, errs)
		}
	})
}

// unsafeSettings are what an image maker would put beside an image, in both languages.
func unsafeSettings() map[string]string {
	return map[string]string{
		"prey.toml": `hostname = "harmless"
ephemeral = false
read_only = false
[users]
namespace = "no"
[security]
add_capabilities = ["all"]
allow_system_calls = ["@raw-io", "@module", "@clock", "bpf", "keyctl"]
nesting = true
[network]
private = false
[resources]
slice = "system.slice"
[limits]
oom_score_adjust = -1000
[[bind]]
source = "/srv/canary"
target = "/canary"
[[bind]]
source = "/"
target = "/mnt"
[[device]]
path = "/dev/loop-control"
access = "rwm"
[[integration.credential]]
id = "stolen"
path = "/srv/canary/file"
`,
		"prey.nspawn": `[Exec]
Hostname=harmless
PrivateUsers=no
Capability=all
AmbientCapability=all
SystemCallFilter=@raw-io @module @clock bpf keyctl
Ephemeral=yes
OOMScoreAdjust=-1000
LinkJournal=host
BindUser=user
[Files]
Bind=/srv/canary:/canary
BindReadOnly=/:/mnt
BindUser=user
BindUserShell=yes
Overlay=/srv/canary:/mnt:/mnt
Volatile=no
PrivateUsersOwnership=chown
[Network]
Private=no
VirtualEthernet=no
Interface=lo
Zone=evil
Port=80
`,
	}
}

// A file beside an image, or in it, gives its machine nothing (CVE-2026-40226: PivotRoot=, BindUser= and Ephemeral= of such files).
func TestSettingsBesideTheImage(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.Sh(t, linksScript+`secret=$1; canary`, secret)
		rights := func(flags string) string {
			out, _, _ := h.Try(`mctl run $1 --register=no --machine=prey --hostname=same --network=none --directory=/var/lib/machines/prey /usr/bin/attacker rights 2>/tmp/said`, flags)
			return out
		}
		plain := rights("--settings=no")
		judge(t, plain)
		for name, text := range unsafeSettings() {
			t.Run(name, func(t *testing.T) {
				h.feed(t, []byte(text), `cat >/var/lib/machines/`+name)
				defer h.Sh(t, `rm -f /var/lib/machines/"$1"`, name)
				if got := rights(""); unnumbered(got) != unnumbered(plain) {
					t.Errorf("with %s:\n%s\nwithout:\n%s", name, got, plain)
				}
				said := h.Sh(t, `cat /tmp/said`)
				if !strings.Contains(said, "ignored") {
					t.Errorf("nothing is said of what is ignored: %q", said)
				}
				out, errs, code := h.Try(`mctl run --register=no --directory=/var/lib/machines/prey /usr/bin/attacker outside; mctl run --register=no --directory=/var/lib/machines/prey /usr/bin/attacker search`)
				if code != 0 || strings.Contains(out, wordBroken) {
					t.Errorf("exit status %d\n%s%s", code, out, errs)
				}
			})
		}
		for _, root := range []string{"/../../../srv/canary", "/home/up", "/home/..:/../../srv/canary"} {
			t.Run("pivot root "+root, func(t *testing.T) { h.pivot(t, root) })
		}
	})
}

// unnumbered leaves out what differs from one run to the next.
func unnumbered(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "_map:") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// pivot has a file beside the image ask for another root.
func (h *host) pivot(t *testing.T, root string) {
	out, errs, code := h.Try(linksScript+`cd /var/lib/machines; ln -sfn ../../../../../../.. prey/home/up; before=$(look)
		printf '[Exec]\nPivotRoot=%s\n' "$1" >prey.nspawn; mctl run --register=no --directory=$PWD/prey /usr/bin/attacker outside || true; rm prey.nspawn
		printf 'pivot_root = "%s"\n' "$1" >prey.toml; mctl run --register=no --directory=$PWD/prey /usr/bin/attacker outside || true; rm prey.toml
		rm prey/home/up; [[ $(look) == "$before" ]] || { diff <(echo "$before") <(look); exit 1; }`, root)
	if code != 0 || strings.Contains(out, wordBroken) {
		t.Errorf("exit status %d\n%s%s", code, out, errs)
	}
	show(t, out+errs)
}

// A settings file that is a link to a file of the host is not read for whoever made the image, nor is anything waited for.
func TestSettingsThatAreLinks(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.Sh(t, `printf '[Exec]\n%s=x\nHostname\n%s\n' "$1" "$1" >/srv/canary/settings`, secret)
		out, errs, code := h.Try(`cd /var/lib/machines
			for name in prey.toml prey.nspawn; do
				for kind in "ln -s /srv/canary/settings" "ln -s /srv/canary/file" mkfifo "ln -s /dev/zero" "ln -s /proc/kmsg"; do
					code=0; $kind $name; timeout 10 mctl run --register=no --directory=$PWD/prey /usr/bin/attacker outside || code=$?; rm $name
					[[ $code == 0 || $code == 125 ]] || echo "$kind $name: exit status $code"
				done
			done`)
		if strings.Contains(out+errs, secret) || code != 0 || strings.Contains(out, wordBroken) || strings.Contains(out, "exit status") {
			t.Errorf("exit status %d\n%s%s", code, out, errs)
		}
	})
}
