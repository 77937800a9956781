// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ReadIn reads a regular file below the directory root, as [OpenIn] opens it, of at most so many bytes. Nothing else is even opened, for
// with a device that does something: EBADMSG. EFBIG for a longer file.
func ReadIn(root int, path string, most int64) ([]byte, error) {
	at, err := OpenIn(root, path, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("read %q: not a regular file: %w", path, unix.EBADMSG)
	}
	f, err := os.Open(FDPath(at))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("read %q: longer than %d bytes: %w", path, most, unix.EFBIG)
	}
	return text, nil
}
