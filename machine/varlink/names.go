// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"slices"
	"sort"
	"strings"
	"sync"

	"machined-go/machine"
)

// maxLabel is how long a part of a name may be in DNS (RFC 1035), where a
// machine's may have one character more.
const maxLabel = 63

// nameWatch is the names that can be resolved: of all containers, in small
// letters. Who waits is woken when they change.
type nameWatch struct {
	mu      sync.Mutex
	names   map[string]string
	changed chan struct{} // closed at the next change
}

func (w *nameWatch) init() {
	w.names, w.changed = map[string]string{}, make(chan struct{})
}

func (w *nameWatch) add(m machine.Machine) { w.set(m, true) }

func (w *nameWatch) remove(m machine.Machine) { w.set(m, false) }

func (w *nameWatch) set(m machine.Machine, there bool) {
	long := slices.ContainsFunc(strings.Split(m.Name, "."), func(l string) bool { return len(l) > maxLabel })
	if m.Class != machine.ClassContainer || long {
		return
	}
	name := strings.ToLower(m.Name)
	w.mu.Lock()
	defer w.mu.Unlock()
	if there {
		w.names[name] = m.Name
	} else {
		delete(w.names, name)
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// list gives the names, and what is closed when they are not right any more.
func (w *nameWatch) list() ([]string, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]string, 0, len(w.names))
	for n := range w.names {
		list = append(list, n)
	}
	sort.Strings(list)
	return list, w.changed
}

// of finds the machine whose name is the domain; under is true if the domain
// is below a machine's name.
func (w *nameWatch) of(domain string) (name string, under bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if name := w.names[domain]; name != "" {
		return name, false
	}
	for {
		_, rest, ok := strings.Cut(domain, ".")
		if !ok {
			return "", false
		}
		if name := w.names[rest]; name != "" {
			return name, true
		}
		domain = rest
	}
}
