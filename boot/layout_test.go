// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"machined-go/boot/sys"
)

// layouts are specs of which only the files matter.
var layouts = []struct {
	name string
	spec Spec
}{
	{"plain", Spec{}},
	{"of the range already", Spec{Users: Users{Namespace: "range", Base: 1 << 20}}},
	{"read-only", Spec{ReadOnly: true}},
	{"volatile yes", Spec{Volatile: "yes", ReadOnly: true}},
	{"volatile state", Spec{Volatile: "state", Binds: []Bind{{Source: "/data", Target: "/var/data"}}}},
	{"volatile overlay", Spec{Volatile: "overlay"}},
	{"ephemeral", Spec{Ephemeral: true, ReadOnly: true}},
	{"ephemeral and volatile", Spec{Ephemeral: true, Volatile: "overlay"}},
	{"ephemeral state", Spec{Ephemeral: true, Volatile: "state", PivotRoot: "/x"}},
	{"pivot", Spec{PivotRoot: "/deploy/1"}},
	{"pivot with old root", Spec{PivotRoot: "/deploy/1:/sysroot", Volatile: "yes"}},
	{"binds", Spec{Binds: []Bind{
		{Source: "/srv/a"}, {Source: "/srv/b", Target: "/b/", ReadOnly: true}, {Source: "/srv/c", Target: "/c", Recursive: no()},
		{Source: "/in", Target: "/d", Inside: true}, {Target: "/new"}, {Target: "/second"},
		{Source: "/e", Map: "none"}, {Source: "/f", Map: "map"}, {Source: "/g", Map: "root"}, {Source: "/h", Map: "owner"},
	}}},
	{"tmpfs", Spec{Tmpfs: []Tmpfs{{Target: "/a"}, {Target: "/b", Options: "size=1m,noexec,uid=7,mode=0700"}}}},
	{"overlays", Spec{Overlays: []Overlay{
		{Lower: []string{"/l1", "/l2"}, Upper: "/up", Target: "/a"}, {Lower: []string{"+/l"}, Upper: "+/up"}, {Lower: []string{"/l"}, Target: "/gone"},
		{Lower: []string{"/l1", "/l2"}, ReadOnly: true, Target: "/ro"}, {Lower: []string{"/only"}, ReadOnly: true},
	}}},
	{"volumes", Spec{Volumes: []Volume{{Name: "data", Target: "/srv"}, {Name: "more", Target: "/more", ReadOnly: true}}}},
	{"inaccessible", Spec{Inaccessible: []string{"/etc/secret/", "/proc/uptime"}}},
	{"sorted", Spec{
		Binds:        []Bind{{Source: "/1", Target: "/x/y"}, {Source: "/2", Target: "/x"}, {Source: "/3", Target: "/x-y"}, {Source: "/4", Target: "/x/y/z"}},
		Tmpfs:        []Tmpfs{{Target: "/x/y"}},
		Inaccessible: []string{"/x/y"},
	}},
	{"disk", Spec{Parts: disk("/", "/usr", "/boot", "/efi", "/home", "/var/tmp"), PivotRoot: "/deploy"}},
	{"disk, read-only", Spec{Parts: disk("/", "/efi"), ReadOnly: true}},
	{"disk of /usr", Spec{Parts: disk("/usr", "/var"), Volatile: "state"}},
	{"disk, ephemeral", Spec{Parts: disk("/", "/efi", "/home"), Ephemeral: true}},
	{"layers", Spec{Stack: &sys.Stack{Layers: branches("/l0", "/l1.raw"), Upper: &branches("/rw")[0], Graftings: []sys.Grafting{
		{Branch: sys.Branch{Path: "/srv"}, Target: "/srv"}, {Branch: sys.Branch{Path: "/x"}, Target: "/x", ReadOnly: true}}}}},
	{"layers, read-only", Spec{Stack: &sys.Stack{Layers: branches("/l0"), Upper: &branches("/rw.raw")[0]}, Volatile: "overlay"}},
	{"layers of /usr", Spec{Stack: &sys.Stack{Layers: branches("/l0", "/l1"), Root: &sys.Grafting{Branch: sys.Branch{Path: "/root"}, Target: "/"}}}},
	{"root", Spec{Binds: []Bind{{Source: "/other", Target: "/", Map: "map"}}, Tmpfs: []Tmpfs{{Target: "/run/x"}}}},
	{"root in memory", Spec{Tmpfs: []Tmpfs{{Target: "/", Options: "size=1g"}}, Binds: []Bind{{Source: "/usr", ReadOnly: true}}}},
}

// disk is a disk image with partitions for these places.
func disk(targets ...string) []sys.Part {
	var parts []sys.Part
	for i, target := range targets {
		p := sys.Part{Path: "/var/lib/machines/web.raw", Offset: int64(i+1) << 20, Size: 1 << 20, Type: "ext4", Target: target}
		if target == "/efi" {
			p.Type = "vfat"
		}
		parts = append(parts, p)
	}
	return parts
}

// branches are directories, and disk images, of a stack.
func branches(paths ...string) []sys.Branch {
	var list []sys.Branch
	for _, path := range paths {
		b := sys.Branch{Path: path}
		if strings.HasSuffix(path, ".raw") {
			b.Disk = &sys.Part{Path: path, Size: 1 << 20, Type: "erofs", Target: "/"}
		}
		list = append(list, b)
	}
	return list
}

func TestLayoutGolden(t *testing.T) {
	var b strings.Builder
	for _, l := range layouts {
		spec := l.spec
		spec.Name, spec.Root = "web", "/var/lib/machines/web"
		if err := spec.Validate(); err != nil {
			t.Errorf("%s: %v", l.name, err)
		}
		f := facts()
		f.Scratch = "/var/tmp/machined-go/web-1"
		plan, err := NewPlan(spec, f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "# %s\n", l.name)
		for _, op := range plan.base {
			fmt.Fprintln(&b, op)
		}
		fmt.Fprintln(&b, "…")
		for _, op := range plan.custom {
			fmt.Fprintln(&b, op)
		}
		if spec.sealed() {
			fmt.Fprintln(&b, plan.Mounts[len(plan.Mounts)-1])
		}
	}
	golden := filepath.Join("testdata", "layouts")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("layouts differ from %s (-golden +now):\n%s", golden, diff)
	}
}

func TestSnapshotTakesThePlaceOfTheImage(t *testing.T) {
	f := facts()
	f.Snapshot = "/var/lib/machines/.#machined-go-web-1"
	plan, err := NewPlan(Spec{Name: "web", Root: "/var/lib/machines/web", Ephemeral: true}, f)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(plan.base), "[bind host "+f.Snapshot+" on /, ID-mapped]"; got != want {
		t.Errorf("root is made by %s, want %s", got, want)
	}
}

func TestValidateFiles(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		want string
	}{
		{Spec{Binds: []Bind{{Source: "rel", Target: "/x"}}}, `source of bind "rel" is not an absolute path`},
		{Spec{Binds: []Bind{{Source: "/x", Target: "rel"}}}, `target of bind "rel" is not an absolute path`},
		{Spec{Binds: []Bind{{Source: "/x", Target: "/a/../b"}}}, `target of bind "/a/../b" has a ".." in it`},
		{Spec{Binds: []Bind{{Source: "/x\x00"}}}, "NUL byte"},
		{Spec{Binds: []Bind{{}}}, "bind of a new directory"},
		{Spec{Binds: []Bind{{Target: "/x", Inside: true}}}, "bind of a new directory"},
		{Spec{Binds: []Bind{{Source: "/x", Map: "all"}}}, `bind on "/x": map "all" is none of none, map, root, owner`},
		{Spec{Tmpfs: []Tmpfs{{}}}, `target of tmpfs "" is not an absolute path`},
		{Spec{Tmpfs: []Tmpfs{{Target: "/x", Options: "a\x00"}}}, "NUL byte"},
		{Spec{Overlays: []Overlay{{Target: "/x"}}}, `overlay on "/x" has no lower directory`},
		{Spec{Overlays: []Overlay{{Lower: []string{"x"}, Target: "/x"}}}, `lower directory of overlay "x" is not an absolute path`},
		{Spec{Overlays: []Overlay{{Lower: []string{"/l"}, Upper: "/", Target: "/x"}}}, `upper directory of overlay on "/x" cannot be "/"`},
		{Spec{Overlays: []Overlay{{Lower: []string{"/l"}, Upper: "/u", ReadOnly: true}}}, "is read-only and has an upper directory"},
		{Spec{Volumes: []Volume{{Name: "../x", Target: "/x"}}}, `volume name "../x" is not valid`},
		{Spec{Volumes: []Volume{{Name: ".x", Target: "/x"}}}, `volume name ".x" is not valid`},
		{Spec{Volumes: []Volume{{Name: "x", Target: "x"}}}, `target of volume "x" is not an absolute path`},
		{Spec{Volatile: "maybe"}, `volatile "maybe" is none of no, yes, state, overlay`},
		{Spec{Inaccessible: []string{"x"}}, `inaccessible path "x" is not an absolute path`},
		{Spec{Ephemeral: true, Integration: Integration{LinkJournal: "host"}}, `link_journal "host" is for machines that stay`},
		{Spec{Template: "a/b"}, `template "a/b" is not an absolute path`},
		{Spec{Template: "base", Ephemeral: true}, "template and ephemeral exclude each other"},
		{Spec{PivotRoot: "/"}, "a root cannot be its own old one"},
		{Spec{PivotRoot: "x"}, `new root of pivot_root "x" is not an absolute path`},
		{Spec{PivotRoot: "/x:y"}, `old root of pivot_root "y" is not an absolute path`},
	} {
		spec := tt.spec
		spec.Name, spec.Root = "web", "/"
		if err := spec.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got error %v, want %q", tt.spec, err, tt.want)
		}
	}
}
