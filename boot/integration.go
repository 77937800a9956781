// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"slices"
	"strings"

	"machined-go/boot/mount"
)

// Integration is what a machine gets from its host's configuration.
type Integration struct {
	// How the machine finds names: "off", "copy-host", "copy-static", "copy-uplink", "copy-stub", the same with "replace-" or "bind-",
	// "delete" or "auto", the default (--resolv-conf= of systemd-nspawn(1)).
	ResolvConf string `toml:"resolv_conf"`
	// Where the time zone comes from: "off", "copy", "bind", "symlink", "delete" or "auto", the default.
	Timezone string `toml:"timezone"`
	// Where the machine's journal lies: "no", "auto" (on the host if there is a directory for it), "guest", "try-guest", "host" or
	// "try-host"; by default "try-guest" for a service, "auto" otherwise.
	LinkJournal string `toml:"link_journal"`
	// Where on the host the machine's journal is written too, as it comes: a file if it ends in ".journal", else a directory; no two
	// machines share one. It is systemd-journal-remote(8) that receives it, which has to be installed, of systemd 256 or newer, and the
	// machine's journald that sends it, of systemd 256 or newer too; an older one does not, and says nothing of it.
	ForwardJournal string `toml:"forward_journal"`
	// How much space forwarded journals may take, such as "1G"; this and the following need systemd-journal-remote 261.
	ForwardJournalMaxUse string `toml:"forward_journal_max_use"`
	// How much space forwarded journals leave free.
	ForwardJournalKeepFree string `toml:"forward_journal_keep_free"`
	// How large a file of forwarded journals may get before another is begun.
	ForwardJournalMaxFileSize string `toml:"forward_journal_max_file_size"`
	// How many files of forwarded journals are kept.
	ForwardJournalMaxFiles uint64 `toml:"forward_journal_max_files"`
	// Credentials for the machine's init (systemd.io/CREDENTIALS).
	Credentials []Credential `toml:"credential"`
}

var (
	timezones = []string{"off", "copy", "bind", "symlink", "delete", "auto"}
	journals  = []string{"no", "auto", "guest", "try-guest", "host", "try-host"}
	// resolvers are the files that say how to find names, by the word that a setting calls them.
	resolvers = map[string]string{
		"host": "/etc/resolv.conf", "static": "/usr/lib/systemd/resolv.conf",
		"uplink": "/run/systemd/resolve/resolv.conf", "stub": "/run/systemd/resolve/stub-resolv.conf",
	}
)

func (i Integration) validate() error {
	if how, what, ok := strings.Cut(i.ResolvConf, "-"); ok {
		if !slices.Contains([]string{"copy", "replace", "bind"}, how) || resolvers[what] == "" {
			return fmt.Errorf("resolv_conf %q is not one of copy, replace and bind with -host, -static, -uplink or -stub", i.ResolvConf)
		}
	} else if !slices.Contains([]string{"", "off", "delete", "auto"}, i.ResolvConf) {
		return fmt.Errorf("resolv_conf %q is none of off, copy-…, replace-…, bind-…, delete, auto", i.ResolvConf)
	}
	if i.Timezone != "" && !slices.Contains(timezones, i.Timezone) {
		return fmt.Errorf("timezone %q is none of %s", i.Timezone, strings.Join(timezones, ", "))
	}
	if i.LinkJournal != "" && !slices.Contains(journals, i.LinkJournal) {
		return fmt.Errorf("link_journal %q is none of %s", i.LinkJournal, strings.Join(journals, ", "))
	}
	if err := i.validateForward(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range i.Credentials {
		if err := c.validate(); err != nil {
			return err
		}
		if seen[c.ID] {
			return fmt.Errorf("credential %q is given twice", c.ID)
		}
		seen[c.ID] = true
	}
	return nil
}

// HostConfig is what a boot must know of the host's configuration to integrate a machine.
type HostConfig struct {
	Zone        string // time zone that /etc/localtime links to; empty if it is no such link
	Localtime   bool   // whether there is an /etc/localtime
	Resolver    string // which of the resolvers is in use, "stub" or "host"; empty if none, or for a network of the machine's own
	Journal     journalLink
	Credentials []mount.Credential
	Receiver    journalRemote // if the machine's journal is forwarded
}

// decideIntegration decides what of the host's configuration the machine gets. In a tree that is not to be written to, files are
// bound instead of made.
func (p *Plan) decideIntegration(f Facts) error {
	i, writable := p.Spec.Integration, !p.Spec.sealed()
	if i.ForwardJournal != "" {
		r, err := i.receiver(p.Spec.Name, f.Config.Receiver)
		if err != nil {
			return err
		}
		p.Receiver = r
	}
	if len(f.Config.Credentials) > 0 {
		p.custom = slices.Insert(p.custom, 0, mount.Op(mount.Credentials{List: f.Config.Credentials}))
	}
	p.custom = append(p.custom, timezone(i.Timezone, writable, f.Config)...)
	p.custom = append(p.custom, resolvConf(i.ResolvConf, writable, f.Config)...)
	op, err := p.Spec.journal(f)
	if op != nil {
		p.custom = append(p.custom, op)
	}
	return err
}

// timezone follows setup_timezone of systemd's nspawn.c.
func timezone(mode string, writable bool, host HostConfig) []mount.Op {
	const file = "/etc/localtime"
	auto := mode == "" || mode == "auto"
	switch {
	case auto && !host.Localtime && writable:
		mode = "delete"
	case auto && !host.Localtime:
		mode = "off"
	case auto && !writable:
		mode = "bind"
	case auto && host.Zone == "":
		mode = "copy"
	case auto:
		mode = "symlink"
	}
	shown := mount.Bind{Source: file, Target: file, Attr: mount.ReadOnly, Optional: true, Existing: auto && !writable, Tolerant: auto}
	switch mode {
	case "delete":
		return []mount.Op{mount.Delete{Path: file}}
	case "copy":
		return []mount.Op{mount.Copy{Source: file, Target: file, Replace: true}}
	case "bind":
		return []mount.Op{shown}
	case "symlink":
		if host.Zone == "" {
			return nil // as nspawn: the host's says nothing of a zone
		}
		return []mount.Op{mount.Zone{Name: host.Zone, Else: shown}}
	}
	return nil
}

// resolvConf follows setup_resolv_conf of systemd's nspawn.c.
func resolvConf(mode string, writable bool, host HostConfig) []mount.Op {
	const file = "/etc/resolv.conf"
	auto := mode == "" || mode == "auto"
	if auto {
		how := "bind-"
		if writable {
			how = "copy-"
		}
		if mode = how + host.Resolver; host.Resolver == "" {
			mode = "off"
		}
	}
	if mode == "delete" {
		return []mount.Op{mount.Delete{Path: file}}
	}
	how, what, ok := strings.Cut(mode, "-")
	switch {
	case !ok:
		return nil
	case how == "bind":
		return []mount.Op{mount.Bind{Source: resolvers[what], Target: file, Attr: mount.ReadOnly, Optional: true, Existing: auto, Tolerant: auto}}
	}
	return []mount.Op{mount.Copy{Source: resolvers[what], Target: file, Replace: how == "replace"}}
}
