// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
)

// roundTime is more than any round takes, however busy the machine is.
const roundTime = 8 * time.Minute

// contest lets contenders do the same thing in turns, so that whatever else
// the machine does meanwhile hits all of them alike.
type contest struct {
	name       string
	figures    []figure
	contenders []contender
	warmups    int          // rounds that do not count
	close      func() error // takes away what the contest needed
}

// contender is one way to do it. A round does it once, makes sure that it was
// really done, and leaves nothing behind.
type contender struct {
	name    string
	program string // without which it does not take part; empty: it does
	round   func(context.Context) (sample, error)
}

// sample is what one round measured, by the figure's key.
type sample map[string]float64

// hold lets all contenders take as many turns, A B C A B C. Results are by contender, then by round.
func (c *contest) hold(ctx context.Context, rounds int) (results [][]sample, err error) {
	defer func() { err = errors.Join(err, c.close()) }()
	c.contenders = slices.DeleteFunc(c.contenders, contender.absent)
	results = make([][]sample, len(c.contenders))
	for round := 1 - c.warmups; round <= rounds; round++ {
		progress("%s: round %d of %d", c.name, round, rounds)
		for i, who := range c.contenders {
			s, err := who.turn(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: round %d of %s: %w", c.name, round, who.name, err)
			}
			if round > 0 {
				results[i] = append(results[i], s)
			}
		}
	}
	progress("")
	return results, nil
}

func (c contender) absent() bool {
	_, err := exec.LookPath(c.program)
	return c.program != "" && err != nil
}

func (c contender) turn(ctx context.Context) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	return c.round(ctx)
}

// progress shows one line that the next one overwrites, to a person.
func progress(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\033[K"+format, args...)
	}
}
