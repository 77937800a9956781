// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Veth  *bool    `toml:"veth"`
	Ports []string `toml:"ports"`
}

type item struct {
	Source string `toml:"source"`
	User   uint32 `toml:"user"`
}

type outer struct {
	Name        string            `toml:"-"`
	Hostname    string            `toml:"hostname"`
	Environment map[string]string `toml:"environment"`
	Items       []item            `toml:"bind"`
	inner
	Network inner `toml:"network,omitempty"`
}

func TestOf(t *testing.T) {
	typ := Of(reflect.TypeFor[outer]())
	want := []string{
		"hostname", "environment", "bind", "bind.source", "bind.user", "veth", "ports", "network", "network.veth", "network.ports",
	}
	if diff := cmp.Diff(want, typ.Keys()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for key, want := range map[string]string{
		"hostname": "a string", "environment": "a table of strings", "environment.A": "a string", "bind": "a list of tables",
		"bind.user": "an integer", "network": "a table", "network.veth": "true or false", "network.ports": "a list of strings",
	} {
		f, ok := typ.Find(strings.Split(key, "."))
		if !ok || f.Type.String() != want {
			t.Errorf("%s: %v, want %s", key, f.Type, want)
		}
	}
	for _, key := range []string{"name", "hostname.x", "network.ports.x", "bind.x"} {
		if _, ok := typ.Find(strings.Split(key, ".")); ok {
			t.Errorf("there is a %s", key)
		}
	}
	if f, _ := typ.Find([]string{"bind", "user"}); f.Type.Min != 0 || f.Type.Max != 1<<32-1 {
		t.Errorf("a uint32 is from %d to %d", f.Type.Min, f.Type.Max)
	}
}

func TestNearest(t *testing.T) {
	typ := Of(reflect.TypeFor[outer]())
	for word, want := range map[string]string{
		"hostnam": "hostname", "hsotname": "hostname", "HostName": "hostname", "Environment": "environment", "network.vteh": "network.veth",
		"source": "bind.source", "bind.sourze": "bind.source", "frobnicate": "", "network.frobnicate": "", "x": "",
		"network.user": "bind.user", strings.Repeat("hostname", 10): "", "": "",
	} {
		if got := typ.Nearest(strings.Split(word, ".")); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"a", ""}: 1, {"", "ab"}: 2, {"abc", "abc"}: 0, {"abc", "acb"}: 1, {"kitten", "sitting"}: 3, {"veth", "vet"}: 1,
	} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("distance of %q and %q is %d, want %d", pair[0], pair[1], got, want)
		}
	}
}
