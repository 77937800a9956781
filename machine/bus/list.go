// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"sync"
	"sync/atomic"

	"machined-go/machine/bus/wire"
)

// listCache is the reply to ListMachines, which changes only with the table.
type listCache struct {
	turn atomic.Uint64 // how often that did

	mu   sync.Mutex
	made uint64 // the turn of body
	body encoded
}

func listMachines(c *call) ([]any, error) {
	l := &c.list
	l.mu.Lock()
	defer l.mu.Unlock()
	turn := l.turn.Load() // before List: what comes meanwhile makes this stale
	if l.body == nil || l.made != turn {
		l.made, l.body = turn, c.encodeList()
	}
	return reply(l.body)
}

// encodeList writes the rows of ListMachines: name, class, service, path.
func (c *call) encodeList() encoded {
	list := c.manager.List()
	e := make(wire.Encoder, 0, 128*len(list))
	e.Array(8, func() {
		for _, m := range list {
			e.Align(8)
			e.Str(m.Name)
			e.Str(m.Class)
			e.Str(validText(m.Service))
			e.Str(string(machinePath(m.Name)))
		}
	})
	return encoded(e)
}
