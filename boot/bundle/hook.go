// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"machined-go/boot"
)

func (t *translation) hooks() error {
	h := t.config.Hooks
	if h == nil {
		return nil
	}
	to := &t.container.Hooks
	for _, moment := range []struct {
		name   string
		from   []specs.Hook
		to     *[]boot.Hook
		inside bool // the program is one of the container
	}{
		{"prestart", h.Prestart, &to.Prestart, false}, {"createRuntime", h.CreateRuntime, &to.CreateRuntime, false},
		{"createContainer", h.CreateContainer, &to.CreateContainer, false}, {"startContainer", h.StartContainer, &to.StartContainer, true},
		{"poststart", h.Poststart, &to.Poststart, false}, {"poststop", h.Poststop, &to.Poststop, false},
	} {
		for i, from := range moment.from {
			hook, err := readHook(fmt.Sprintf("hooks.%s[%d]", moment.name, i), from)
			if err != nil {
				return err
			}
			if err := unix.Access(hook.Path, unix.X_OK); err != nil && !moment.inside {
				return refuse(hook.Field, "run %q: %w", hook.Path, err)
			}
			*moment.to = append(*moment.to, hook)
		}
	}
	return nil
}

func readHook(field string, h specs.Hook) (boot.Hook, error) {
	hook := boot.Hook{Field: field, Path: h.Path, Args: h.Args, Env: h.Env}
	switch {
	case !filepath.IsAbs(h.Path):
		return hook, refuse(field+".path", "%q is not an absolute path", h.Path)
	case slices.ContainsFunc(slices.Concat([]string{h.Path}, h.Args, h.Env), func(s string) bool { return strings.ContainsRune(s, 0) }):
		return hook, refuse(field, "there is a NUL byte in it")
	case h.Timeout == nil:
	case *h.Timeout <= 0 || *h.Timeout > math.MaxInt32:
		return hook, refuse(field+".timeout", "%d is no number of seconds greater than 0", *h.Timeout)
	default:
		hook.Timeout = time.Duration(*h.Timeout) * time.Second
	}
	return hook, nil
}
