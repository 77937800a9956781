// SPDX-License-Identifier: Apache-2.0

package image

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/machine/tree"
)

// Metadata is what an image says of itself. What it does not say is empty.
type Metadata struct {
	Hostname    string            // hostname(5)
	MachineID   []byte            // 16 bytes or none, machine-id(5)
	MachineInfo map[string]string // machine-info(5)
	OSRelease   map[string]string // os-release(5)
}

// Metadata reads an image's tree, or what a disk image has its root on.
// ErrLocked while a machine may be writing it, ENOPKG for a disk without a file
// system that we read, EOPNOTSUPP for layers.
func (i *Image) Metadata() (Metadata, error) {
	if i.Type == Stack {
		return Metadata{}, fmt.Errorf("look into image %q: %w", i.Name, errLayers)
	}
	locks, err := Lock(i.Path, false)
	if err != nil {
		return Metadata{}, err
	}
	defer func() {
		for _, f := range locks {
			f.Close()
		}
		Sweep(i.Path) // as systemd does with locks that were shared
	}()
	root, err := i.open()
	if err != nil {
		return Metadata{}, fmt.Errorf("look into image %q: %w", i.Name, err)
	}
	defer unix.Close(root)
	return readMetadata(root), nil
}

// open opens the image's root directory.
func (i *Image) open() (root int, err error) {
	if i.Type == Raw || i.Type == Block {
		return mountDisk(i.Path)
	}
	return unix.Open(i.Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

func readMetadata(root int) Metadata {
	text := func(paths ...string) string {
		for _, p := range paths {
			s, err := tree.ReadFile(root, p)
			if err == nil || !errors.Is(err, fs.ErrNotExist) {
				return s
			}
		}
		return ""
	}
	return Metadata{
		Hostname:    parseHostname(text("etc/hostname")),
		MachineID:   parseMachineID(text("etc/machine-id")),
		MachineInfo: tree.ParseFields(text("etc/machine-info")),
		OSRelease:   tree.ParseFields(text("etc/os-release", "usr/lib/os-release")),
	}
}

// parseHostname is the first line that is neither empty nor a comment, without
// what no host name may have.
func parseHostname(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		return cleanHostname(line)
	}
	return ""
}

// cleanHostname drops characters that are no host name's, and dots and hyphens
// where none may be.
func cleanHostname(s string) string {
	const maxHostname = 64
	var b []byte
	for i := 0; i < len(s) && len(b) < maxHostname; i++ {
		c := s[i]
		last := byte('.')
		if len(b) > 0 {
			last = b[len(b)-1]
		}
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		case c == '-' && last != '.':
		case c == '.' && last != '.' && last != '-':
		default:
			continue
		}
		b = append(b, c)
	}
	return strings.TrimRight(string(b), ".-")
}

// parseMachineID reads 32 hexadecimal digits; anything else is no id.
func parseMachineID(text string) []byte {
	id, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(id) != 16 {
		return []byte{}
	}
	for _, b := range id {
		if b != 0 {
			return id
		}
	}
	return []byte{}
}
