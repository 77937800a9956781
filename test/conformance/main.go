// SPDX-License-Identifier: Apache-2.0

// Command conformance prints what the stock daemon and ours did with the same
// calls, as the probe wrote it down: see the script "run" beside this file.
//
//	conformance DIR    (with SUITE-stock.json and SUITE-ours.json)
//
// It fails if a row differs and nothing says why.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// outcome is what came of a call.
type outcome struct {
	Row, Call, Reply, Error, Text string
	Signals, State                []string
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: conformance DIR")
		os.Exit(2)
	}
	unexplained, err := run(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
	if unexplained > 0 {
		os.Exit(1)
	}
}

func run(dir string) (unexplained int, err error) {
	shown := 0
	for _, suite := range []string{"bookworm", "trixie", "sid"} {
		stock, err := load(filepath.Join(dir, suite+"-stock.json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		ours, err := load(filepath.Join(dir, suite+"-ours.json"))
		if err != nil {
			return 0, err
		}
		shown++
		unexplained += compare(os.Stdout, suite, stock, ours)
	}
	if shown == 0 {
		return 0, fmt.Errorf("no outcomes in %q", dir)
	}
	return unexplained, nil
}

func load(path string) ([]outcome, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []outcome
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o outcome
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return nil, fmt.Errorf("read %q: %v", path, err)
		}
		list = append(list, o)
	}
	return list, lines.Err()
}
