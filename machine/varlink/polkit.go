// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"context"
	"log/slog"

	"github.com/godbus/dbus/v5"
)

// Polkit is polkit(8) as an Authority. No polkit means no.
type Polkit struct {
	Conn *dbus.Conn // to the system bus
	Log  *slog.Logger
}

type polkitSubject struct {
	Kind    string
	Details map[string]dbus.Variant
}

// Check implements Authority. The start time keeps polkit from taking another
// process for the caller.
func (p *Polkit) Check(ctx context.Context, who Subject, action string, details map[string]string, interactive bool) error {
	var result struct {
		Authorized, Challenge bool
		Details               map[string]string
	}
	var flags uint32
	if interactive {
		flags = 1
	}
	subject := polkitSubject{Kind: "unix-process", Details: map[string]dbus.Variant{
		"pid":        dbus.MakeVariant(uint32(who.PID)),
		"start-time": dbus.MakeVariant(who.StartTime),
		"uid":        dbus.MakeVariant(int32(who.UID)),
	}}
	err := p.Conn.Object("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority").
		CallWithContext(ctx, "org.freedesktop.PolicyKit1.Authority.CheckAuthorization", 0, subject, action, details, flags, "").Store(&result)
	switch {
	case err != nil:
		p.Log.Debug("polkit does not answer, access is denied", "action", action, "error", err)
		return ErrDenied
	case result.Authorized:
		return nil
	case result.Challenge:
		return ErrInteractive
	}
	return ErrDenied
}
