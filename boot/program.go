// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"machined-go/boot/mount"
)

// validateProgram checks what concerns the machine's first program.
func (s Spec) validateProgram() error {
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(s.Environment[name], 0) {
			return fmt.Errorf("environment variable %q is not NAME=VALUE", name)
		}
	}
	for _, arg := range slices.Concat(s.Command, s.InitArguments) {
		if strings.ContainsRune(arg, 0) {
			return fmt.Errorf("command argument %q has a NUL byte", arg)
		}
	}
	if len(s.Command) > 0 && len(s.InitArguments) > 0 {
		return fmt.Errorf("init_arguments are for the tree's init, which a command replaces: leave out one")
	}
	if dir := s.WorkingDirectory; dir != "" && (!path.IsAbs(dir) || strings.ContainsRune(dir, 0)) {
		return fmt.Errorf("working_directory %q is not an absolute path", dir)
	}
	if s.KillSignal != "" {
		if _, err := ParseSignal(s.KillSignal); err != nil {
			return fmt.Errorf("kill_signal: %w", err)
		}
	}
	if err := s.validateUser(); err != nil {
		return err
	}
	if err := s.validateConsole(); err != nil {
		return err
	}
	if _, err := s.givenID(); err != nil {
		return err
	}
	_, err := s.personality()
	return err
}

// HasInit tells whether the first process is an init, which can power the machine off and reboot it.
func (s Spec) HasInit() bool { return len(s.Command) == 0 || s.StubInit }

// givenID is the machine id that a tree without one gets; zero for a random one.
func (s Spec) givenID() (id [16]byte, err error) {
	if s.MachineID == "" {
		return id, nil
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(s.MachineID, "-", ""))
	if err != nil || len(raw) != len(id) || [16]byte(raw) == id {
		return id, fmt.Errorf("machine_id %q is not 32 hexadecimal digits, not all of them 0", s.MachineID)
	}
	return [16]byte(raw), nil
}

func (p *Plan) decideProgram(f Facts) (err error) {
	args, variables := splitArguments(p.Spec.InitArguments)
	p.Path, p.Argv, p.Env = f.Tree.Init, argv(p.Spec, f.Tree, args), environment(p.Spec, f, variables)
	p.Announces = p.Systemd
	if p.Spec.NotifyReady != nil {
		p.Announces = *p.Spec.NotifyReady
	}
	p.Personality, err = p.Spec.personality()
	return err
}

func argv(spec Spec, t Tree, args []string) []string {
	if len(spec.Command) > 0 {
		return spec.Command
	}
	return append([]string{t.Init}, args...)
}

var variable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*=`) })

// splitArguments tells which of an init's arguments are variables, as the kernel has it with words of its command line and
// systemd-nspawn 262 with arguments for an init.
func splitArguments(words []string) (args, variables []string) {
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		if variable().MatchString(word) {
			variables = append(variables, strings.ReplaceAll(name, "-", "_")+"="+value)
		} else {
			args = append(args, word)
		}
	}
	return args, variables
}

// environment is what the container interface (systemd.io/CONTAINER_INTERFACE) and nspawn give PID 1; spec.Environment wins.
func environment(spec Spec, f Facts, variables []string) []string {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"container=" + Manager,
		"container_uuid=" + UUID(f.MachineID),
		"HOME=/root", "USER=root", "LOGNAME=root",
		"NOTIFY_SOCKET=/run/host/notify",
	}
	if spec.hasUser() { // the machine is asked
		env = slices.DeleteFunc(env, func(old string) bool { return strings.HasPrefix(old, "HOME=") || strings.Contains(old, "=root") })
	}
	if f.Host.Term != "" {
		env = append(env, "TERM="+f.Host.Term)
	}
	if len(spec.Command) > 0 {
		env = append(env, "LANG=C.UTF-8")
	}
	if len(f.Config.Credentials) > 0 {
		env = append(env, "CREDENTIALS_DIRECTORY="+mount.CredentialsDir)
	}
	for _, field := range []string{"ID", "VERSION_ID", "BUILD_ID", "VARIANT_ID"} {
		if v := f.Host.OSRelease[field]; v != "" {
			env = append(env, "container_host_"+strings.ToLower(field)+"="+v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Environment)) {
		variables = append(variables, name+"="+spec.Environment[name])
	}
	for _, v := range variables {
		name, _, _ := strings.Cut(v, "=")
		env = slices.DeleteFunc(env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
		env = append(env, v)
	}
	return env
}

// outlineProgram tells what is set for the program that is executed.
func (p *Plan) outlineProgram(add func(kind, format string, args ...any)) {
	if p.Spec.StubInit {
		add("init", "a minimal init as process 1, the program as process 2")
	}
	if p.Announces {
		add("ready", "ready when its first program says so")
	}
	if p.Spec.KillSignal != "" {
		add("end", "asked to end by %s", p.Spec.KillSignal)
	}
	if p.Personality != nil {
		add("personality", "personality %s", p.Spec.Personality)
	}
	if p.Spec.hasUser() {
		add("user", "user %s, whom the machine is asked about", p.Spec.User)
	}
	if p.Spec.WorkingDirectory != "" {
		add("directory", "working directory %s", p.Spec.WorkingDirectory)
	}
}
