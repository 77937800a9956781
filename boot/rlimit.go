// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// rlimitForm is how the value of a resource limit is written (systemd.exec(5), LimitCPU= and so on).
type rlimitForm int

const (
	rlimitCount   rlimitForm = iota
	rlimitBytes              // with a suffix K, M, G, T, P or E of base 1024
	rlimitSeconds            // or with units of time
	rlimitMicro              // microseconds, or with units of time
	rlimitNice               // as the kernel has it, 20 less the nice value, or a nice value with its sign
)

var rlimitForms = map[string]rlimitForm{
	"cpu": rlimitSeconds, "fsize": rlimitBytes, "data": rlimitBytes, "stack": rlimitBytes, "core": rlimitBytes, "rss": rlimitBytes,
	"nproc": rlimitCount, "nofile": rlimitCount, "memlock": rlimitBytes, "as": rlimitBytes, "locks": rlimitCount,
	"sigpending": rlimitCount, "msgqueue": rlimitBytes, "nice": rlimitNice, "rtprio": rlimitCount, "rttime": rlimitMicro,
}

// parseRlimit reads what the setting of a limit says: one value for both, or SOFT:HARD.
func parseRlimit(name, text string) (soft, hard uint64, err error) {
	form, ok := rlimitForms[name]
	if !ok {
		return 0, 0, fmt.Errorf("resource limit %q: there is none of that name, but %s", name,
			strings.Join(slices.Sorted(maps.Keys(rlimitForms)), ", "))
	}
	first, second, both := strings.Cut(text, ":")
	if soft, ok = form.parse(first); ok {
		hard = soft
		if both {
			hard, ok = form.parse(second)
		}
	}
	if !ok {
		return 0, 0, fmt.Errorf("resource limit %s=%s: it is neither VALUE nor SOFT:HARD, each %s", name, text, form)
	}
	if soft > hard {
		return 0, 0, fmt.Errorf("resource limit %s=%s: the soft limit is above the hard one", name, text)
	}
	return soft, hard, nil
}

func (f rlimitForm) String() string {
	switch f {
	case rlimitBytes:
		return `a size such as "64M" or "infinity"`
	case rlimitSeconds, rlimitMicro:
		return `a time such as "10s" or "infinity"`
	case rlimitNice:
		return `a nice value with its sign, a number up to 40, or "infinity"`
	}
	return `a number or "infinity"`
}

func (f rlimitForm) parse(text string) (uint64, bool) {
	if text == "infinity" {
		return unix.RLIM_INFINITY, true
	}
	switch f {
	case rlimitBytes:
		n, err := parseBytes(text)
		return n, err == nil
	case rlimitNice:
		return parseNice(text)
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err == nil || f == rlimitCount {
		return n, err == nil
	}
	span, err := parseSpan(text)
	if f == rlimitSeconds {
		return uint64((span + time.Second - 1) / time.Second), err == nil
	}
	return uint64(span / time.Microsecond), err == nil
}

func parseNice(text string) (uint64, bool) {
	const lowest, highest, none = -20, 19, 20
	n, err := strconv.ParseInt(text, 10, 64)
	if strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
		return uint64(none - n), err == nil && n >= lowest && n <= highest
	}
	return uint64(n), err == nil && n >= 0 && n <= none-lowest
}

func (l ProcLimits) validate() error {
	for _, name := range slices.Sorted(maps.Keys(l.Rlimit)) {
		if _, _, err := parseRlimit(name, l.Rlimit[name]); err != nil {
			return err
		}
	}
	const least, most = -1000, 1000
	if a := l.OOMScoreAdjust; a != nil && (*a < least || *a > most) {
		return fmt.Errorf("oom_score_adjust = %d: it is from %d to %d", *a, least, most)
	}
	_, err := l.processors()
	return err
}

// processors is the mask of those that may be used, empty for all.
func (l ProcLimits) processors() ([]byte, error) {
	if l.CPUAffinity == "" {
		return nil, nil
	}
	mask, err := parseCPUs(l.CPUAffinity)
	if err != nil {
		return nil, fmt.Errorf("cpu_affinity: %w", err)
	}
	return mask, nil
}
