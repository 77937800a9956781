// SPDX-License-Identifier: Apache-2.0

// Package structure holds the rules of the house that a machine can check.
package structure

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "machined-go/"

// rules say what packages below a folder may not import, and why. Paths are prefixes; ours begin with the module's name.
var rules = []struct {
	in, not string
	but     []string
	why     string
}{
	{"machine", module + "boot", []string{module + "boot/sys"}, "who keeps the list of machines does not know how they start"},
	{"machine", module + "unitgen", []string{}, "the list is of machines, whatever units they run in"},
	{"boot", module + "machine", nil, "a boot does not know who keeps the list"},
	{"boot", module + "cmd", nil, "arrows point down"},
	{"machine", module + "cmd", nil, "arrows point down"},
	{"boot/sys", module, nil, "raw system calls stand on nothing of ours"},
	{"boot/caps", module, nil, "a leaf"},
	{"boot/network/nat", module, nil, "a leaf"},
	{"cmd/mctl", module + "boot/network/nat", nil, "rules of the packet filter are machined-go-network.service's, and cost start-up time"},
	{"boot/seccomp", module, []string{module + "boot/caps", module + "boot/sys"}, "filters know nothing of machines"},
	{"unitgen", module, []string{module + "unitgen"}, "pure"},
	{"machine/client", module, []string{module + "machine/client"}, "others may use the client without the rest"},
	{"machine/polkit", module, nil, "a leaf"},
	{"machine/bus/wire", module, nil, "a connection knows nothing of what is served"},
	{"machine/systemd1", module, []string{module + "boot/sys"}, "it speaks to systemd and knows nothing of machines"},
	{"boot", "github.com/godbus/dbus", nil, "buses are joined to a boot by cmd/mctl"},
	{"", "net/http", nil, "nothing here speaks HTTP, and its start-up time is paid by every command"},
	{"", "log", []string{"log/slog"}, "one logger"},
}

func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		check(t, path, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, path, rel string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	dir := filepath.Dir(rel)
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		for _, r := range rules {
			if below(dir, r.in) && below(imported, r.not) && !allowed(imported, r.but) {
				t.Errorf("%s imports %s: %s", rel, imported, r.why)
			}
		}
	}
}

func below(path, prefix string) bool {
	return prefix == "" || path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

func allowed(path string, but []string) bool {
	for _, b := range but {
		if below(path, b) {
			return true
		}
	}
	return false
}
