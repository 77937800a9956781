// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"machined-go/boot/handover"
	"machined-go/boot/sys"
)

// guardOnce executes itself again as Guard does, with a file that is stored, and then tells what it finds.
func guardOnce() int {
	var st unix.Statfs_t
	manager := handover.FromEnv()
	if err := unix.Statfs("/proc/self/exe", &st); err != nil || st.Flags&unix.ST_RDONLY == 0 {
		fmt.Println(again("/proc/self/exe", manager, map[string][]*os.File{"stored": {os.NewFile(3, "stored")}}))
		return 1
	}
	stored, err := os.ReadFile("/proc/self/fd/3")
	fmt.Println(string(stored), err, manager.Environ(), os.Args[1:])
	// What is executed cannot be written to anyhow; that it cannot be even later is what the mount is for.
	err = unix.Access("/proc/self/exe", unix.W_OK)
	fmt.Println(err, unix.Mount("", "/proc/self/exe", "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	return 0
}

func TestGuard(t *testing.T) {
	needRoot(t)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString("kept"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "word")
	cmd.Env, cmd.ExtraFiles = []string{insideVar + "=guard", "NOTIFY_SOCKET=/run/x"}, []*os.File{file}
	out, err := cmd.CombinedOutput()
	want := "kept <nil> [NOTIFY_SOCKET=/run/x] [word]\n" + unix.EROFS.Error() + " " + unix.EINVAL.Error() + "\n"
	if err != nil || string(out) != want {
		t.Errorf("printed %q, %v, want %q", out, err, want)
	}
}

func TestGuardIsForHostRootAlone(t *testing.T) {
	for _, spec := range []Spec{{}, {Users: Users{Namespace: usersIdentity}}, {Container: new(Container)}} {
		if spec.hostRoot() {
			t.Errorf("%+v is taken for a machine whose root is the host's", spec.Users)
		}
	}
	for _, c := range []struct {
		container Container
		want      bool
	}{
		{Container{}, true}, {Container{Users: new(sys.IDMaps)}, false},
		{Container{Namespaces: []Namespace{{Kind: "pid", Flag: unix.CLONE_NEWPID}}}, false},
		{Container{Namespaces: []Namespace{{Kind: "pid", Flag: unix.CLONE_NEWPID, Path: "/proc/7/ns/pid"}}}, true},
	} {
		if got := c.container.exposes(); got != c.want {
			t.Errorf("%+v exposes us: %v", c.container.Namespaces, got)
		}
	}
	spec := Spec{Name: "web", Root: "/srv", Users: Users{Namespace: usersNone}}
	plan, err := NewPlan(spec, facts())
	if err != nil || !spec.hostRoot() || !plan.hostRoot() || !strings.Contains(plan.String(), "root inside is root of the host") {
		t.Errorf("%v, plan:\n%s", err, plan)
	}
}
