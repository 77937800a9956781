// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot"
)

// SetArgs has the bundle run another command.
func (b *Bundle) SetArgs(args []string) {
	if b.Config.Process != nil {
		b.Config.Process.Args = args
	}
}

func (t *translation) process() error {
	p := t.config.Process
	switch {
	case p == nil:
		return refuse("process", "missing: there is nothing to run")
	case len(p.Args) == 0 || p.Args[0] == "":
		return refuse("process.args", "missing: there is nothing to run")
	case !path.IsAbs(p.Cwd):
		return refuse("process.cwd", "%q is not an absolute path", p.Cwd)
	}
	for _, list := range []struct {
		path    string
		strings []string
	}{{"process.args", p.Args}, {"process.env", p.Env}, {"process.cwd", []string{p.Cwd}}} {
		if slices.ContainsFunc(list.strings, func(s string) bool { return strings.ContainsRune(s, 0) }) {
			return refuse(list.path, "there is a NUL byte in it")
		}
	}
	if p.CommandLine != "" {
		t.note("process.commandLine", "for another platform, ignored")
	}
	t.spec.Command, t.spec.Terminal = p.Args, p.Terminal
	c := &t.container.Process
	c.Dir, c.Env = path.Clean(p.Cwd), t.environment()
	c.StopSignal = t.stopSignal()
	if p.Terminal && p.ConsoleSize != nil {
		if p.ConsoleSize.Width > math.MaxUint16 || p.ConsoleSize.Height > math.MaxUint16 {
			return refuse("process.consoleSize", "%d by %d is no size of a terminal", p.ConsoleSize.Width, p.ConsoleSize.Height)
		}
		t.container.Terminal = boot.TerminalSize{Width: uint16(p.ConsoleSize.Width), Height: uint16(p.ConsoleSize.Height)}
	}
	if err := t.user(); err != nil {
		return err
	}
	return t.rlimits()
}

func (t *translation) user() error {
	u, c := t.config.Process.User, &t.container.Process
	if u.Username != "" {
		t.note("process.user.username", "for another platform, ignored")
	}
	c.UID, c.GID, c.Groups, c.Umask = u.UID, u.GID, u.AdditionalGids, t.host.Umask
	if u.Umask != nil {
		if *u.Umask > 0o777 {
			return refuse("process.user.umask", "%#o is no file creation mask", *u.Umask)
		}
		c.Umask = *u.Umask
	}
	const most = 65536 // NGROUPS_MAX
	if len(c.Groups) > most {
		return refuse("process.user.additionalGids", "%d groups are more than the kernel takes, %d", len(c.Groups), most)
	}
	return nil
}

// environment is what the bundle says, with the user's home if it does not say that, as other runtimes have it.
func (t *translation) environment() []string {
	env := t.config.Process.Env
	if slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "HOME=") }) {
		return env
	}
	return append(slices.Clip(env), "HOME="+homeOf(t.bundle.Root, t.config.Process.User.UID))
}

// stopSignal is the annotation by which an image says which signal asks it to end, for its bundle has no field for it.
const stopSignal = "org.opencontainers.image.stopSignal"

func (t *translation) stopSignal() unix.Signal {
	text := t.config.Annotations[stopSignal]
	if text == "" {
		return unix.SIGTERM
	}
	if signal, err := boot.ParseSignal(strings.ToUpper(text)); err == nil {
		return signal
	}
	t.note("annotations."+stopSignal, "%q is no signal, ignored", text)
	return unix.SIGTERM
}

// rlimitNames are those of getrlimit(2), by number.
var rlimitNames = []string{
	unix.RLIMIT_CPU: "CPU", unix.RLIMIT_FSIZE: "FSIZE", unix.RLIMIT_DATA: "DATA", unix.RLIMIT_STACK: "STACK", unix.RLIMIT_CORE: "CORE",
	unix.RLIMIT_RSS: "RSS", unix.RLIMIT_NPROC: "NPROC", unix.RLIMIT_NOFILE: "NOFILE", unix.RLIMIT_MEMLOCK: "MEMLOCK",
	unix.RLIMIT_AS: "AS", unix.RLIMIT_LOCKS: "LOCKS", unix.RLIMIT_SIGPENDING: "SIGPENDING", unix.RLIMIT_MSGQUEUE: "MSGQUEUE",
	unix.RLIMIT_NICE: "NICE", unix.RLIMIT_RTPRIO: "RTPRIO", unix.RLIMIT_RTTIME: "RTTIME",
}

func (t *translation) rlimits() error {
	seen := map[string]bool{}
	for i, l := range t.config.Process.Rlimits {
		path := fmt.Sprintf("process.rlimits[%d]", i)
		name, _ := strings.CutPrefix(l.Type, "RLIMIT_")
		number := slices.Index(rlimitNames, name)
		switch {
		case number < 0 || name == l.Type:
			return refuse(path+".type", "%q is no resource limit", l.Type)
		case seen[name]:
			return refuse(path, "%s is set already", l.Type)
		case l.Soft > l.Hard:
			return refuse(path+".soft", "%d is more than the hard limit, %d", l.Soft, l.Hard)
		}
		seen[name] = true
		t.container.Process.Limits = append(t.container.Process.Limits,
			boot.Limit{Resource: number, Name: strings.ToLower(name), Soft: l.Soft, Hard: l.Hard})
	}
	return nil
}
