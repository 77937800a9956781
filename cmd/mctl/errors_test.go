// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"machined-go/machine/client"
	"machined-go/machine/client/clienttest"
	"machined-go/machine/image"
)

func TestRefusalNamesTheActionAndTheWayRound(t *testing.T) {
	denied := remoteError("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", "Interactive authentication required.")
	kill := &client.Error{Op: "signal machine", Object: "web", Message: "Interactive authentication required."}
	tests := []struct {
		err  error
		call *client.Error
		user int
		want string
	}{
		{kill, kill, 1000, `signal machine "web": polkit refuses user 1000 the action org.freedesktop.machine1.manage-machines: use sudo, or have an administrator allow the action`},
		{
			fmt.Errorf("start machine %q: StartUnit %q: %w", "web", "contain@web.service", denied), nil, 1000,
			`start machine "web": polkit refuses user 1000 the action org.freedesktop.systemd1.manage-units: use sudo, or have an administrator allow the action`,
		},
		{kill, kill, 0, "signal machine \"web\": refused, though asked by root: see `journalctl -u polkit -u dbus`"},
	}
	for _, test := range tests {
		if got := refusal(test.err, test.call, test.user); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
	if !refused(fmt.Errorf("start: %w", denied)) || refused(errors.New("else")) {
		t.Error("a refusal is not told from other errors")
	}
}

func TestImageTroubleHasARemedy(t *testing.T) {
	for err, want := range map[error]string{
		fmt.Errorf("find image %q: %w", "web", image.ErrNotFound): "find image \"web\": no such image: see `mctl list --all`",
		fmt.Errorf("lock image %q: %w", "web", image.ErrLocked):   "lock image \"web\": image is in use: see `mctl list`",
	} {
		if got := explain(err); !strings.HasPrefix(got, want) {
			t.Errorf("got %s", got)
		}
	}
}

func TestNoDaemonIsExplained(t *testing.T) {
	h := newHost(t)
	h.bus.Handle(machine1+".Manager.ListMachines", func(clienttest.Call) ([]any, error) {
		return nil, remoteError("org.freedesktop.DBus.Error.ServiceUnknown", "The name is not activatable")
	})
	_, errout, status := h.mctl(t, "list")
	if status != exitFailure || !strings.Contains(errout, "systemctl status machined-go") || strings.Count(errout, "\n") != 1 {
		t.Errorf("status %d, %q", status, errout)
	}
}

func TestNoBusIsExplained(t *testing.T) {
	var out, errout strings.Builder
	a := newHost(t).app(t, &out, &errout)
	a.bus = func() (*dbus.Conn, error) { return nil, errors.New("no such file") }
	if status := a.main([]string{"list"}); status != exitFailure || !strings.Contains(errout.String(), "systemctl status dbus") {
		t.Errorf("status %d, %q", status, errout.String())
	}
}
