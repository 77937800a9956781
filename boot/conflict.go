// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"slices"
)

// conflicts are wishes that exclude each other; most of them systemd-nspawn refuses too.
var conflicts = []struct {
	in  func(s Spec) bool
	say string
}{
	{func(s Spec) bool { return s.StubInit && len(s.Command) == 0 },
		"stub_init is for a command: say which, or let the machine boot its own init"},
	{func(s Spec) bool { return s.StubInit && s.NotifyReady != nil && *s.NotifyReady },
		"notify_ready waits for process 1, which with stub_init is one that says nothing: leave out one"},
	{func(s Spec) bool { return s.Ephemeral && s.Template != "" },
		"ephemeral and template exclude each other: to run from a snapshot of the template, name that as the image"},
	{func(s Spec) bool {
		return s.Ephemeral && (s.Integration.LinkJournal == "host" || s.Integration.LinkJournal == "guest")
	}, "ephemeral leaves no journal to link: use link_journal = \"try-guest\" or \"no\""},
	{func(s Spec) bool {
		return s.Users.Ownership == "chown" && (s.ReadOnly || s.Volatile != "" && s.Volatile != "no")
	}, "users.ownership = \"chown\" changes the files of the tree, which read_only and volatile forbid: use \"map\""},
	{func(s Spec) bool { return s.Ephemeral && s.Resources.Disk != "" },
		"resources.disk is about the image, of which ephemeral makes a copy: leave out one"},
	{func(s Spec) bool { return s.Network.NamespacePath != "" && s.Network.joinsMore() },
		"network.namespace_path is a whole network: take out the other settings of the network"},
	{func(s Spec) bool { return s.Network.Bridge != "" && s.Network.Zone != "" },
		"network.bridge and network.zone exclude each other: choose one"},
	{func(s Spec) bool { return len(s.Network.Ports) > 0 && s.Network.Private != nil && !*s.Network.Private },
		"network.ports lead into a network of the machine's own: it shares the host's, where its ports are open anyhow"},
	{func(s Spec) bool { return len(s.Users.Bind) > 0 && s.Users.Namespace == "no" },
		"users.bind needs users of the machine's own: users.namespace is \"no\""},
	{func(s Spec) bool {
		return len(s.Users.Bind) == 0 && (s.Users.BindShell != "" || len(s.Users.BindGroups) > 0)
	}, "users.bind_shell and users.bind_groups are about the users in users.bind, of which there are none"},
	{func(s Spec) bool {
		return s.Users.Delegate > 0 && (s.Users.Namespace == "no" || s.Users.Namespace == "identity")
	}, "users.delegate needs users of the machine's own: users.namespace must be \"pick\", \"range\" or \"owner\""},
	{func(s Spec) bool { return len(s.Security.AmbientCapabilities) > 0 && len(s.Command) == 0 },
		"security.ambient_capabilities are for a command: an init has all of the machine's"},
	{func(s Spec) bool { return slices.Contains(s.Security.AmbientCapabilities, "all") },
		"security.ambient_capabilities cannot be \"all\": name them"},
}

// conflict tells which wishes of a spec exclude each other.
func (s Spec) conflict() error {
	for _, c := range conflicts {
		if c.in(s) {
			return errors.New(c.say)
		}
	}
	return nil
}

// joinsMore tells whether more is said of the network than which one to join; the pair that a machine has by default does not count.
func (n Network) joinsMore() bool {
	return n.Bridge != "" || n.Zone != "" ||
		len(n.VethExtra)+len(n.Interfaces)+len(n.MACVLAN)+len(n.IPVLAN) > 0
}
