// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// source is a file or directory of the host, opened (O_PATH) before the machine's root covers anything.
type source struct {
	fd  int
	err error
}

// shows is an operation that shows files of the host. Its host lists their paths.
type shows interface{ host() []string }

// prepares is an operation that does something on the host, before anything is mounted over that.
type prepares interface{ prepare(r *Root) error }

// open opens what ops show of the host. What is missing is an error only for who then asks for it.
func (r *Root) open(ops []Op) error {
	for _, op := range ops {
		if p, ok := op.(prepares); ok {
			if err := p.prepare(r); err != nil {
				return fmt.Errorf("%s: %w", op, err)
			}
		}
		s, ok := op.(shows)
		if !ok {
			continue
		}
		for _, path := range s.host() {
			if _, ok := r.sources[path]; ok {
				continue
			}
			fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
			if err != nil {
				err = &os.PathError{Op: "open", Path: path, Err: err}
			}
			r.sources[path] = source{fd, err}
		}
	}
	return nil
}

// source gives the descriptor of a path of the host, which stays the Root's.
func (r *Root) source(path string) (int, error) {
	s, ok := r.sources[path]
	if !ok {
		return -1, &os.PathError{Op: "open", Path: path, Err: os.ErrInvalid}
	}
	return s.fd, s.err
}

// from opens a file or directory of the machine, as far as its root is built, or of the host.
func (r *Root) from(path string, inside bool) (int, error) {
	if inside {
		return r.Path(path)
	}
	fd, err := r.source(path)
	if err != nil {
		return -1, err
	}
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
}
