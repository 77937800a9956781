// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"golang.org/x/sys/unix"
)

// inaccessible is where files of each kind are that nobody may open.
const inaccessible = "/run/host/inaccessible"

// Hide covers a file or directory with one of its kind that nobody may open.
type Hide struct{ Target string }

func (o Hide) String() string { return words("make", o.Target, "inaccessible") }

func (o Hide) apply(r *Root) error {
	st, err := r.stat(o.Target)
	if err != nil {
		return err
	}
	kind := map[uint32]string{
		unix.S_IFREG: "reg", unix.S_IFDIR: "dir", unix.S_IFIFO: "fifo", unix.S_IFSOCK: "sock", unix.S_IFCHR: "chr", unix.S_IFBLK: "blk",
	}[st.Mode&unix.S_IFMT]
	if _, err := r.stat(inaccessible + "/" + kind); err != nil && (kind == "chr" || kind == "blk") {
		kind = "sock" // where there can be no device nodes, as systemd does
	}
	return Bind{Source: inaccessible + "/" + kind, Target: o.Target, Inside: true, Attr: ReadOnly}.apply(r)
}
