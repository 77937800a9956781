// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scriptLimit is longer than any script here takes, in seconds; one that hangs fails.
const scriptLimit = "300"

// EachSuite runs a test for each suite at the same time. Such tests are not
// parallel among each other, so each has the labs of its package to itself.
func EachSuite(t *testing.T, test func(t *testing.T, suite string)) { EachSince(t, 0, test) }

// EachSince is EachSuite for those that have that systemd or a newer one.
func EachSince(t *testing.T, version int, test func(t *testing.T, suite string)) {
	for _, suite := range Suites() {
		if Version(suite) < version {
			continue
		}
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			test(t, suite)
		})
	}
}

// not is for what must fail: a failure behind "!" does not end a script.
const not = "not() { ! \"$@\"; }\n"

// Try runs a bash script in the lab as root, whose first failure ends it; "not
// COMMAND" is one if the command works. The code is 124 if it took too long.
func (l *Lab) Try(script string, args ...string) (stdout, stderr string, code int) {
	command := []string{"timeout", "-k", "5", scriptLimit, "bash", "-euo", "pipefail", "-c", not + script, "bash"}
	return l.Exec(append(command, args...)...)
}

// Sh is Try for a script that must not fail: that ends the test. It returns
// the standard output.
func (l *Lab) Sh(t testing.TB, script string, args ...string) string {
	t.Helper()
	stdout, stderr, code := l.Try(script, args...)
	if code != 0 {
		l.showJournal(t)
		t.Fatalf("%s: exit status %d of:\n%s %q\n%s%s", l.Name, code, script, args, stdout, stderr)
	}
	return stdout
}

// JournalOnFailure shows the end of the lab's journal if the test fails and Sh
// has not shown it at the moment that matters, before what was made is removed.
func (l *Lab) JournalOnFailure(t testing.TB) {
	t.Cleanup(func() {
		if t.Failed() && !l.shown {
			l.showJournal(t)
		}
	})
}

func (l *Lab) showJournal(t testing.TB) {
	t.Helper()
	out, _, _ := l.Exec("journalctl", "--no-pager", "-q", "-n", "60", "-o", "short-precise")
	t.Logf("journal of %s:\n%s", l.Name, out)
	l.shown = true
}

// Eventually repeats a check until it holds; that it does not within the limit
// ends the test.
func Eventually(t testing.TB, limit time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %v", limit, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Once prepares the lab, unless that was done before.
func (l *Lab) Once(prepare func()) {
	once, _ := prepared.LoadOrStore(l.Name, new(sync.Once))
	once.(*sync.Once).Do(prepare)
}

// prepared are the labs of this test binary that have all that its tests use.
var prepared sync.Map

// NothingLeft waits until a look at the lab finds what an earlier one found.
func NothingLeft[T any](t testing.TB, before T, look func() T) {
	t.Helper()
	Eventually(t, 15*time.Second, func() error {
		if diff := cmp.Diff(before, look()); diff != "" {
			return errors.New("left behind (-before +after):\n" + diff)
		}
		return nil
	})
}
