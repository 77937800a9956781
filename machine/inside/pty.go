// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// devptsMagic is the file system type of /dev/pts.
const devptsMagic = 0x1cd1

// PTY is a pseudo terminal of the machine's own.
type PTY struct {
	Master *os.File
	Number int
}

// Path is the slave's path, as the machine sees it.
func (p *PTY) Path() string { return "/dev/pts/" + strconv.Itoa(p.Number) }

// OpenPTY makes a pseudo terminal in the machine's /dev/pts and gives its slave
// to the machine's root. No namespace is joined: ptmx of that devpts, opened
// through the machine's root, makes its pairs there.
func (g *Guest) OpenPTY() (*PTY, error) {
	dir, err := g.open("dev/pts", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("open terminals of the machine: %w", err)
	}
	defer dir.Close()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &fs); err != nil {
		return nil, fmt.Errorf("open terminals of the machine: %w", err)
	}
	if fs.Type != devptsMagic {
		// Not opening what else lies there: a device could do anything.
		return nil, fmt.Errorf("open terminals of the machine: /dev/pts is no devpts: %w", unix.ENODEV)
	}
	fd, err := unix.Openat(int(dir.Fd()), "ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("open a terminal of the machine: %w", err)
	}
	p := &PTY{Master: os.NewFile(uintptr(fd), "ptmx")}
	if err := p.prepare(g); err != nil {
		p.Master.Close()
		return nil, fmt.Errorf("open a terminal of the machine: %w", err)
	}
	return p, nil
}

// prepare unlocks the slave and makes it the machine's root's.
func (p *PTY) prepare(g *Guest) error {
	fd := int(p.Master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	p.Number = n
	slave, err := p.Slave()
	if err != nil {
		return err
	}
	defer slave.Close()
	uid, gid, err := g.rootIDs()
	if err != nil {
		return err
	}
	// The group is left as devpts' gid= made it, if it did.
	var st unix.Stat_t
	if err := unix.Fstat(int(slave.Fd()), &st); err != nil {
		return err
	}
	if st.Gid != 0 {
		gid = -1
	}
	return unix.Fchown(int(slave.Fd()), uid, gid)
}

// Slave opens the other end. Linux 4.13 or newer.
func (p *PTY) Slave() (*os.File, error) {
	fd, err := sys.PTYPeer(int(p.Master.Fd()), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), p.Path()), nil
}
