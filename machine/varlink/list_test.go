// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"bytes"
	"fmt"
	"testing"

	"machined-go/machine"
)

// BenchmarkList is List of 1,000 machines over the socket, as varlinkctl does
// it: with a connection of its own each time.
func BenchmarkList(b *testing.B) {
	s := serve(b)
	pid := sleeper(b)
	for i := range 1000 {
		leader, err := machine.OpenProcess(pid)
		if err != nil {
			b.Fatal(err)
		}
		_, err = s.Manager.Create(b.Context(), machine.Registration{
			Name: fmt.Sprintf("machine-%d", i), Class: machine.ClassContainer, Service: "bench", Leader: leader, VSockCID: machine.VSockAny,
		}, nil)
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("kept", func(b *testing.B) {
		for b.Loop() {
			c := s.dial(b, FaceMachine)
			c.send(`{"method":"io.systemd.Machine.List","more":true}`)
			for last := false; !last; {
				line, err := c.r.ReadBytes(0)
				if err != nil {
					b.Fatal(err)
				}
				last = !bytes.HasSuffix(line, []byte("\"continues\":true}\x00"))
			}
			c.sock.Close()
		}
	})
	b.Run("made", func(b *testing.B) {
		for b.Loop() {
			s.turn.Add(1)
			s.listReply()
		}
	})
}
