// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hostDir makes a directory of the host's with these files, at a path without links.
func hostDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, files)
	return dir
}

func no() *bool { return new(bool) }

func TestBindsFromInside(t *testing.T) {
	needRoot(t)
	dir := hostDir(t, map[string]string{"f": "of the host", "sub/": "", "sub/g": "deep", "mine/": ""})
	if err := os.Chown(filepath.Join(dir, "mine"), 1234, 1235); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", filepath.Join(dir, "sub"), "tmpfs", 0, "mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(filepath.Join(dir, "sub"), unix.MNT_DETACH) })
	fill(t, dir, map[string]string{"sub/mounted": "below"})
	var root string
	wantInside(t, func(s *Spec) {
		root = s.Root
		fill(t, s.Root, map[string]string{"own/h": "of the image", "opt/owned/": ""})
		if err := os.Chown(filepath.Join(s.Root, "opt/owned"), 33, 34); err != nil {
			t.Fatal(err)
		}
		s.Binds = []Bind{
			{Source: dir, Target: "/mnt/all"},
			{Source: dir, Target: "/mnt/all/sub/ro", ReadOnly: true},
			{Source: dir, Target: "/mnt/flat", Recursive: no()},
			{Source: filepath.Join(dir, "f"), Target: "/etc/file", Map: "map"},
			{Source: filepath.Join(dir, "mine"), Target: "/mnt/mine", Map: "root"},
			{Source: filepath.Join(dir, "mine"), Target: "/opt/owned", Map: "owner"},
			{Source: "/own", Target: "/srv/own", Inside: true, ReadOnly: true},
			{Target: "/new"},
		}
	}, map[string]string{
		"read /mnt/all/f":                   "of the host",
		"stat /mnt/all/f":                   "65534:65534 100644",
		"write /mnt/all/f":                  "EACCES",
		"read /mnt/all/sub/mounted":         "below",
		"list /mnt/flat/sub":                "g",
		"read /mnt/all/sub/ro/sub/mounted":  "below",
		"write /mnt/all/sub/ro/sub/mounted": "EROFS",
		"remount /mnt/all/sub/ro":           "EPERM",
		"unmount /mnt/all/sub/ro/sub":       "EINVAL",
		"stat /etc/file":                    "0:0 100644",
		"write /etc/file":                   "done",
		"stat /mnt/mine":                    "0:0 40755",
		"write /mnt/mine/made":              "done",
		"stat /opt/owned":                   "33:34 40755",
		"read /srv/own/h":                   "of the image",
		"write /srv/own/h":                  "EROFS",
		"stat /new":                         "0:0 40755",
		"write /new/x":                      "done",
		"stat /mnt":                         "0:0 40755",
	})
	if b, _ := os.ReadFile(filepath.Join(dir, "f")); string(b) != "inside" {
		t.Errorf("the machine's root wrote %q to a file that is its own", b)
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(dir, "mine/made"), &st); err != nil || st.Uid != 1234 || st.Gid != 1235 {
		t.Errorf("a file made on a mapped bind is %d:%d's on the host, %v", st.Uid, st.Gid, err)
	}
	if err := unix.Lstat(filepath.Join(root, "mnt/all"), &st); err != nil || st.Uid != 0 {
		t.Errorf("the target made in the tree is %d's on the disk, %v", st.Uid, err)
	}
}

func TestVolumesAndTmpfs(t *testing.T) {
	needRoot(t)
	const name = "boot-test-volume"
	t.Cleanup(func() {
		os.RemoveAll(filepath.Join(Volumes, name))
		os.Remove(Volumes)
		os.Remove(filepath.Dir(Volumes))
	})
	change := func(s *Spec) {
		s.Volumes = []Volume{{Name: name, Target: "/srv/data"}, {Name: name, Target: "/srv/look", ReadOnly: true}}
		s.Tmpfs = []Tmpfs{{Target: "/cache"}, {Target: "/other", Options: "mode=0700,uid=5,gid=6,size=1m,ro,nosuid"}}
	}
	wantInside(t, change, map[string]string{
		"stat /srv/data":    "0:0 40755",
		"write /srv/data/x": "done",
		"write /srv/look/y": "EROFS",
		"stat /cache":       "0:0 40755",
		"type /cache":       "tmpfs",
		"write /cache/x":    "done",
		"stat /other":       "5:6 40700",
		"write /other/x":    "EROFS",
		"remount /other":    "EPERM",
	})
	wantInside(t, change, map[string]string{"read /srv/data/x": "inside", "list /cache": ""})
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(Volumes, name, "x"), &st); err != nil || st.Uid != 0 {
		t.Errorf("the volume's file is %d's on the disk, %v", st.Uid, err)
	}
}

func TestInaccessible(t *testing.T) {
	wantInside(t, func(s *Spec) {
		fill(t, s.Root, map[string]string{"secret/f": "x", "etc/key": "x", "etc/link": "->key2", "etc/key2": "x", "etc/root": "->/etc/key3", "etc/key3": "x"})
		if err := unix.Mkfifo(filepath.Join(s.Root, "pipe"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.Inaccessible = []string{"/secret", "/etc/key", "/etc/link", "/etc/root", "/pipe", "/proc/uptime"}
	}, map[string]string{
		"list /secret":      "EACCES",
		"read /etc/key":     "EACCES",
		"read /etc/key2":    "EACCES",
		"read /etc/key3":    "EACCES",
		"stat /pipe":        "65534:65534 10000",
		"read /proc/uptime": "EACCES",
		"unmount /etc/key":  "EINVAL",
		"unmount /secret":   "EINVAL",
	})
}

func TestOverlaysFromInside(t *testing.T) {
	needRoot(t)
	dir := hostDir(t, map[string]string{
		"a/low": "a", "a/both": "a", "b:c,d/both": "b", "b:c,d/high": "b", "up/there": "up", "rw/": "",
	})
	layers := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b:c,d")}
	change := func(s *Spec) {
		fill(t, s.Root, map[string]string{"img/low": "image", "img/own": "image", "top/": ""})
		s.Overlays = []Overlay{
			{Lower: layers, Upper: filepath.Join(dir, "up"), Target: "/mnt/rw"},
			{Lower: layers, Target: "/mnt/gone"},
			{Lower: layers, ReadOnly: true, Target: "/mnt/ro"},
			{Lower: layers[:1], ReadOnly: true, Target: "/mnt/one"},
			{Lower: []string{layers[0], "+/img"}, Upper: "+/top"},
		}
	}
	wantInside(t, change, map[string]string{
		"list /mnt/rw":         "both high low there",
		"read /mnt/rw/both":    "b",
		"stat /mnt/rw/low":     "0:0 100644",
		"stat /mnt/rw":         "0:0 40755",
		"write /mnt/rw/low":    "done",
		"write /mnt/gone/both": "done",
		"stat /mnt/gone":       "0:0 40755",
		"type /mnt/gone":       "overlay",
		"list /mnt/ro":         "both high low",
		"write /mnt/ro/low":    "EROFS",
		"remount /mnt/ro":      "EPERM",
		"list /mnt/one":        "both low",
		"write /mnt/one/low":   "EROFS",
		"read /top/low":        "image",
		"list /top":            "both low own",
		"write /top/new":       "done",
	})
	wantInside(t, func(s *Spec) { change(s) }, map[string]string{"read /mnt/rw/low": "inside", "read /mnt/gone/both": "b"})
	for name, want := range map[string]string{"a/low": "a", "b:c,d/both": "b", "up/low": "inside"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); string(b) != want {
			t.Errorf("%s on the host is %q, want %q, %v", name, b, want, err)
		}
	}
}

func TestVolatile(t *testing.T) {
	merged := func(t *testing.T, s *Spec) {
		fill(t, s.Root, map[string]string{
			"usr/bin/": "", "usr/sbin/": "", "usr/lib/": "", "usr/lib64/": "", "bin": "->usr/bin", "lib": "->usr/lib", "lib64": "->usr/lib64",
			"etc/f": "old", "var/log/": "", "usr/share/f": "old",
		})
		if err := os.Rename(filepath.Join(s.Root, "sbin/init"), filepath.Join(s.Root, "usr/sbin/init")); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(s.Root, "sbin")); err != nil {
			t.Fatal(err)
		}
		fill(t, s.Root, map[string]string{"sbin": "->usr/sbin"})
	}
	for how, want := range map[string]map[string]string{
		"yes": {
			"type /": "tmpfs", "stat /": "0:0 40755", "list /etc": "", "read /usr/share/f": "old", "write /usr/share/f": "EROFS",
			"write /etc/f": "done", "link /lib64": "usr/lib64", "link /bin": "usr/bin", "stat /root": "0:0 40750", "remount /usr": "EPERM",
		},
		"state": {
			"read /etc/f": "old", "write /etc/f": "EROFS", "list /var": "", "type /var": "tmpfs", "write /var/x": "done", "remount /": "EPERM",
		},
		"overlay": {
			"type /": "overlay", "stat /": "0:0 40755", "read /etc/f": "old", "write /etc/f": "done", "write /usr/share/f": "done", "list /var": "log",
		},
	} {
		t.Run(how, func(t *testing.T) {
			var root string
			wantInside(t, func(s *Spec) {
				root = s.Root
				merged(t, s)
				s.Volatile, s.Integration.Timezone = how, "off"
			}, want)
			for _, name := range []string{"etc/f", "usr/share/f"} {
				if b, _ := os.ReadFile(filepath.Join(root, name)); string(b) != "old" {
					t.Errorf("%s of the image is %q now", name, b)
				}
			}
		})
	}
	t.Run("not merged", func(t *testing.T) {
		needRoot(t)
		spec := Spec{Name: "boot-volatile", Root: tree(t), Volatile: "yes"}
		fill(t, spec.Root, map[string]string{"bin/": ""})
		if err := failToStart(t, spec); !strings.Contains(err.Error(), "the tree must have /bin, /sbin and /lib in /usr") {
			t.Error(err)
		}
	})
}

func TestRootFromElsewhere(t *testing.T) {
	needRoot(t)
	t.Run("pivot", func(t *testing.T) {
		wantInside(t, func(s *Spec) {
			deep := filepath.Join(s.Root, "ostree/deploy")
			fill(t, s.Root, map[string]string{"ostree/repo/f": "repo", "ostree/deploy/sysroot/": ""})
			for _, name := range []string{"sbin", "etc", "usr", "proc", "sys", "dev", "run", "tmp", "root"} {
				if err := os.Rename(filepath.Join(s.Root, name), filepath.Join(deep, name)); err != nil {
					t.Fatal(err)
				}
			}
			s.PivotRoot = "/ostree/deploy:/sysroot"
			s.Binds = []Bind{{Source: "/sysroot/ostree/repo", Target: "/repo", Inside: true, ReadOnly: true}}
		}, map[string]string{"read /repo/f": "repo", "list /sysroot/ostree": "deploy repo", "stat /sysroot": "0:0 40755", "write /sysroot/x": "done"})
	})
	t.Run("bind", func(t *testing.T) {
		other := tree(t)
		fill(t, other, map[string]string{"etc/f": "other"})
		wantInside(t, func(s *Spec) { s.Binds = []Bind{{Source: other, Target: "/", Map: "map"}} }, map[string]string{"read /etc/f": "other", "write /etc/f": "done"})
	})
	t.Run("overlay", func(t *testing.T) {
		other := hostDir(t, map[string]string{"etc/f": "other"})
		wantInside(t, func(s *Spec) { s.Overlays = []Overlay{{Lower: []string{"+/", other}, Target: "/"}} }, map[string]string{
			"read /etc/f": "other", "write /etc/f": "done", "type /": "overlay",
		})
		if b, _ := os.ReadFile(filepath.Join(other, "etc/f")); string(b) != "other" {
			t.Errorf("the lower file is %q now", b)
		}
	})
}

// What others may have put into a tree leads nowhere but into it, and a mistake gives one line that tells what is wrong.
func TestHostileTargets(t *testing.T) {
	needRoot(t)
	dir := hostDir(t, map[string]string{"d/f": "x", "file": "x"})
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	d, file := filepath.Join(dir, "d"), filepath.Join(dir, "file")
	outside := t.TempDir()
	t.Run("links stay inside", func(t *testing.T) {
		wantInside(t, func(s *Spec) {
			fill(t, s.Root, map[string]string{
				"up": "->../../../../../../../../" + outside, "abs": "->" + outside, outside[1:] + "/": "", "etc/there": "->/tmp2", "tmp2/": "",
				"etc/conf": "->../var/../run/x/conf", "var": "->/etc",
			})
			s.Binds = []Bind{
				{Source: d, Target: "/up/a"}, {Source: d, Target: "/abs/b"}, {Source: d, Target: "/etc/there"},
				{Source: filepath.Join(dir, "pipe"), Target: "/made/pipe"}, {Source: file, Target: "/var/conf"},
			}
		}, map[string]string{
			"read " + outside + "/a/f": "x", "read " + outside + "/b/f": "x", "read /tmp2/f": "x", "read /run/x/conf": "x", "stat /made/pipe": "65534:65534 10644",
		})
		if entries, _ := os.ReadDir(outside); len(entries) != 0 {
			t.Errorf("the host's directory has %v in it", entries)
		}
	})
	for name, tt := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"no source":          {func(s *Spec) { s.Binds = []Bind{{Source: "/nonexistent/x", Target: "/x"}} }, "bind host /nonexistent/x on /x: open /nonexistent/x: no such file or directory"},
		"no source inside":   {func(s *Spec) { s.Binds = []Bind{{Source: "/nonexistent", Target: "/x", Inside: true}} }, "bind /nonexistent on /x: open /nonexistent: no such file or directory"},
		"link to the root":   {func(s *Spec) { s.Binds = []Bind{{Source: d, Target: "/to-root"}} }, "/to-root leads to the root of the tree itself"},
		"links to nowhere":   {func(s *Spec) { s.Binds = []Bind{{Source: d, Target: "/round"}} }, "too many levels of symbolic links"},
		"endless link":       {func(s *Spec) { s.Binds = []Bind{{Source: d, Target: "/loop"}} }, "too many levels of symbolic links"},
		"directory on file":  {func(s *Spec) { s.Binds = []Bind{{Source: d, Target: "/etc/a-file"}} }, "/etc/a-file is a file in the tree, and a directory cannot be mounted on it"},
		"file on directory":  {func(s *Spec) { s.Binds = []Bind{{Source: file, Target: "/etc"}} }, "/etc is a directory in the tree, and a file cannot be mounted on it"},
		"below a file":       {func(s *Spec) { s.Binds = []Bind{{Source: d, Target: "/etc/a-file/x"}} }, "not a directory"},
		"magic link":         {func(s *Spec) { s.Binds = []Bind{{Source: d, Target: "/proc/self/cwd/x"}} }, "make /proc/self in the tree: no such file or directory"},
		"file as root":       {func(s *Spec) { s.Binds = []Bind{{Source: file, Target: "/"}} }, "not a directory"},
		"tmpfs on root link": {func(s *Spec) { s.Tmpfs = []Tmpfs{{Target: "/to-root"}} }, "leads to the root of the tree itself"},
		"bad tmpfs option":   {func(s *Spec) { s.Tmpfs = []Tmpfs{{Target: "/x", Options: "bogus=1"}} }, "mount tmpfs on /x bogus=1"},
		"nothing to hide":    {func(s *Spec) { s.Inaccessible = []string{"/nonexistent"} }, "make /nonexistent inaccessible: open /nonexistent: no such file or directory"},
		"overlay of a file":  {func(s *Spec) { s.Overlays = []Overlay{{Lower: []string{file}, Target: "/x"}} }, "not a directory"},
		"no lower":           {func(s *Spec) { s.Overlays = []Overlay{{Lower: []string{"/nonexistent"}, Target: "/x"}} }, "open /nonexistent: no such file or directory"},
		"no new root":        {func(s *Spec) { s.PivotRoot = "/nonexistent" }, "nonexistent"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := Spec{Name: "boot-hostile", Root: tree(t)}
			fill(t, spec.Root, map[string]string{"to-root": "->/", "round": "->/around/x", "around": "->/round/x", "loop": "->/loop", "etc/a-file": ""})
			tt.change(&spec)
			if err := failToStart(t, spec); !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
