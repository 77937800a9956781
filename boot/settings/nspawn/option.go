// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"machined-go/boot"
)

// Option is an option of systemd-nspawn that says something of a machine.
type Option struct {
	Name  string // without the dashes; empty if it only has a short form
	Short string // one letter, or nothing
	Arg   string // what its value is called in help; empty if it has none
	// Default is the value of an option that is given without one; empty if it needs one.
	Default string
	Group   string // heading in help
	Help    string
	// Network says that the option describes the machine's network: together these replace what settings say of it.
	Network bool
	// Obsolete says that help does not show it.
	Obsolete bool
	// Set changes a spec to what a value says, which is the default, or "yes" for an option without values. It changes nothing
	// if the value is wrong.
	Set func(s *boot.Spec, value string) error
}

// Headings of options.
const (
	groupImage       = "Image"
	groupExecution   = "What runs"
	groupIdentity    = "Identity"
	groupUsers       = "Users"
	groupNetwork     = "Network"
	groupSecurity    = "Security"
	groupResources   = "Limits"
	groupIntegration = "Integration with the host"
	groupMounts      = "Mounts"
	groupConsole     = "Console"
	groupCredentials = "Credentials"
)

// Options are all of systemd-nspawn's options that are about the machine itself, in the order of its manual. Those that choose an image,
// or say how to go about it, are not here: whoever reads a command line has ways of its own for these.
func Options() []Option {
	var all []Option
	for _, list := range [][]Option{
		imageOptions, executionOptions, identityOptions, userOptions, networkOptions, securityOptions, resourceOptions,
		integrationOptions, mountOptions, consoleOptions, credentialOptions,
	} {
		all = append(all, list...)
	}
	return all
}

var imageOptions = []Option{
	{Name: "ephemeral", Short: "x", Group: groupImage, Help: "run from a snapshot that is removed at the end",
		Set: boolean(func(s *boot.Spec) *bool { return &s.Ephemeral })},
	{Name: "read-only", Group: groupImage, Help: "make the root read-only",
		Set: boolean(func(s *boot.Spec) *bool { return &s.ReadOnly })},
	{Name: "volatile", Arg: "MODE", Default: "yes", Group: groupImage,
		Help: "forget at the end: yes (all but /usr), state (/var), overlay (every change) or no",
		Set:  one(func(s *boot.Spec) *string { return &s.Volatile }, "no", "yes", "state", "overlay")},
	{Name: "image-policy", Arg: "POLICY", Group: groupImage,
		Help: "which partitions of a disk are used, and how protected, such as root=unprotected:=ignore (systemd.image-policy(7))", Set: imagePolicy},
	{Name: "pivot-root", Arg: "NEW[:OLD]", Group: groupImage, Help: "make this directory of the image the root, and show the former one in OLD",
		Set: pivotRoot},
}

var executionOptions = []Option{
	{Name: "as-pid2", Short: "a", Group: groupExecution, Help: "run a small init as PID 1 and the command as PID 2",
		Set: boolean(func(s *boot.Spec) *bool { return &s.StubInit })},
	{Name: "chdir", Arg: "PATH", Group: groupExecution, Help: "directory inside for the command to start in", Set: workingDirectory},
	{Name: "setenv", Short: "E", Arg: "NAME[=VALUE]", Group: groupExecution, Help: "set an environment variable; without a value, to the one it has here",
		Set: environment},
	{Name: "uid", Short: "u", Arg: "USER", Group: groupExecution, Help: "run the command as this user of the machine, by name or number",
		Set: text(func(s *boot.Spec) *string { return &s.User }, something)},
	{Name: "kill-signal", Arg: "SIGNAL", Group: groupExecution, Help: "signal that asks PID 1 to end (default: SIGRTMIN+3 if it boots)", Set: killSignal},
	{Name: "notify-ready", Arg: "BOOL", Group: groupExecution, Help: "whether it has started only once its init says so (default: if that is systemd)",
		Set: notifyReady},
	{Name: "suppress-sync", Arg: "BOOL", Group: groupExecution, Help: "make sync(2) and its like do nothing",
		Set: boolean(func(s *boot.Spec) *bool { return &s.Security.SuppressSync })},
}

func notifyReady(s *boot.Spec, value string) error {
	b, err := ParseBool(value)
	if err == nil {
		s.NotifyReady = &b
	}
	return err
}

var identityOptions = []Option{
	{Name: "hostname", Arg: "NAME", Group: groupIdentity, Help: "host name inside (default: the machine's name)",
		Set: text(func(s *boot.Spec) *string { return &s.Hostname }, hostname)},
	{Name: "uuid", Arg: "ID", Group: groupIdentity, Help: "machine id for an image that has none yet", Set: machineID},
}

var userOptions = []Option{
	{Name: "private-users", Arg: "MODE", Default: "yes", Group: groupUsers,
		Help: "ids of its users on the host: pick (the default), BASE[:COUNT], yes (those of the image's owner), identity, no", Set: privateUsers},
	{Name: "private-users-ownership", Arg: "MODE", Group: groupUsers,
		Help: "how its files come to have these ids: map, chown, foreign, off or auto (the default)", Set: ownership},
	{Name: "private-users-chown", Arg: "BOOL", Default: "yes", Group: groupUsers, Obsolete: true, Help: "--private-users-ownership=chown",
		Set: chownUsers},
	{Name: "private-users-delegate", Arg: "N", Group: groupUsers, Help: "further ranges of 65536 ids, for machines inside", Set: delegate},
	{Short: "U", Group: groupUsers, Help: "--private-users=pick --private-users-ownership=auto", Set: pickUsers},
}

var networkOptions = []Option{
	{Name: "private-network", Group: groupNetwork, Network: true, Help: "a network of its own, with nothing but loopback", Set: privateNetwork},
	{Name: "network-interface", Arg: "HOST[:INSIDE]", Group: groupNetwork, Network: true, Help: "move an interface of the host into it",
		Set: interfaces(func(s *boot.Spec) *[]string { return &s.Network.Interfaces })},
	{Name: "network-macvlan", Arg: "HOST[:INSIDE]", Group: groupNetwork, Network: true, Help: "a MACVLAN interface on one of the host",
		Set: interfaces(func(s *boot.Spec) *[]string { return &s.Network.MACVLAN })},
	{Name: "network-ipvlan", Arg: "HOST[:INSIDE]", Group: groupNetwork, Network: true, Help: "an IPVLAN interface on one of the host",
		Set: interfaces(func(s *boot.Spec) *[]string { return &s.Network.IPVLAN })},
	{Name: "network-veth", Short: "n", Group: groupNetwork, Network: true, Help: "a pair of interfaces to the host (the default if it boots)", Set: veth},
	{Name: "network-veth-extra", Arg: "HOST[:INSIDE]", Group: groupNetwork, Network: true, Help: "a further pair, with these names",
		Set: interfaces(func(s *boot.Spec) *[]string { return &s.Network.VethExtra })},
	{Name: "network-bridge", Arg: "BRIDGE", Group: groupNetwork, Network: true, Help: "put the host's end of the pair on this bridge", Set: bridge},
	{Name: "network-zone", Arg: "NAME", Group: groupNetwork, Network: true, Help: "put it on a bridge that all machines of the zone share", Set: zone},
	{Name: "network-namespace-path", Arg: "PATH", Group: groupNetwork, Network: true, Help: "join this network namespace", Set: namespacePath},
	{Name: "port", Short: "p", Arg: "[PROTOCOL:]HOST[:INSIDE]", Group: groupNetwork, Help: "lead a port of the host into it", Set: port},
}

var securityOptions = []Option{
	{Name: "capability", Arg: "CAP,…", Group: groupSecurity, Help: "capabilities beyond the usual ones, or all",
		Set: capabilities(func(s *boot.Spec) *[]string { return &s.Security.AddCapabilities })},
	{Name: "drop-capability", Arg: "CAP,…", Group: groupSecurity, Help: "capabilities to take away, or all",
		Set: capabilities(func(s *boot.Spec) *[]string { return &s.Security.DropCapabilities })},
	{Name: "ambient-capability", Arg: "CAP,…", Group: groupSecurity, Help: "capabilities that the command keeps though it is not root",
		Set: capabilities(func(s *boot.Spec) *[]string { return &s.Security.AmbientCapabilities })},
	{Name: "no-new-privileges", Arg: "BOOL", Group: groupSecurity, Help: "no program inside may gain privileges",
		Set: boolean(func(s *boot.Spec) *bool { return &s.Security.NoNewPrivileges })},
	{Name: "system-call-filter", Arg: "[~]LIST", Group: groupSecurity, Help: "system calls and groups (@clock) to allow, or after a ~ to deny",
		Set: systemCallFilter},
	{Name: "restrict-address-families", Arg: "[~]LIST", Group: groupSecurity, Help: "the only kinds of sockets (AF_INET), or after a ~ those there are not",
		Set: addressFamilies},
	{Name: "selinux-context", Short: "Z", Arg: "LABEL", Group: groupSecurity, Help: "SELinux label of its processes",
		Set: text(func(s *boot.Spec) *string { return &s.Security.SELinuxContext }, something)},
	{Name: "selinux-apifs-context", Short: "L", Arg: "LABEL", Group: groupSecurity, Help: "SELinux label of its files in memory",
		Set: text(func(s *boot.Spec) *string { return &s.Security.SELinuxFilesContext }, something)},
}

var resourceOptions = []Option{
	{Name: "rlimit", Arg: "NAME=SOFT[:HARD]", Group: groupResources, Help: "limit of each process (getrlimit(2)), such as nofile=1024:4096", Set: rlimit},
	{Name: "oom-score-adjust", Arg: "N", Group: groupResources, Help: "how early its processes are ended when memory runs out, -1000 to 1000",
		Set: oomScoreAdjust},
	{Name: "cpu-affinity", Arg: "CPUS", Group: groupResources, Help: "processors that its processes run on, such as 0-3,7", Set: cpuAffinity},
	{Name: "personality", Arg: "ARCH", Group: groupResources, Help: "kernel it is told it runs on, such as x86", Set: personality},
	{Name: "slice", Short: "S", Arg: "SLICE", Group: groupResources, Help: "slice of its scope (default: machine.slice)",
		Set: text(func(s *boot.Spec) *string { return &s.Resources.Slice }, something)},
	{Name: "property", Arg: "NAME=VALUE", Group: groupResources, Help: "property of its scope (systemd.resource-control(5))", Set: property},
}

var integrationOptions = []Option{
	{Name: "resolv-conf", Arg: "MODE", Group: groupIntegration,
		Help: "its /etc/resolv.conf: auto, off, delete, or copy-, replace- or bind- and one of host, static, uplink, stub", Set: resolvConf},
	{Name: "timezone", Arg: "MODE", Group: groupIntegration, Help: "its /etc/localtime: auto, off, copy, bind, symlink or delete", Set: timezone},
	{Name: "link-journal", Arg: "MODE", Group: groupIntegration, Help: "where its journal lies: no, auto, guest, host, try-guest or try-host",
		Set: linkJournal},
	{Name: "forward-journal", Arg: "FILE|DIR", Group: groupIntegration, Help: "write its journal here too: a file if it ends in .journal",
		Set: forwardJournal},
	{Name: "forward-journal-max-use", Arg: "BYTES", Group: groupIntegration, Help: "how much space forwarded journals may take",
		Set: byteCount(func(s *boot.Spec) *string { return &s.Integration.ForwardJournalMaxUse })},
	{Name: "forward-journal-keep-free", Arg: "BYTES", Group: groupIntegration, Help: "how much space they leave free",
		Set: byteCount(func(s *boot.Spec) *string { return &s.Integration.ForwardJournalKeepFree })},
	{Name: "forward-journal-max-file-size", Arg: "BYTES", Group: groupIntegration, Help: "how large a file of them may get",
		Set: byteCount(func(s *boot.Spec) *string { return &s.Integration.ForwardJournalMaxFileSize })},
	{Name: "forward-journal-max-files", Arg: "N", Group: groupIntegration, Help: "how many files of them are kept", Set: journalFiles},
	{Short: "j", Group: groupIntegration, Help: "--link-journal=try-guest",
		Set: func(s *boot.Spec, _ string) error { return linkJournal(s, "try-guest") }},
}

var mountOptions = []Option{
	{Name: "bind", Arg: "PATH[:INSIDE[:OPTIONS]]", Group: groupMounts,
		Help: "show a file or directory inside; OPTIONS: norbind, idmap, rootidmap, owneridmap", Set: bind(false)},
	{Name: "bind-ro", Arg: "PATH[:INSIDE[:OPTIONS]]", Group: groupMounts, Help: "the same, read-only", Set: bind(true)},
	{Name: "inaccessible", Arg: "PATH", Group: groupMounts, Help: "keep a path of the machine from being opened", Set: inaccessible},
	{Name: "tmpfs", Arg: "PATH[:OPTIONS]", Group: groupMounts, Help: "an empty file system in memory", Set: tmpfs},
	{Name: "overlay", Arg: "LOWER:…:UPPER[:PATH]", Group: groupMounts, Help: "directories laid over one another; UPPER takes the changes",
		Set: overlay(false)},
	{Name: "overlay-ro", Arg: "LOWER:…:UPPER[:PATH]", Group: groupMounts, Help: "the same, read-only", Set: overlay(true)},
	{Name: "bind-user", Arg: "NAME", Group: groupMounts, Help: "a user of the host who exists inside too, with home directory",
		Set: names(func(s *boot.Spec) *[]string { return &s.Users.Bind })},
	{Name: "bind-user-shell", Arg: "BOOL|PATH", Group: groupMounts, Help: "whether that user has the same shell, or which", Set: bindShell},
	{Name: "bind-user-group", Arg: "GROUP", Group: groupMounts, Help: "a further group for that user",
		Set: names(func(s *boot.Spec) *[]string { return &s.Users.BindGroups })},
}

var consoleOptions = []Option{
	{Name: "console", Arg: "MODE", Group: groupConsole, Help: "console and standard streams: interactive, read-only, passive, pipe or autopipe (the default)",
		Set: consoleMode},
	{Name: "pipe", Short: "P", Group: groupConsole, Help: "--console=pipe",
		Set: func(s *boot.Spec, _ string) error { return consoleMode(s, "pipe") }},
}

func consoleMode(s *boot.Spec, value string) error {
	modes := one(func(s *boot.Spec) *string { return &s.Console }, "", "", "interactive", "read-only", "passive", "pipe", "autopipe")
	err := modes(s, value)
	if err == nil && value == "autopipe" {
		s.Console = "auto"
	}
	return err
}

var credentialOptions = []Option{
	{Name: "set-credential", Arg: "ID:VALUE", Group: groupCredentials, Help: "a credential and its value, with C's escapes", Set: setCredential},
	{Name: "load-credential", Arg: "ID:PATH", Group: groupCredentials, Help: "a credential from a file or socket, or one of our own by its name",
		Set: loadCredential},
}
