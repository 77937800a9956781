// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"sync"
)

// each does something to several machines at a time and gives the errors of
// all, in the order of the names.
func each(names []string, do func(name string) error) error {
	failures := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { failures[i] = do(name) })
	}
	all.Wait()
	return errors.Join(failures...)
}
