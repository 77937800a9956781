// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"machined-go/boot"
)

// amount is a unit of a limit, by what its value means.
type amount int

const (
	count   amount = iota // a number
	bytes                 // a number of bytes, with or without K, M, G, …
	seconds               // a time
	micros                // a time, in microseconds if it has no unit
	nice                  // 1 to 40, or with a sign a nice level
)

// limits are the resource limits and how their values are written (systemd.exec(5), LimitCPU=).
var limits = map[string]amount{
	"cpu": seconds, "fsize": bytes, "data": bytes, "stack": bytes, "core": bytes, "rss": bytes, "nofile": count, "as": bytes,
	"nproc": count, "memlock": bytes, "locks": count, "sigpending": count, "msgqueue": bytes, "nice": nice, "rtprio": count,
	"rttime": micros,
}

// rlimit is NAME=SOFT[:HARD], with the name as in RLIMIT_NOFILE or without that beginning.
func rlimit(s *boot.Spec, value string) error {
	name, value, ok := strings.Cut(value, "=")
	if !ok {
		return fmt.Errorf("%q is not NAME=LIMIT", name)
	}
	name = strings.ToLower(name)
	for _, prefix := range []string{"rlimit_", "limit"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return limit(name)(s, value)
}

// limit sets the limit of that name to SOFT[:HARD].
func limit(name string) setter {
	return func(s *boot.Spec, value string) error {
		unit, ok := limits[name]
		if !ok {
			return fmt.Errorf("there is no resource limit %q: take one of %s", name, strings.Join(slices.Sorted(maps.Keys(limits)), ", "))
		}
		soft, hard, both := strings.Cut(value, ":")
		low, err := quantity(soft, unit)
		high := low
		if err == nil && both {
			high, err = quantity(hard, unit)
		}
		if err != nil {
			return fmt.Errorf("limit %s: %w", name, err)
		}
		if low > high {
			return fmt.Errorf("limit %s: the soft limit %s is above the hard limit %s", name, soft, hard)
		}
		all := map[string]string{name: number(low) + ":" + number(high)}
		for other, value := range s.Limits.Rlimit {
			if other != name {
				all[other] = value
			}
		}
		s.Limits.Rlimit = all
		return nil
	}
}

// infinity is RLIM_INFINITY.
const infinity = ^uint64(0)

func number(n uint64) string {
	if n == infinity {
		return "infinity"
	}
	return strconv.FormatUint(n, 10)
}

func quantity(value string, unit amount) (uint64, error) {
	if value == "infinity" {
		return infinity, nil
	}
	switch unit {
	case bytes:
		return size(value)
	case seconds:
		us, err := duration(value, 1000000)
		return (us + 999999) / 1000000, err
	case micros:
		return duration(value, 1)
	case nice:
		return niceLimit(value)
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n == infinity {
		return 0, fmt.Errorf("%q is not a number", value)
	}
	return n, nil
}

// size is a number of bytes; K is 1024 of them.
func size(value string) (uint64, error) {
	value = strings.TrimSpace(value)
	digits := strings.TrimRight(value, "BKMGTPE")
	shift := 0
	switch letter := strings.TrimSuffix(strings.TrimPrefix(value, digits), "B"); letter {
	case "":
	case "K", "M", "G", "T", "P", "E":
		shift = 10 * (strings.Index("KMGTPE", letter) + 1)
	default:
		return 0, fmt.Errorf("%q is not a number of bytes", value)
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || f < 0 || strings.ContainsAny(digits, "eExXpPnN+-_") || f*float64(uint64(1)<<shift) >= 1<<64 {
		return 0, fmt.Errorf("%q is not a number of bytes", value)
	}
	if n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 64); err == nil {
		return n << shift, nil
	}
	return uint64(f * float64(uint64(1)<<shift)), nil
}

// spans are the units of time, in microseconds (systemd.time(7)).
var spans = map[string]uint64{
	"us": 1, "usec": 1, "µs": 1, "ms": 1000, "msec": 1000, "s": 1000000, "sec": 1000000, "second": 1000000, "seconds": 1000000,
	"m": 60000000, "min": 60000000, "minute": 60000000, "minutes": 60000000, "h": 3600000000, "hr": 3600000000, "hour": 3600000000,
	"hours": 3600000000, "d": 86400000000, "day": 86400000000, "days": 86400000000, "w": 604800000000, "week": 604800000000,
	"weeks": 604800000000,
}

var errTime = errors.New("not a time such as 90s or 1min 30s")

// duration is a time in microseconds, a sum of numbers with units; plain is the unit of one without.
func duration(value string, plain uint64) (uint64, error) {
	rest, total := strings.TrimSpace(value), uint64(0)
	if rest == "" {
		return 0, fmt.Errorf("%q: %w", value, errTime)
	}
	for rest != "" {
		digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		rest = strings.TrimLeft(rest[len(digits):], " ")
		word := rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzµ"))]
		rest = strings.TrimLeft(rest[len(word):], " ")
		unit, known := spans[word]
		if word == "" {
			unit, known = plain, true
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || !known || n > (infinity-1-total)/unit {
			return 0, fmt.Errorf("%q: %w", value, errTime)
		}
		total += n * unit
	}
	return total, nil
}

// niceLimit is a nice level, which has a sign, or what the kernel counts instead: 20 less the level.
func niceLimit(value string) (uint64, error) {
	if strings.HasPrefix(value, "+") || strings.HasPrefix(value, "-") {
		n, err := integer(value, -20, 19)
		return uint64(20 - n), err
	}
	n, err := integer(value, 1, 40)
	return uint64(n), err
}

func oomScoreAdjust(s *boot.Spec, value string) error {
	n, err := integer(value, -1000, 1000)
	if err == nil {
		s.Limits.OOMScoreAdjust = &n
	}
	return err
}

// maxCPU is above the number of any processor.
const maxCPU = 1 << 13

// cpuAffinity takes processors and ranges of them, apart by commas or blanks.
func cpuAffinity(s *boot.Spec, value string) error {
	only := boot.Spec{}
	err := moreCPUs(&only, value)
	if err == nil {
		s.Limits.CPUAffinity = only.Limits.CPUAffinity
	}
	return err
}

// moreCPUs adds processors to those that there are.
func moreCPUs(s *boot.Spec, value string) error {
	list := words(value, true)
	if len(list) == 0 {
		return something("")
	}
	for _, word := range list {
		first, last, both := strings.Cut(word, "-")
		low, err := integer(first, 0, maxCPU-1)
		high := low
		if err == nil && both {
			high, err = integer(last, 0, maxCPU-1)
		}
		if err != nil || high < low {
			return fmt.Errorf("%q is neither a processor nor a range of them, such as 0-3", word)
		}
	}
	if s.Limits.CPUAffinity != "" {
		list = append([]string{s.Limits.CPUAffinity}, list...)
	}
	s.Limits.CPUAffinity = strings.Join(list, ",")
	return nil
}
