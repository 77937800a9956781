// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// change writes changes, each KEY=WORD… or KEY alone to unset it.
func change(t *testing.T, s Search, changes ...string) (*Draft, error) {
	t.Helper()
	var list []Change
	for _, text := range changes {
		key, words, set := strings.Cut(text, "=")
		path, err := ParseKey(key)
		c := Change{Key: path}
		if set {
			c, err = ParseChange(key, strings.Fields(words))
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	d, err := s.Draft("web", "/var/lib/machines/web", list)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d, d.Save()
}

func TestDraft(t *testing.T) {
	for name, tt := range map[string]struct {
		files    map[string]string
		changes  []string
		want     string // of the drop-in, less its first line
		overrule string
	}{
		"one":                   {nil, []string{"hostname=www"}, "hostname = \"www\"\n", ""},
		"a percent sign":        {nil, []string{"environment.A=%d"}, "[environment]\nA = \"%%d\"\n", ""},
		"a list as a whole":     {nil, []string{`device={path="/dev/a"} {path="/dev/b"}`}, "reset = [\"device\"]\n\n[[device]]\npath = \"/dev/a\"\n\n[[device]]\npath = \"/dev/b\"\n", ""},
		"a command line":        {nil, []string{"command=/bin/true -x"}, "command = [\"/bin/true\", \"-x\"]\n", ""},
		"the same once more":    {map[string]string{"etc/machines/web.toml.d/50-mctl-set.toml": "reset = [\"device\"]\n[[device]]\npath = \"/x\""}, []string{`device=[{path="/dev/a"}]`}, "reset = [\"device\"]\n\n[[device]]\npath = \"/dev/a\"\n", ""},
		"unset what is not set": {nil, []string{"hostname"}, "", ""},
		"unset its own":         {map[string]string{"etc/machines/web.toml.d/50-mctl-set.toml": "hostname = \"a\""}, []string{"hostname"}, "", ""},
		"unset another's":       {map[string]string{"etc/machines/web.toml": "hostname = \"a\""}, []string{"hostname"}, "reset = [\"hostname\"]\n", ""},
		"set after unset":       {map[string]string{"etc/machines/web.toml.d/50-mctl-set.toml": "reset = [\"hostname\", \"bind\"]"}, []string{"hostname=www"}, "reset = [\"bind\"]\nhostname = \"www\"\n", ""},
		"overruled": {
			map[string]string{"etc/machines/web.toml.d/60.toml": "hostname = \"b\""}, []string{"hostname=a", "read_only=yes"},
			"hostname = \"a\"\nread_only = true\n", "hostname",
		},
		"a whole section": {
			map[string]string{"etc/machines/web.toml": "network.ports = [\"80\"]\nnetwork.veth = true"}, []string{"network"},
			"reset = [\"network\"]\n", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, top := lay(t, tt.files)
			d, err := change(t, s, tt.changes...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(top, "etc/machines/web.toml.d/50-mctl-set.toml"))
			if tt.want == "" && os.IsNotExist(err) {
				return
			}
			_, text, _ := strings.Cut(string(got), "\n")
			if diff := cmp.Diff(tt.want, text); diff != "" {
				t.Error(diff)
			}
			var overruled []string
			for _, row := range d.Overrule {
				overruled = append(overruled, row.Name())
			}
			if strings.Join(overruled, " ") != tt.overrule {
				t.Errorf("overruled: %v", overruled)
			}
		})
	}
}

func TestDraftRefuses(t *testing.T) {
	s, top := lay(t, map[string]string{"etc/machines/web.toml.d/50-mctl-set.toml": "hostname = \"a\""})
	for changes, want := range map[string]string{
		"hostname=-":         `hostname: host name: machine name "-" is not a host name`,
		"resources.memory=x": `setting resources.memory: "x"`,
	} {
		if _, err := change(t, s, changes); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got error %v", changes, err)
		}
	}
	if got, _ := os.ReadFile(top + "/etc/machines/web.toml.d/50-mctl-set.toml"); string(got) != "hostname = \"a\"" {
		t.Errorf("the file is now %q", got)
	}
}

// Changes at the same time all get through.
func TestDraftsOneAfterTheOther(t *testing.T) {
	s, _ := lay(t, nil)
	var all sync.WaitGroup
	const n = 20
	for i := range n {
		all.Go(func() {
			if _, err := change(t, s, fmt.Sprintf("environment.V%d=x", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	set, err := s.Load("web", "")
	if err != nil || len(set.Rows()) != n {
		t.Errorf("%v, %d of %d changes", err, len(set.Rows()), n)
	}
}

func TestStarted(t *testing.T) {
	s, top := lay(t, map[string]string{"etc/machines/web.toml": "hostname = \"%M\"\nenvironment = { P = \"50%%a\" }"})
	s.Started = top + "/started"
	set, err := s.Load("web", "")
	if err != nil {
		t.Fatal(err)
	}
	s.Note("web", set)
	got, err := s.ReadStarted("web")
	if err != nil || got.Time.IsZero() {
		t.Fatalf("%v at %v", err, got.Time)
	}
	for _, d := range Compare(got.Settings, set) {
		if !d.Same() {
			t.Errorf("%s: %s and %s", d.Name(), d.Now, d.Then)
		}
	}
	s.Note("web", &Settings{root: newTable(Place{})})
	if got, err := s.ReadStarted("web"); err != nil || !got.Time.IsZero() || len(got.Rows()) > 0 {
		t.Errorf("settings of the start before: %v, %v", got.Rows(), err)
	}
}
