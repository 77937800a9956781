// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

// run is a run of ids of this process's user namespace that the one around it knows (user_namespaces(7)).
type run struct{ first, count uint32 }

// Within tells whether this process is in a user namespace, which has only some of the ids.
func Within() bool {
	runs := ownRuns("/proc/self/uid_map")
	return runs != nil && !slices.Equal(runs, []run{{0, math.MaxUint32}})
}

// Given are the first ids of the ranges for containers that this process's user namespace has, users and groups alike.
func Given() []uint32 { return given(ownRuns("/proc/self/uid_map"), ownRuns("/proc/self/gid_map")) }

func given(users, groups []run) (bases []uint32) {
	for _, r := range users {
		first := max(uint64(r.first)+Size-1, minBase) &^ (Size - 1)
		for base := first; base+Size <= uint64(r.first)+uint64(r.count) && base <= maxBase; base += Size {
			if has(groups, uint32(base)) {
				bases = append(bases, uint32(base))
			}
		}
	}
	return bases
}

func has(runs []run, base uint32) bool {
	return slices.ContainsFunc(runs, func(r run) bool {
		return r.first <= base && uint64(base)+Size <= uint64(r.first)+uint64(r.count)
	})
}

// ownRuns reads a map of ids; it is nil where the kernel has none.
func ownRuns(path string) []run {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	return readRuns(f)
}

func readRuns(r io.Reader) (runs []run) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var one run
		var outside uint32
		if _, err := fmt.Sscan(lines.Text(), &one.first, &outside, &one.count); err == nil {
			runs = append(runs, one)
		}
	}
	return runs
}
