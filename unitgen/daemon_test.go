// SPDX-License-Identifier: Apache-2.0

package unitgen

import (
	"os"
	"testing"
)

func TestShippedDaemonUnit(t *testing.T) {
	const path = "../dist/systemd/machined-go.service"
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != Daemon("/usr/bin/machined-go") {
		t.Errorf("%s differs from what unitgen prints", path)
	}
}
