// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// maxConfig bounds config.json, in bytes; podman's, which is the longest of all known, has some 30 KiB.
const maxConfig = 4 << 20

// maxDepth bounds how deep values are nested in each other; the specification needs 7.
const maxDepth = 64

// readConfig reads config.json of the bundle at dir. It must be a regular file in the bundle.
func readConfig(dir int) ([]byte, error) {
	fd, err := sys.OpenBeneath(dir, ConfigName, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if errors.Is(err, unix.EXDEV) {
		return nil, errors.New("it is a link that leads out of the bundle")
	}
	if err != nil {
		var cause *os.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return nil, err
	}
	f := os.NewFile(uintptr(fd), ConfigName)
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("it is not a regular file"))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxConfig {
		return nil, fmt.Errorf("it is larger than %d MiB", maxConfig>>20)
	}
	return text, nil
}

// Parse reads a configuration. Fields that the specification does not have are left out, and noted; names are taken exactly as they
// are written, also as to case.
func Parse(text []byte) (*specs.Spec, []Note, error) {
	if err := checkDepth(text); err != nil {
		return nil, nil, err
	}
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		return nil, nil, place(text, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("there is more after the end of the configuration")
	}
	root, ok := tree.(map[string]any)
	if !ok {
		return nil, nil, errors.New("it is not a JSON object")
	}
	if err := checkVersion(root["ociVersion"]); err != nil {
		return nil, nil, err
	}
	notes := prune(root)
	known, err := json.Marshal(root)
	if err != nil {
		return nil, nil, err
	}
	config := new(specs.Spec)
	if err := json.Unmarshal(known, config); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return nil, nil, refuse(wrong.Field, "%s is not what belongs there, %s", wrong.Value, kindName(wrong.Type))
		}
		return nil, nil, err
	}
	return config, notes, nil
}

// checkDepth refuses what would make a decoder recurse without measure.
func checkDepth(text []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("values are nested more than %d deep", maxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// place says in which line a syntax error is.
func place(text []byte, err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
		return fmt.Errorf("line %d: %w", line, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early")
	}
	return err
}
