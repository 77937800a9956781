// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"machined-go/boot/sys"
)

// Turns bound how many machines start at once: with all that a host enables at boot starting together, each would be slow enough to
// run into its time-outs. A machine has its turn from before it exists until it is ready.
type Turns struct {
	Dir   string // of the locks, one a turn
	Count int
}

// turnsVariable sets, in the environment of contain@NAME.service, how many machines may start at once.
const turnsVariable = "MACHINED_GO_STARTS"

// HostTurns are those that all machines of the host share: twice as many as there are processors, and at least four, unless
// $MACHINED_GO_STARTS says otherwise.
func HostTurns() (Turns, error) {
	t := Turns{Dir: "/run/machined-go/turns", Count: max(4, 2*runtime.NumCPU())}
	text, ok := os.LookupEnv(turnsVariable)
	if !ok {
		return t, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 10000 {
		return t, fmt.Errorf("$%s is %q: it must be a number from 1 to 10000", turnsVariable, text)
	}
	t.Count = n
	return t, nil
}

const (
	// turnPause is how long the next in the queue sleeps between two looks for a turn.
	turnPause = 20 * time.Millisecond
	// turnWord is how often it is said that there is none yet.
	turnWord = 2 * time.Second
)

// Take waits for a turn, which ends when what it returns is closed. waiting is called, now and again, while there is none.
//
// Only the first in the queue looks for one; the others sleep until they are that.
func (t Turns) Take(ctx context.Context, waiting func()) (*os.File, error) {
	if err := os.MkdirAll(t.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("take turn: %w", err)
	}
	taken := inBackground(func() (*os.File, error) {
		queue, err := sys.AwaitLock(filepath.Join(t.Dir, "queue"))
		if err != nil {
			return nil, err
		}
		defer queue.Close()
		return t.next(ctx)
	})
	arrived := make(chan struct{})
	go func() {
		_, _ = taken()
		close(arrived)
	}()
	for word := time.Duration(0); ; word = turnWord {
		select {
		case <-arrived:
			return taken()
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the start of other machines: %w", ctx.Err())
		case <-time.After(max(word, turnPause)):
			waiting()
		}
	}
}

// next waits until a turn is free, and takes it.
func (t Turns) next(ctx context.Context) (*os.File, error) {
	for {
		for i := range t.Count {
			turn, err := sys.Lock(filepath.Join(t.Dir, strconv.Itoa(i)), true)
			if err == nil || !errors.Is(err, sys.ErrLocked) {
				return turn, err
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(turnPause):
		}
	}
}
