// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"machined-go/boot"
	"machined-go/boot/bundle"
	"machined-go/boot/handover"
	"machined-go/boot/sys"
	"machined-go/machine/client/terminal"
	"machined-go/machine/image"
)

// maxNotes bounds what is said of a bundle.
const maxNotes = 20

// readBundle makes the spec of the OCI bundle in dir, and what is to be said of it. args run instead of its program.
func readBundle(dir, name string, args []string) (boot.Spec, []bundle.Note, error) {
	b, err := bundle.Open(dir)
	if err != nil {
		return boot.Spec{}, nil, err
	}
	if len(args) > 0 {
		b.SetArgs(args)
	}
	if name == "" {
		name = filepath.Base(b.Dir)
	}
	if err := boot.CheckName(name); err != nil {
		return boot.Spec{}, nil, fmt.Errorf("%w (--machine gives another)", err)
	}
	host, err := bundle.ReadHost()
	if err != nil {
		return boot.Spec{}, nil, err
	}
	return b.Spec(name, host)
}

// tell says what of a bundle is not honoured.
func (a *app) tell(notes []bundle.Note) {
	for _, n := range notes[:min(len(notes), maxNotes)] {
		fmt.Fprintf(a.err, "mctl: %s: %s\n", bundle.ConfigName, oneLine(n.String()))
	}
	if more := len(notes) - maxNotes; more > 0 {
		fmt.Fprintf(a.err, "mctl: %s: and %d more such fields\n", bundle.ConfigName, more)
	}
}

// suitBundle refuses flags that have no meaning with a bundle.
func (o *runOptions) suitBundle() error {
	if len(o.asked) > 0 {
		return fmt.Errorf("--%s is for images: a bundle's %s says what its machine is", longName(o.asked[0].option), bundle.ConfigName)
	}
	if o.detach || o.remove || o.cleanup || o.boot || o.background != "" || o.settings != "" || o.directory+o.image+o.stack != "" {
		return errors.New("--oci-bundle goes with --machine, --register, --keep-unit and --dry-run alone")
	}
	return nil
}

// runBundle runs an OCI bundle and gives its exit status.
func (a *app) runBundle(s signals, o *runOptions, args []string) (int, error) {
	if err := o.suitBundle(); err != nil {
		return 0, err
	}
	if o.dryRun != "" {
		spec, notes, err := readBundle(o.bundle, o.name, args)
		if err != nil {
			return 0, err
		}
		a.tell(notes)
		return 0, a.preview(spec, o.dryRun)
	}
	spec, notes, err := readBundle(o.bundle, o.name, args)
	if err == nil {
		err = boot.Guard(spec, handover.Manager{}, nil)
	}
	if err != nil {
		return 0, err
	}
	a.tell(notes)
	starter, err := a.starter(o)
	if err != nil {
		return 0, err
	}
	<-s.caught
	f := &boot.Foreground{
		Insist:  s.second,
		Starter: starter,
		LockImage: func(lock sys.Locker) ([]*os.File, error) {
			return image.LockTreeBy(lock, spec.Root, !spec.SharesImage())
		},
		Converse: func(master *os.File, gone <-chan struct{}) error {
			session := terminal.Session{In: a.in, Out: a.file(), Master: master, Gone: gone}
			_, err := session.Run(context.WithoutCancel(s.first))
			return err
		},
	}
	ws, err := f.Run(s.first, spec)
	if err != nil {
		noteFailure(spec.Name, err)
		return 0, err
	}
	return statusOf(ws), nil
}
