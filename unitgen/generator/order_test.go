// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"machined-go/unitgen"
)

func TestOrders(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	for _, name := range []string{"web", "db", "plain", "disk.raw", ".hidden", "broken", "no name"} {
		if err := os.MkdirAll(filepath.Join(root, images, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := Orders(root, dir, func(machine string) (unitgen.Order, error) {
		switch machine {
		case "web", "disk":
			return unitgen.Order{After: []string{"db"}}, nil
		case "broken":
			return unitgen.Order{}, errors.New("broken")
		case ".hidden", "no name":
			t.Errorf("asks for %q", machine)
		}
		return unitgen.Order{}, nil
	})
	if err == nil || err.Error() != "broken" {
		t.Errorf("got error %v", err)
	}
	made, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	want := "contain@disk.service.d/50-machined-go.conf contain@web.service.d/50-machined-go.conf"
	if got := strings.ReplaceAll(strings.Join(made, " "), dir+"/", ""); got != want {
		t.Errorf("made %q, want %q", got, want)
	}
	if err := Orders(filepath.Join(root, "none"), dir, nil); err != nil {
		t.Errorf("without machines: %v", err)
	}
}
