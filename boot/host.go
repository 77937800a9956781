// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"machined-go/boot/caps"
	"machined-go/boot/sys"
)

// ReadHost reads what a boot must know of the host.
func ReadHost() (Host, error) {
	h := Host{Term: os.Getenv("TERM"), Systemd: UnderSystemd()}
	var err error
	if h.MachineID, err = hostID(); err != nil && (h.Systemd || !errors.Is(err, fs.ErrNotExist)) {
		return h, fmt.Errorf("read machine id of the host: %w", err)
	}
	own, err := sys.Permitted()
	if err != nil {
		return h, err
	}
	h.Lacks = caps.All.Without(caps.Set(own))
	for _, path := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if fields, err := readFields(path); err == nil {
			h.OSPath, h.OSRelease = path, fields
			break
		}
	}
	h.Limits = HostLimits(nrOpen())
	return h, nil
}

// UnderSystemd tells whether systemd is PID 1 of the host (sd_booted(3)).
func UnderSystemd() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}

func hostID() (id [16]byte, err error) {
	text, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		return id, err
	}
	raw, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(raw) != len(id) {
		return id, errors.New("/etc/machine-id does not hold 32 hexadecimal digits")
	}
	copy(id[:], raw)
	return id, nil
}

// nrOpen is the kernel's bound on RLIMIT_NOFILE (proc(5)), its built-in default if that cannot be read.
func nrOpen() uint64 {
	text, err := os.ReadFile("/proc/sys/fs/nr_open")
	if err == nil {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
			return n
		}
	}
	return 1 << 20
}

// readFields reads KEY=VALUE lines as os-release(5) has them.
func readFields(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseFields(string(text)), nil
}

func parseFields(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(key, "#") {
			fields[key] = strings.Trim(value, `"'`)
		}
	}
	return fields
}

// NewID makes a random id of the form machine and boot ids have (RFC 9562, version 4).
func NewID() (id [16]byte) {
	sys.Random(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}
