// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"context"
	"path/filepath"

	"machined-go/machine"
	"machined-go/machine/inside"
)

// direction of a copy.
type direction func(g *inside.Guest, ctx context.Context, from, to string, o inside.CopyOptions) error

// copyRow makes the method that copies one way.
func copyRow(name string, way direction) method {
	return method{name: name, in: lookup + ", source: string, destination: ?string, replace: ?bool", since: 258, machine: true, slow: true,
		check: func(c *call) error { return c.checkPaths(filepath.IsAbs) },
		guard: guard{action: machine.ActionMachines, verb: "copy", details: paths},
		run: func(c *call) (object, error) {
			return nil, c.onContainer(func(g *inside.Guest) error {
				source, dest := c.paths()
				return way(g, c.ctx, source, dest, inside.CopyOptions{Replace: c.flag("replace")})
			})
		}}
}

func bindMount(c *call) (object, error) {
	return nil, c.onContainer(func(g *inside.Guest) error {
		source, dest := c.paths()
		return g.Bind(inside.Bind{Source: source, Dest: dest, ReadOnly: c.flag("readOnly"), Mkdir: c.flag("mkdir")})
	})
}

func checkBind(c *call) error {
	return c.checkPaths(func(path string) bool { return filepath.IsAbs(path) && filepath.Clean(path) == path })
}

// paths are the source and the destination, which is the source's path if it
// is not given.
func (c *call) paths() (source, dest string) {
	source, dest = c.str("source"), c.str("destination")
	if dest == "" {
		dest = source
	}
	return source, dest
}

func (c *call) checkPaths(fits func(path string) bool) error {
	for _, name := range []string{"source", "destination"} {
		if c.given(name) && !fits(c.str(name)) {
			return invalidParameter(name)
		}
	}
	return nil
}

// paths is what polkit is told of a copy or bind.
func paths(c *call) map[string]string {
	source, dest := c.paths()
	return map[string]string{"src": source, "dest": dest}
}

func (c *call) onContainer(do func(*inside.Guest) error) error {
	if c.machine.Class != machine.ClassContainer {
		return fail(machineIf + ".NotSupported")
	}
	g, err := c.guest()
	if err != nil {
		return err
	}
	defer g.Close()
	return do(g)
}
