// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/machine"
)

// call is one method call under way.
type call struct {
	*Server
	message
	ctx  context.Context
	conn *conn
	args map[string]any // as iface.check decodes them

	machine machine.Machine // that name and pid speak of

	files    []*os.File // sent with the reply, closed when it is sent
	answered bool       // the last reply is sent already
	broken   error      // why nothing more can be sent
}

// str is a string, "" if absent.
func (c *call) str(name string) string {
	s, _ := c.args[name].(string)
	return s
}

func (c *call) given(name string) bool {
	_, ok := c.args[name]
	return ok
}

func (c *call) flag(name string) bool {
	b, _ := c.args[name].(bool)
	return b
}

// number is a number from least to most; given is false if it is absent.
func (c *call) number(name string, least, most uint64) (n uint64, given bool, err error) {
	v, given := c.args[name].(json.Number)
	if !given {
		return 0, false, nil
	}
	n, perr := strconv.ParseUint(string(v), 10, 64)
	if perr != nil || n < least || n > most {
		return 0, true, invalidParameter(name)
	}
	return n, true, nil
}

func (c *call) strs(name string) []string {
	list, _ := c.args[name].([]any)
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.(string)
	}
	return out
}

// part sends one of several replies, which only a caller that said "more" can
// take.
func (c *call) part(o object) error { return c.raw(appendReply(nil, o, true)) }

// raw sends replies that are written already.
func (c *call) raw(b []byte) error {
	if c.oneway {
		return nil
	}
	c.broken = c.conn.sock.write(b, nil)
	return c.broken
}

// send puts a file into the reply, under the name by which it refers to it.
func (c *call) send(o *object, name string, f *os.File) {
	o.uint(name, uint64(len(c.files)))
	c.files = append(c.files, f)
}

func (c *call) fds() []int {
	var fds []int
	for _, f := range c.files {
		fds = append(fds, int(f.Fd()))
	}
	return fds
}

func (c *call) closeFiles() {
	for _, f := range c.files {
		f.Close()
	}
}

// tooMany says that all slots are taken.
func (c *call) tooMany() error {
	if strings.HasPrefix(c.method, imageIf+".") {
		return fail(imageIf + ".TooManyOperations")
	}
	return system(unix.EBUSY)
}

// findMachine finds the machine that the fields name and pid speak of, which
// must be the same if both are there; the caller's own if none is.
func (c *call) findMachine() (err error) {
	if of := c.conn.of; of != nil {
		return c.findControlled(of)
	}
	name := c.str("name")
	if c.given("name") && name != machine.HostName && !machine.ValidName(name) {
		return invalidParameter("name")
	}
	if c.given("name") {
		if c.machine, err = c.Manager.Get(name); err != nil || !c.given("pid") {
			return err
		}
	}
	p, err := c.process("pid")
	if err != nil {
		return err
	}
	defer p.Close()
	m, err := c.Manager.ByPID(p.PID)
	if err == nil && name != "" && m.Name != name {
		err = machine.ErrNoSuchMachine
	}
	c.machine = m
	return err
}

// process takes hold of the process that a field of type ProcessId speaks of,
// or of the caller if it is absent or 0. One that is not there is in no
// machine: NoSuchMachine.
func (c *call) process(name string) (*machine.Process, error) {
	fields, _ := c.args[name].(map[string]any)
	sub := &call{args: fields}
	pid, given, err := sub.number("pid", 0, math.MaxInt32)
	if err != nil {
		return nil, invalidParameter(name)
	}
	if !given || pid == 0 {
		p, err := c.conn.peer.process()
		if err != nil {
			return nil, machine.ErrNoSuchMachine
		}
		return p, nil
	}
	id, _, err := sub.number("pidfdId", 0, math.MaxUint64)
	if err != nil {
		return nil, invalidParameter(name)
	}
	boot := strings.ReplaceAll(strings.ToLower(sub.str("bootId")), "-", "")
	p, err := machine.OpenProcess(int(pid))
	if err != nil {
		return nil, machine.ErrNoSuchMachine
	}
	if boot != "" && boot != c.boot || id != 0 && p.ID != 0 && id != p.ID {
		p.Close()
		return nil, machine.ErrNoSuchMachine
	}
	return p, nil
}

// bootID is this boot's id without dashes.
func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.ReplaceAll(strings.TrimSpace(string(b)), "-", "")
}
