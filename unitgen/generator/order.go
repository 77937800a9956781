// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"machined-go/unitgen"
)

// images is where machines' trees lie.
const images = "var/lib/machines"

// OrderOf reads what the settings of a machine say about its start.
type OrderOf func(machine string) (unitgen.Order, error)

// Orders writes to dir a drop-in for each machine of the host below root whose settings say when it starts. A machine whose settings cannot
// be read gets none, and its own start says why.
func Orders(root, dir string, orderOf OrderOf) error {
	entries, err := os.ReadDir(filepath.Join(root, images))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("list machines: %w", err)
	}
	var wrong []error
	var seen []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name()))
		if !slices.Contains([]string{".raw", ".mstack", ".v"}, filepath.Ext(e.Name())) {
			name = e.Name()
		}
		if !valid(name) || slices.Contains(seen, name) {
			continue
		}
		seen = append(seen, name)
		order, err := orderOf(name)
		if err == nil {
			err = writeOrder(dir, name, order)
		}
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

func writeOrder(dir, name string, order unitgen.Order) error {
	text := order.Dropin()
	if text == "" {
		return nil
	}
	folder := filepath.Join(dir, unitgen.Service(name)+".d")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "50-machined-go.conf"), []byte(text), 0o644)
}
