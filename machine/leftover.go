// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"machined-go/boot/sys"
)

const (
	// tidyDelay gathers events, for a machine's end alone makes a dozen, and keeps looks out of the way of the next start.
	tidyDelay = 250 * time.Millisecond
	// tidyPatience bounds how long events put off a look, and the pauses between looks at a note that somebody still holds.
	tidyPatience = 5 * time.Second
)

// tidier takes away what machines leave behind when they end, or when whoever started them was killed: notes and lock files that
// nobody holds any more, and scopes without processes. It looks whenever a unit changed, for every starter and every machine is in
// one; what it does not get to see, because it does not run then, it finds at its next start.
//
// systemd lets go of a stopped service's descriptors beside its other work, and no event says when that is done: a note that is
// held for no live machine is looked at again after growing pauses.
type tidier struct {
	notes string
	due   *time.Timer
	pause time.Duration

	mu    sync.Mutex
	first time.Time // of the events since the last look; zero if there was none
}

func newTidier(notes string) *tidier {
	return &tidier{notes: notes, due: time.NewTimer(0), pause: tidyDelay}
}

// soon may be called from anywhere; calls in short succession are one.
func (t *tidier) soon() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.first.IsZero() {
		t.first = now
	}
	t.due.Reset(min(tidyDelay, t.first.Add(tidyPatience).Sub(now)))
}

// looks begins a look.
func (t *tidier) looks() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.first = time.Time{}
}

// again sees to another look if one is worth while.
func (t *tidier) again(held bool) {
	if !held || t.pause > tidyPatience {
		t.pause = tidyDelay
		return
	}
	t.due.Reset(t.pause)
	t.pause *= 2
}

// tidy looks at every note that belongs to no live machine, and tells whether somebody still holds one.
func (m *Manager) tidy(ctx context.Context) (held bool) {
	m.tidier.looks()
	notes, err := os.ReadDir(m.tidier.notes)
	if err != nil {
		return false // there was no machine yet
	}
	for _, n := range notes {
		if m.lives(n.Name()) {
			continue
		}
		gone, trees, err := sys.RemoveNote(m.tidier.notes, n.Name())
		if err != nil {
			m.log.Warn("left-overs of machine stay, ignoring", "machine", n.Name(), "error", err)
		}
		if gone {
			m.endScope(ctx, ScopeName(n.Name()))
			go m.removeTrees(trees)
		}
		held = held || !gone && err == nil
	}
	return held
}

// removeTrees removes what a machine changed and need not keep, which can be much.
func (m *Manager) removeTrees(trees []string) {
	for _, t := range trees {
		if err := sys.RemoveScratch(t); err != nil {
			m.log.Warn("left-overs of machine stay, ignoring", "tree", t, "error", err)
		}
	}
}

// imageDir is where images are kept, and snapshots of them made.
const imageDir = "/var/lib/machines"

// SweepScratch removes what machines left that nobody took note of the end of: before a crash of the host, for example.
func (m *Manager) SweepScratch() {
	if err := sys.SweepScratch(m.tidier.notes, imageDir); err != nil {
		m.log.Warn("left-overs of machines stay, ignoring", "error", err)
	}
}

func (m *Manager) lives(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.byName[name]
	return e != nil && e.Leader.Alive()
}

// machineSlice is where systemd keeps the cgroups of machines' scopes.
const machineSlice = "/sys/fs/cgroup/machine.slice"

// endScope ends a scope that was started around a process just as that died: systemd sees no end of it by itself. One that is not
// active yet waits for its process.
func (m *Manager) endScope(ctx context.Context, scope string) {
	events, err := os.ReadFile(filepath.Join(machineSlice, scope, "cgroup.events"))
	if err != nil || !strings.Contains(string(events), "populated 0") {
		return
	}
	if unit, err := m.units.State(ctx, scope); err != nil || unit.ActiveState != "active" {
		return
	}
	if err := m.units.QueueStop(ctx, scope); err != nil {
		m.log.Warn("empty scope stays, ignoring", "scope", scope, "error", err)
	}
}

// endScopes ends those that an earlier daemon was making when it died.
func (m *Manager) endScopes(ctx context.Context) {
	scopes, _ := filepath.Glob(filepath.Join(machineSlice, "machine-*.scope")) // the pattern is sound
	for _, path := range scopes {
		m.endScope(ctx, filepath.Base(path))
	}
}
