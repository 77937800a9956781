// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// lack is why a bundle cannot say settings.
type lack struct {
	keys string // apart by blanks; of a section, all that is in it
	but  string // values that mean what a bundle does anyhow
	why  string
}

// lacks are all settings that a bundle has no field for.
var lacks = []lack{
	{"stub_init", "", "runtimes have an init of their own to offer"},
	{"notify_ready", "", "a container counts as started when its program runs"},
	{"console", "interactive pipe auto", "a bundle either has a terminal or not"},
	{"volatile", "no state", "what of a container's root is forgotten is for the runtime's caller to say"},
	{"ephemeral template image_policy", "", "where its root comes from is for the runtime's caller to say"},
	{"pivot_root", "", "a container's root is the one that root.path names"},
	{"overlay", "", "a runtime cannot map its ids"},
	{"users.delegate users.bind users.bind_shell users.bind_groups", "", "a bundle has nothing for it"},
	{"security.suppress_sync security.nesting", "no", "a bundle has nothing for it"},
	{"limits.cpu_affinity", "", "a bundle has it for programs that join a container alone; resources.cpus is for all"},
	{"resources.disk resources.slice", "", "a bundle has nothing for it"},
	{"integration.resolv_conf integration.timezone", "off", "a runtime's caller puts such files there"},
	{"integration.link_journal", "no", "a bundle has nothing for it"},
	{"integration.forward_journal integration.forward_journal_max_use integration.forward_journal_keep_free", "", "a bundle has nothing for it"},
	{"integration.forward_journal_max_file_size integration.forward_journal_max_files", "", "a bundle has nothing for it"},
	{"integration.credential", "", "a bundle has nothing for it"},
	{"network.mac network.veth_extra network.bridge network.zone network.macvlan network.ipvlan network.ports", "",
		"a runtime's caller, or a hook, connects a container"},
	{"health start", "", "a bundle has nothing for it"},
}

// unsaid notes what the configuration does not say, each setting once.
func (m *making) unsaid() error {
	if m.hasVeth() {
		m.note("network.veth", "a runtime's caller, or a hook, connects a container: it has a loopback interface alone")
	}
	for _, l := range lacks {
		for key := range strings.FieldsSeq(l.keys) {
			for _, set := range settingsOf(reflect.ValueOf(m.spec), key) {
				text, ok := set.value.Interface().(string)
				if ok && (text == "" || slices.Contains(strings.Fields(l.but), text)) || set.value.IsZero() {
					continue
				}
				m.note(set.key, l.why)
			}
		}
	}
	return nil
}

// hasVeth tells whether the machine would have a pair.
func (m *making) hasVeth() bool {
	n := m.spec.Network
	if n.Veth != nil {
		return *n.Veth
	}
	return cmp.Or(n.Bridge, n.Zone, n.MAC) != "" || m.plan.Network.Own && len(m.spec.Command) == 0
}

// setting is a field of a spec by its key.
type setting struct {
	key   string
	value reflect.Value
}

// settingsOf finds the setting of a key, or those of a section.
func settingsOf(spec reflect.Value, key string) []setting {
	name, rest, _ := strings.Cut(key, ".")
	for i := range spec.NumField() {
		if spec.Type().Field(i).Tag.Get("toml") != name {
			continue
		}
		field := spec.Field(i)
		if field.Kind() != reflect.Struct {
			return []setting{{name, field}}
		}
		var list []setting
		for j := range field.NumField() {
			if inner := field.Type().Field(j).Tag.Get("toml"); rest == "" || rest == inner {
				list = append(list, setting{name + "." + inner, field.Field(j)})
			}
		}
		return list
	}
	return nil
}
