// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// manyFiles makes a directory with n files.
func manyFiles(t *testing.T, n int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "many")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := os.WriteFile(fmt.Sprintf("%s/%d", dir, i), []byte("0123456789"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// copyIn begins a copy and gives what is told of it.
func (c client) copyIn(from, to string) (*dbus.Call, *os.File) {
	c.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	defer w.Close()
	c.t.Cleanup(func() { r.Close() })
	done := make(chan *dbus.Call, 1)
	c.Object(OwnName, ownPath).Go(ownIf+".CopyTo", 0, done, "web", from, to, uint64(1), dbus.UnixFD(w.Fd()))
	// The message is written, with the descriptor, when Go returns.
	return <-done, r
}

func TestCopyTellsProgress(t *testing.T) {
	c := serve(t)
	if err := c.create("web").Err; err != nil {
		t.Fatal(err)
	}
	from := manyFiles(t, 300)
	call, r := c.copyIn(from, from+"-copy")
	if call.Err != nil {
		t.Fatal(call.Err)
	}
	var told []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		told = append(told, lines.Text())
	}
	if len(told) < 2 || told[len(told)-1] != "301 3000" {
		t.Errorf("told %q", told)
	}
	if list, err := os.ReadDir(from + "-copy"); err != nil || len(list) != 300 {
		t.Errorf("%d files, %v", len(list), err)
	}
}

// Whoever stops to read stops the copy.
func TestCopyIsCalledOff(t *testing.T) {
	c := serve(t)
	if err := c.create("web").Err; err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	from := manyFiles(t, 10)
	big, err := os.Create(filepath.Join(from, "zzz"))
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	if err := big.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	call := c.Object(OwnName, ownPath).CallWithContext(t.Context(), ownIf+".CopyTo", 0, "web", from, from+"-copy", uint64(1), dbus.UnixFD(w.Fd()))
	if call.Err == nil {
		t.Error("it went on to the end")
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
}
