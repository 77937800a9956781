// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// busSocket is where the system bus listens (D-Bus specification), without the
// symbolic link /var/run.
const busSocket = "run/dbus/system_bus_socket"

// Bus connects to the machine's system bus as the machine's root. The socket is
// found below the machine's root. The bus there judges us by the ids of the
// thread that connects, in its own user namespace: so a thread takes the ids
// that are root there, which needs no namespace joined.
func (g *Guest) Bus(ctx context.Context) (*dbus.Conn, error) {
	sock, err := g.open(busSocket, unix.O_PATH)
	if err != nil {
		return nil, fmt.Errorf("connect to the machine's bus: %w", err)
	}
	defer sock.Close()
	if st, err := sock.Stat(); err != nil || st.Mode()&os.ModeSocket == 0 {
		return nil, fmt.Errorf("connect to the machine's bus: %q is no socket: %w", busSocket, unix.ENOTSOCK)
	}
	uid, gid, err := g.rootIDs()
	if err != nil {
		return nil, fmt.Errorf("connect to the machine's bus: %w", err)
	}
	var machine *net.UnixConn
	err = sys.AsUser(uint32(uid), uint32(gid), func() (err error) {
		machine, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: sys.FDPath(int(sock.Fd())), Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to the machine's bus: %w", err)
	}
	conn, err := screened(machine, dbus.WithContext(context.WithoutCancel(ctx)))
	if err != nil {
		machine.Close()
		return nil, fmt.Errorf("connect to the machine's bus: %w", err)
	}
	// A bus that does not answer must not hold us: what is inside is not ours.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal("0")}); err != nil {
		conn.Close()
		return nil, fmt.Errorf("log in to the machine's bus: %w", err)
	}
	if err := conn.Hello(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("log in to the machine's bus: %w", err)
	}
	return conn, nil
}
