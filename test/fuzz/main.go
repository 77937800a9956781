// SPDX-License-Identifier: Apache-2.0

// Command fuzz keeps the few inputs of what fuzzing found that are worth to be
// tried by each go test: those that reach code which no other does.
//
//	fuzz DIR TARGET CACHE    (CACHE is where go test keeps what it found)
//
// It prints the files that it put into DIR/testdata/fuzz/TARGET.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// most is how many inputs are kept of a target, tried how many are looked at.
const most, tried = 6, 300

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: fuzz DIR TARGET CACHE")
		os.Exit(2)
	}
	if err := keep(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func keep(dir, target, cache string) error {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "fuzz")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	test := filepath.Join(work, "test")
	if out, err := exec.Command("go", "test", "-c", "-cover", "-o", test, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %v: %s", dir, err, out)
	}
	seeds := filepath.Join(dir, "testdata", "fuzz", target)
	if err := os.MkdirAll(seeds, 0o755); err != nil {
		return err
	}
	reached := map[string]bool{}
	for block := range cover(test, dir, "^"+target+"$", work) {
		reached[block] = true
	}
	found := map[string]map[string]bool{}
	for _, e := range entries[:min(len(entries), tried)] {
		if text, err := os.ReadFile(filepath.Join(cache, e.Name())); err == nil && len(text) < 2048 {
			path := filepath.Join(seeds, e.Name())
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return err
			}
			found[e.Name()] = cover(test, dir, "^"+target+"$/^"+e.Name()+"$", work)
			os.Remove(path)
		}
	}
	for range most {
		name, gain := best(found, reached)
		if gain == 0 {
			break
		}
		for block := range found[name] {
			reached[block] = true
		}
		text, err := os.ReadFile(filepath.Join(cache, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(seeds, name), text, 0o644)
		}
		if err != nil {
			return err
		}
		fmt.Println(filepath.Join(seeds, name))
	}
	os.Remove(seeds) // if nothing is in it
	return nil
}

// best is the input that reaches most of what is not yet reached.
func best(found map[string]map[string]bool, reached map[string]bool) (name string, gain int) {
	for candidate, blocks := range found {
		n := 0
		for block := range blocks {
			if !reached[block] {
				n++
			}
		}
		if n > gain || n == gain && n > 0 && candidate < name {
			name, gain = candidate, n
		}
	}
	return name, gain
}

// cover runs tests and gives the blocks of code that they reach.
func cover(test, dir, run, work string) map[string]bool {
	profile := filepath.Join(work, "profile")
	cmd := exec.Command(test, "-test.run", run, "-test.coverprofile", profile)
	cmd.Dir = dir
	blocks := map[string]bool{}
	if cmd.Run() != nil {
		return blocks
	}
	text, _ := os.ReadFile(profile)
	for line := range strings.Lines(string(text)) {
		if block, count, ok := cutLast(strings.TrimSpace(line)); ok && count != "0" && !strings.HasPrefix(line, "mode:") {
			blocks[block] = true
		}
	}
	return blocks
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
