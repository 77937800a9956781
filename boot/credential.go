// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"machined-go/boot/mount"
)

// Credential is a secret or parameter that the machine's services may read by its id.
type Credential struct {
	// Name of the credential.
	ID string `toml:"id"`
	// Its content.
	Value string `toml:"value"`
	// File or socket of the host that has the content, or the name of a credential of ours, instead of a value.
	Path string `toml:"path"`
}

// Bounds of a credential (CREDENTIAL_SIZE_MAX of systemd's src/shared/creds-util.h), and on the time a socket takes to give it.
const (
	maxCredential  = 1 << 20
	credentialTime = 30 * time.Second
)

func (c Credential) validate() error {
	switch {
	case !validCredential(c.ID):
		return fmt.Errorf("credential %q: its id must be a file name of printable ASCII characters without ':'", c.ID)
	case c.Value != "" && c.Path != "":
		return fmt.Errorf("credential %q has both a value and a path", c.ID)
	case c.Path != "" && !strings.HasPrefix(c.Path, "/") && !validCredential(c.Path):
		return fmt.Errorf("credential %q: path %q is neither absolute nor the name of a credential", c.ID, c.Path)
	case len(c.Value) > maxCredential:
		return fmt.Errorf("credential %q is longer than %d bytes", c.ID, maxCredential)
	}
	return nil
}

// validCredential is credential_name_valid of systemd's src/shared/creds-util.c.
func validCredential(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > 255 {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' || r == ':' })
}

// readCredentials gets the contents of credentials.
func readCredentials(list []Credential) ([]mount.Credential, error) {
	var all []mount.Credential
	for _, c := range list {
		data := []byte(c.Value)
		if c.Path != "" {
			var err error
			if data, err = c.read(); err != nil {
				return nil, fmt.Errorf("load credential %q: %w", c.ID, err)
			}
		}
		all = append(all, mount.Credential{ID: c.ID, Data: data})
	}
	return all, nil
}

func (c Credential) read() ([]byte, error) {
	path := c.Path
	if !filepath.IsAbs(path) {
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return nil, fmt.Errorf("there is no credential %q: we were given none ourselves", path)
		}
		path = filepath.Join(dir, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var from io.ReadCloser
	switch {
	case info.Mode()&os.ModeSocket != 0:
		from, err = dialCredential(path)
	case info.Mode().IsRegular():
		from, err = os.Open(path)
	default:
		err = fmt.Errorf("%s is neither a regular file nor a socket", path)
	}
	if err != nil {
		return nil, err
	}
	defer from.Close()
	data, err := io.ReadAll(io.LimitReader(from, maxCredential+1))
	if err == nil && len(data) > maxCredential {
		err = fmt.Errorf("%s gives more than %d bytes", path, maxCredential)
	}
	return data, err
}

func dialCredential(path string) (io.ReadCloser, error) {
	conn, err := net.DialTimeout("unix", path, credentialTime)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetReadDeadline(time.Now().Add(credentialTime))
}
