// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseRlimit(t *testing.T) {
	const all = unix.RLIM_INFINITY
	for _, test := range []struct {
		name, text string
		soft, hard uint64
	}{
		{"nofile", "100", 100, 100},
		{"nofile", "100:infinity", 100, all},
		{"nproc", "infinity", all, all},
		{"memlock", "64M", 64 << 20, 64 << 20},
		{"stack", "8M:1G", 8 << 20, 1 << 30},
		{"fsize", "512B", 512, 512},
		{"cpu", "90", 90, 90},
		{"cpu", "1min 30s", 90, 90},
		{"cpu", "1500ms", 2, 2},
		{"rttime", "5:1s", 5, 1000000},
		{"nice", "+5:-20", 15, 40},
		{"nice", "30", 30, 30},
		{"rtprio", "9", 9, 9},
	} {
		soft, hard, err := parseRlimit(test.name, test.text)
		if err != nil || soft != test.soft || hard != test.hard {
			t.Errorf("%s=%s is %d:%d, %v; want %d:%d", test.name, test.text, soft, hard, err, test.soft, test.hard)
		}
	}
	for name, texts := range map[string][]string{
		"files":  {"1"},
		"nofile": {"", "x", "1M", "-1", "2:1", "1:", ":1", "1:2:3"},
		"as":     {"1X", "M", "1KB", "99999999999999999999", "1KM"},
		"cpu":    {"1 fortnight", "s"},
		"nice":   {"41", "-21", "+20", "-5:+0"},
	} {
		for _, text := range texts {
			if soft, hard, err := parseRlimit(name, text); err == nil {
				t.Errorf("%s=%s is %d:%d, want an error", name, text, soft, hard)
			}
		}
	}
}

func TestLimitsFromInside(t *testing.T) {
	adjust := 321
	seen := statusInside(t, func(s *Spec) {
		s.Limits = ProcLimits{
			Rlimit:         map[string]string{"nofile": "200:200", "cpu": "1min", "msgqueue": "1K:2K"},
			OOMScoreAdjust: &adjust, CPUAffinity: "1",
		}
	})
	expect(t, seen, map[string]string{
		"Max open files": "200:200", "Max cpu time": "60:60", "Max stack size": "8388608:unlimited", "Max msgqueue size": "1024:2048",
		"oom": "321", "Cpus_allowed_list": "1",
	})
}

func TestProcLimitsValidate(t *testing.T) {
	tooMuch := 1001
	for want, l := range map[string]ProcLimits{
		`resource limit "files": there is none of that name`: {Rlimit: map[string]string{"files": "1"}},
		"the soft limit is above the hard one":               {Rlimit: map[string]string{"nofile": "2:1"}},
		"oom_score_adjust = 1001":                            {OOMScoreAdjust: &tooMuch},
		`cpu_affinity: "3-1" is not a list of processors`:    {CPUAffinity: "3-1"},
	} {
		if err := l.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", l, err, want)
		}
	}
}
