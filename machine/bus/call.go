// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"context"
	"os"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"machined-go/machine"
	"machined-go/machine/bus/wire"
	"machined-go/machine/image"
)

// call is one method call under way.
type call struct {
	*Server
	ctx    context.Context
	life   context.Context // of the connection
	msg    *wire.Message
	sender string
	args   []any // as godbus decodes them, of the types the table says

	machine machine.Machine // of a Machine object, or named by the first argument
	image   image.Image     // likewise
	found   *object         // what the message's path leads to

	files []*os.File // sent with the reply, closed when it is sent
}

func (c *call) str(i int) string                   { return c.args[i].(string) }
func (c *call) u32(i int) uint32                   { return c.args[i].(uint32) }
func (c *call) i32(i int) int32                    { return c.args[i].(int32) }
func (c *call) u64(i int) uint64                   { return c.args[i].(uint64) }
func (c *call) bool(i int) bool                    { return c.args[i].(bool) }
func (c *call) bytes(i int) []byte                 { return c.args[i].([]byte) }
func (c *call) i32s(i int) []int32                 { return c.args[i].([]int32) }
func (c *call) strs(i int) []string                { return c.args[i].([]string) }
func (c *call) dict(i int) map[string]dbus.Variant { return c.args[i].(map[string]dbus.Variant) }

// dupFile duplicates a descriptor that came with the call. Those of the message
// itself are closed when the call is over.
func (c *call) dupFile(v any, name string) (*os.File, error) {
	fd, ok := v.(dbus.UnixFD)
	if !ok {
		return nil, failf(errBus+"InvalidArgs", "No file descriptor was passed for %s", name)
	}
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(n), name), nil
}

// send puts a file into the reply.
func (c *call) send(f *os.File) dbus.UnixFD {
	c.files = append(c.files, f)
	return dbus.UnixFD(f.Fd())
}

// closeArgs closes all descriptors that came with a message.
func closeArgs(v any) {
	switch v := v.(type) {
	case dbus.UnixFD:
		_ = unix.Close(int(v))
	case dbus.Variant:
		closeArgs(v.Value())
	case []dbus.UnixFD:
		for _, fd := range v {
			closeArgs(fd)
		}
	case []any:
		for _, x := range v {
			closeArgs(x)
		}
	case [][]any:
		for _, x := range v {
			closeArgs(x)
		}
	case []dbus.Variant:
		for _, x := range v {
			closeArgs(x)
		}
	case map[string]dbus.Variant:
		for _, x := range v {
			closeArgs(x)
		}
	}
}
