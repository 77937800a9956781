// SPDX-License-Identifier: Apache-2.0

// Package bundle reads and writes runtime bundles of the Open Container Initiative (runtime-spec 1.0 to 1.3): a folder with a config.json and a
// root file system, as umoci, buildah, podman and others make them.
//
// What a config.json asks for is an order of whoever had it run: it names programs to be run as root (hooks) and paths of the host. What
// is not ours to do is either reported, by its JSON path, or, where leaving it out would make the container less confined than it was
// meant to be, refused.
package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/boot/sys"
)

// ConfigName is the name of a bundle's configuration in its folder.
const ConfigName = "config.json"

// Bundle is a bundle that has been read.
type Bundle struct {
	Dir    string // absolute path of the folder
	Root   string // absolute path of the root file system
	Config *specs.Spec
	Notes  []Note
}

// Note says what of a configuration is not honoured.
type Note struct {
	Path string // of the field, such as linux.intelRdt or mounts[2].options
	What string // such as "not supported, ignored"
}

func (n Note) String() string { return n.Path + ": " + n.What }

// FieldError says what is wrong with a field.
type FieldError struct {
	Path string // as in Note
	Err  error
}

func (e *FieldError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *FieldError) Unwrap() error { return e.Err }

// refuse makes a FieldError.
func refuse(path, format string, args ...any) error {
	return &FieldError{path, fmt.Errorf(format, args...)}
}

// Open reads the bundle in the folder dir, and finds its root file system.
func Open(dir string) (*Bundle, error) {
	b, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("read bundle %q: %w", dir, err)
	}
	return b, nil
}

func open(dir string) (*Bundle, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	text, err := readConfig(fd)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigName, err)
	}
	config, notes, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigName, err)
	}
	b := &Bundle{Dir: dir, Config: config, Notes: notes}
	if b.Root, err = findRoot(fd, config.Root); err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigName, err)
	}
	return b, nil
}

// findRoot finds the root file system. One that is given relative to the bundle must be in it, whatever symbolic links say; an absolute
// path is the host's. The root of the host is no root for a container.
func findRoot(dir int, root *specs.Root) (string, error) {
	const field = "root.path"
	if root == nil || root.Path == "" {
		return "", refuse(field, "missing")
	}
	var (
		fd  int
		err error
	)
	if filepath.IsAbs(root.Path) {
		fd, err = unix.Open(root.Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	} else {
		fd, err = sys.OpenBeneath(dir, root.Path, unix.O_PATH|unix.O_DIRECTORY)
	}
	switch {
	case errors.Is(err, unix.EXDEV):
		return "", refuse(field, "%q leads out of the bundle: give an absolute path if that is meant", root.Path)
	case err != nil:
		var cause *os.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return "", refuse(field, "open %q: %w", root.Path, err)
	}
	defer unix.Close(fd)
	var st, host unix.Stat_t
	if err := errors.Join(unix.Fstat(fd, &st), unix.Stat("/", &host)); err != nil {
		return "", refuse(field, "%w", err)
	}
	if st.Dev == host.Dev && st.Ino == host.Ino {
		return "", refuse(field, "%q is the root of this host", root.Path)
	}
	return os.Readlink(sys.FDPath(fd))
}

// Spec makes the wish for a boot of the bundle as machine name. The notes are all there is to report.
func (b *Bundle) Spec(name string, host Host) (boot.Spec, []Note, error) {
	t := &translation{bundle: b, config: b.Config, host: host, notes: b.Notes}
	t.spec = boot.Spec{Name: name, Root: b.Root, Container: &t.container}
	t.container.Bundle, t.container.Version, t.container.Annotations = b.Dir, b.Config.Version, b.Config.Annotations
	for _, part := range parts {
		if err := part(t); err != nil {
			return boot.Spec{}, nil, fmt.Errorf("bundle %q: %s: %w", b.Dir, ConfigName, err)
		}
	}
	return t.spec, t.notes, nil
}

// translation is a configuration on its way to a wish.
type translation struct {
	bundle    *Bundle
	config    *specs.Spec
	host      Host
	spec      boot.Spec
	container boot.Container
	notes     []Note
}

func (t *translation) note(path, format string, args ...any) {
	t.notes = append(t.notes, Note{path, fmt.Sprintf(format, args...)})
}

const ignored = "not supported, ignored"

// parts are in an order in which each finds what it builds on.
var parts = []func(*translation) error{
	(*translation).platforms,
	(*translation).namespaces,
	(*translation).users,
	(*translation).process,
	(*translation).capabilities,
	(*translation).scheduling,
	(*translation).labels,
	(*translation).names,
	(*translation).mounts,
	(*translation).devices,
	(*translation).paths,
	(*translation).kernel,
	(*translation).resources,
	(*translation).network,
	(*translation).seccomp,
	(*translation).hooks,
}
