// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"fmt"
	"strings"
	"testing"
)

const (
	testBoot = "0123456789abcdef0123456789abcdef"
	testUnit = "contain@web.service"
)

// printed writes entries as journalctl does. An entry is a MESSAGE_ID, or a UNIT and a MESSAGE_ID, and further fields.
func printed(entries ...string) []byte {
	var b strings.Builder
	for i, e := range entries {
		fmt.Fprintf(&b, `{"__REALTIME_TIMESTAMP":"%d","_BOOT_ID":%q`, 1_000_000*(i+1), testBoot)
		for field := range strings.FieldsSeq(e) {
			name, value, _ := strings.Cut(field, "=")
			fmt.Fprintf(&b, ",%q:%q", name, value)
		}
		b.WriteString("}\n")
	}
	return []byte(b.String())
}

func of(unit, id string) string { return "UNIT=" + unit + " MESSAGE_ID=" + id }

func TestLastEnd(t *testing.T) {
	starting, started := of(testUnit, unitStarting), of(testUnit, unitStarted)
	stopping, success, failed := of(testUnit, unitStopping), of(testUnit, unitSuccess), of(testUnit, unitFailed)
	exit := of(testUnit, unitExit)
	born, gone := "NAME=web MESSAGE_ID="+MessageNew, "NAME=web MESSAGE_ID="+MessageRemoved
	up := []string{starting, born, started}
	life := func(more ...string) []string { return append(up[:3:3], more...) }
	for name, tt := range map[string]struct {
		entries []string
		boot    string
		want    string
		bad     bool
	}{
		"asked to power off":   {life(stopping, gone, success), testBoot, "was powered off, as systemd was asked to", false},
		"powered off inside":   {life(gone, success), testBoot, "powered itself off", false},
		"host down":            {life(stopping, gone, success, of("shutdown.target", unitStarted)), "other", "was powered off because the host went down", false},
		"host down later":      {life(gone, success), "other", "powered itself off", false},
		"host cut off":         {life(), "other", "was cut off: the host went down without stopping it", true},
		"runs":                 {life(), testBoot, "runs, or is being started or stopped", false},
		"killed":               {life(gone, exit+" EXIT_CODE=killed EXIT_STATUS=9", failed+" UNIT_RESULT=signal"), testBoot, "died", true},
		"deaf":                 {life(stopping, exit+" EXIT_CODE=killed EXIT_STATUS=9", gone, failed+" UNIT_RESULT=timeout"), testBoot, "did not power off in time", true},
		"slow":                 {[]string{starting, failed + " UNIT_RESULT=timeout"}, testBoot, "was not ready in time", true},
		"memory":               {life("UNIT=machine-web.scope MESSAGE_ID="+outOfMemory, exit+" EXIT_CODE=killed EXIT_STATUS=9", gone, failed+" UNIT_RESULT=signal"), testBoot, "ran out of memory", true},
		"reboot":               {life(gone, of(testUnit, unitRestart)), testBoot, "rebooted itself", false},
		"failed start":         {[]string{starting, "NAME=web MESSAGE_ID=" + MessageFailure + " MACHINED_GO_STEP=mount MACHINED_GO_CAUSE=gone", exit + " EXIT_CODE=exited EXIT_STATUS=1", failed + " UNIT_RESULT=exit-code"}, testBoot, "did not start", true},
		"only the last counts": {append(life(gone, exit+" EXIT_CODE=killed EXIT_STATUS=9", failed+" UNIT_RESULT=signal"), life(stopping, gone, success)...), testBoot, "was powered off, as systemd was asked to", false},
		"unhealthy":            {life("NAME=web MESSAGE_ID="+MessageUnhealthy+" MACHINED_GO_CAUSE=x", stopping, gone, success), testBoot, "was restarted: its health check failed", true},
		"in the foreground":    {[]string{born, gone}, testBoot, "ended", false},
	} {
		t.Run(name, func(t *testing.T) {
			end, ok := LastEnd(ReadEntries(printed(tt.entries...)), tt.boot)
			if !ok || end.What != tt.want || end.Bad != tt.bad {
				t.Errorf("got %+v, %v; want %q, bad %v", end, ok, tt.want, tt.bad)
			}
		})
	}
	if end, ok := LastEnd(nil, testBoot); ok {
		t.Errorf("of nothing: %+v", end)
	}
	end, _ := LastEnd(ReadEntries(printed("NAME=web MESSAGE_ID="+MessageFailure+" MACHINED_GO_STEP=a MACHINED_GO_PATH=/b MACHINED_GO_CAUSE=c MACHINED_GO_DO=d")), testBoot)
	if end.Step != "a" || end.Path != "/b" || end.Cause != "c" || end.Do != "d" || end.Time.Unix() != 1 {
		t.Errorf("a failed start: %+v", end)
	}
}

// Whatever the journal holds, reading it ends, and tells nothing without an entry.
func FuzzStory(f *testing.F) {
	f.Add(printed(of(testUnit, unitStarting), of(testUnit, unitFailed)+" UNIT_RESULT=timeout"))
	f.Add([]byte("{\"MESSAGE\":[1,2],\"UNIT\":null}\n[]\nx"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries := ReadEntries(text)
		if end, ok := LastEnd(entries, testBoot); ok && (len(entries) == 0 || end.What == "") {
			t.Errorf("%+v of %d entries", end, len(entries))
		}
	})
}
