// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ids of messages from which a machine's story is read: systemd's (sd-messages.h), the machine manager's, which are systemd-machined's,
// and ours for a start and for a health check that failed.
const (
	MessageFailure   = "abbcafa6fe484dd9817abe7fe563afdb"
	MessageUnhealthy = "a14bf95e3faf4f7d8e681537f0dd4d74"
	MessageNew       = "24d8d4452573402496068381a6312df2"
	MessageRemoved   = "58432bd3bace477cb514b56381b8a758"

	unitStarting = "7d4958e842da4a758f6c1cdc7b36dcc5"
	unitStarted  = "39f53479d3a045ac8e11786248231fbf"
	unitStopping = "de5b426a63be47a7b6ac3eaac82e2f6f"
	unitFailed   = "d9b373ed55a64feb8242e02dbe79a49c"
	unitSuccess  = "7ad2d189f7e94e70a38c781354912448"
	unitExit     = "98e322203f7a4ed290d09fe03c09fe15"
	unitRestart  = "5eb03494b6584870a536b337290809b2"
	outOfMemory  = "fe6faa94e7774663a0da52717891d8ef"
)

// Entry is an entry of the journal, as `journalctl --output=json` prints it, with the fields that are text.
type Entry map[string]string

// maxEntry bounds one entry.
const maxEntry = 1 << 20

// ReadEntries reads what `journalctl --output=json` printed. What is no entry is left out, as is a field that is no text.
func ReadEntries(text []byte) []Entry {
	var list []Entry
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxEntry)
	for lines.Scan() {
		var fields map[string]any
		if json.Unmarshal(lines.Bytes(), &fields) != nil {
			continue
		}
		e := Entry{}
		for name, value := range fields {
			if s, ok := value.(string); ok {
				e[name] = s
			}
		}
		list = append(list, e)
	}
	return list
}

// Time is when the entry was written; zero if that cannot be read.
func (e Entry) Time() time.Time {
	n, err := strconv.ParseInt(e["__REALTIME_TIMESTAMP"], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(n)
}

// End is how the last life of a machine ended, or did not.
type End struct {
	Time  time.Time `json:"time"`
	What  string    `json:"what"`            // one sentence without a subject: "powered itself off"
	Bad   bool      `json:"failed"`          // it is a failure
	Step  string    `json:"step,omitempty"`  // of a start that failed
	Path  string    `json:"path,omitempty"`  // that it was about
	Cause string    `json:"cause,omitempty"` // in words
	Do    string    `json:"do,omitempty"`    // what to do about it
}

// Query gives journalctl's matches for what LastEnd reads of a machine: about its units, by its name, and about the host's end.
func Query(machine, service, scope string) []string {
	return []string{
		"UNIT=" + service, "_PID=1", "+", "UNIT=" + scope, "_PID=1", "+", "UNIT=shutdown.target", "_PID=1", "+",
		"NAME=" + machine, "_UID=0", "MESSAGE_ID=" + MessageRemoved, "MESSAGE_ID=" + MessageNew, "MESSAGE_ID=" + MessageFailure, "MESSAGE_ID=" + MessageUnhealthy,
	}
}

// life is what the journal tells of one life of a machine, from one start to the next.
type life struct {
	begun, last      Entry
	failure, exit    Entry
	unhealthy        Entry
	failed           Entry
	stopping, memory bool
	success, restart bool
	removed, started bool
	hostDown         bool
}

// LastEnd tells how a machine's last life ended, from entries in their order; boot is the host's boot id now, 32 hexadecimal digits. ok
// is false if the journal knows of none.
func LastEnd(entries []Entry, boot string) (end End, ok bool) {
	var l life
	for _, e := range entries {
		l.add(e)
	}
	if l.last == nil {
		return End{}, false
	}
	end = l.end(boot)
	end.Time = l.last.Time()
	return end, true
}

func (l *life) add(e Entry) {
	id := e["MESSAGE_ID"]
	if id == unitStarted && e["UNIT"] == "shutdown.target" {
		l.hostDown = l.last != nil && e["_BOOT_ID"] == l.last["_BOOT_ID"]
		return
	}
	service := strings.HasSuffix(e["UNIT"], ".service")
	if id == unitStarting && service || id == MessageNew && l.ended() {
		*l = life{begun: e}
	}
	switch {
	case id == MessageFailure:
		l.failure = e
	case id == MessageUnhealthy:
		l.unhealthy = e
	case id == MessageNew:
		l.started = true
	case id == MessageRemoved:
		l.removed = true
	case id == outOfMemory:
		l.memory = true
	case !service:
		return
	case id == unitStopping:
		l.stopping = true
	case id == unitExit:
		l.exit = e
	case id == unitFailed:
		l.failed = e
	case id == unitSuccess:
		l.success = true
	case id == unitRestart:
		l.restart = true
	}
	l.last = e
}

// ended tells whether a new machine of the name is another life.
func (l *life) ended() bool {
	return l.removed || l.success || l.failed != nil || l.failure != nil
}

func (l *life) end(boot string) End {
	switch {
	case l.failure != nil:
		f := l.failure
		return End{
			What: "did not start", Bad: true, Step: f["MACHINED_GO_STEP"], Path: f["MACHINED_GO_PATH"],
			Cause: cmp.Or(f["MACHINED_GO_CAUSE"], f["MESSAGE"]), Do: f["MACHINED_GO_DO"],
		}
	case l.unhealthy != nil:
		return End{What: "was restarted: its health check failed", Bad: true, Cause: l.unhealthy["MACHINED_GO_CAUSE"]}
	case l.memory:
		return End{
			What: "ran out of memory", Bad: true, Cause: "the kernel ended processes in it for lack of memory",
			Do: "raise its limit (resources.memory), or find what used it with `journalctl -M`",
		}
	case l.failed != nil:
		return l.failedEnd()
	case l.restart:
		return End{What: "rebooted itself"}
	case l.success && l.hostDown:
		return End{What: "was powered off because the host went down"}
	case l.success && l.stopping:
		return End{What: "was powered off, as systemd was asked to"}
	case l.success:
		return End{What: "powered itself off"}
	case l.removed:
		return End{What: "ended"}
	case l.last["_BOOT_ID"] != boot:
		return End{What: "was cut off: the host went down without stopping it", Bad: true, Cause: "a crash of the host, or a loss of power"}
	}
	return End{What: "runs, or is being started or stopped"}
}

// failedEnd is the end of a life that systemd calls failed.
func (l *life) failedEnd() End {
	end := End{What: "failed", Bad: true, Cause: "its unit failed with result " + l.failed["UNIT_RESULT"]}
	code, status := l.exit["EXIT_CODE"], l.exit["EXIT_STATUS"]
	by := fmt.Sprintf("its first program ended with %s %s", code, status)
	if n, err := strconv.Atoi(status); err == nil && slices.Contains([]string{"killed", "dumped"}, code) {
		by = fmt.Sprintf("its first program was ended by signal %d", n)
	}
	switch result := l.failed["UNIT_RESULT"]; {
	case result == "timeout" && l.stopping:
		end.What, end.Cause = "did not power off in time", "it was killed after TimeoutStopSec="
		end.Do = "see what hung in it with `journalctl -M`"
	case result == "timeout":
		end.What, end.Cause = "was not ready in time", "it was killed after TimeoutStartSec="
	case l.exit != nil && !l.started:
		end.What, end.Cause = "did not start", by
	case l.exit != nil:
		end.What, end.Cause = "died", by
	}
	return end
}
