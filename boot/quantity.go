// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// unlimited is how systemd says "no limit" (UINT64_MAX).
const unlimited = math.MaxUint64

// parseBytes reads an amount of bytes as unit files have it: a number with K, M, G, T, P or E for powers of 1024, or "infinity".
func parseBytes(text string) (uint64, error) {
	if text == "infinity" {
		return unlimited, nil
	}
	number, shift := text, 0
	if n := len(text) - 1; n > 0 {
		if i := strings.IndexByte("BKMGTPE", text[n]); i >= 0 {
			number, shift = text[:n], 10*i
		}
	}
	if whole, err := strconv.ParseUint(number, 10, 64); err == nil && whole <= math.MaxUint64>>shift {
		return whole << shift, nil
	}
	part, err := strconv.ParseFloat(number, 64)
	bytes := math.Ldexp(part, shift)
	if err != nil || !(part >= 0) || bytes >= 1<<63 || strings.ContainsAny(number, "xXpPeE_+") {
		return 0, fmt.Errorf("%q is not an amount of bytes such as 512M or 2G, or infinity", text)
	}
	return uint64(bytes), nil
}

// parsePercent reads "12.34%" as hundredths of a percent; ok is false for what does not end in a percent sign.
func parsePercent(text string) (permyriad uint64, ok bool, err error) {
	number, ok := strings.CutSuffix(text, "%")
	if !ok {
		return 0, false, nil
	}
	part, err := strconv.ParseFloat(number, 64)
	if err != nil || !(part >= 0) || part > 1e7 || strings.ContainsAny(number, "xXpPeE_+") {
		return 0, true, fmt.Errorf("%q is not a percentage such as 25%%", text)
	}
	return uint64(math.Round(part * 100)), true, nil
}

// spanUnits are those of systemd.time(7), and "m" for minutes.
var spanUnits = map[string]time.Duration{
	"": time.Second, "us": time.Microsecond, "usec": time.Microsecond, "ms": time.Millisecond, "msec": time.Millisecond,
	"s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// parseSpan reads a time span such as "90", "1min 30s" or "500ms" (systemd.time(7)).
func parseSpan(text string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a time span such as 30s or 1min 30s", text)
	rest, sum := strings.TrimSpace(text), 0.0
	if rest == "" {
		return 0, bad
	}
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		number, err := strconv.ParseFloat(rest[:digits], 64)
		if err != nil {
			return 0, bad
		}
		rest = strings.TrimLeft(rest[digits:], " ")
		letters := len(rest) - len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz"))
		unit, ok := spanUnits[rest[:letters]]
		if !ok {
			return 0, bad
		}
		sum += number * float64(unit)
		rest = strings.TrimLeft(rest[letters:], " ")
	}
	if sum >= math.MaxInt64 {
		return 0, bad
	}
	return time.Duration(sum), nil
}

// maxCPU bounds the numbers of processors, as the kernel's configuration does (CONFIG_NR_CPUS is at most 8192).
const maxCPU = 8191

// parseCPUs reads a list of numbers such as "0-3,7" or "0 2" as a bit mask, the lowest bit of the first byte for number 0.
func parseCPUs(text string) ([]byte, error) {
	bad := fmt.Errorf("%q is not a list of processors such as 0-3,7", text)
	var mask []byte
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		low, high, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseUint(low, 10, 32)
		last := first
		if err == nil && isRange {
			last, err = strconv.ParseUint(high, 10, 32)
		}
		if err != nil || last > maxCPU || first > last {
			return nil, bad
		}
		for ; first <= last; first++ {
			for uint64(len(mask)) <= first/8 {
				mask = append(mask, 0)
			}
			mask[first/8] |= 1 << (first % 8)
		}
	}
	if len(mask) == 0 {
		return nil, bad
	}
	return mask, nil
}
