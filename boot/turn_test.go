// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"testing"
)

func TestTurns(t *testing.T) {
	turns := Turns{Dir: t.TempDir(), Count: 2}
	take := func(ctx context.Context, waiting func()) func() {
		turn, err := turns.Take(ctx, waiting)
		if err != nil {
			t.Fatal(err)
		}
		return func() { turn.Close() }
	}
	never := func() { t.Error("waits though there is a turn") }
	end := take(t.Context(), never)
	take(t.Context(), never)

	waited := 0
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := turns.Take(ctx, func() { waited++; cancel() }); !errors.Is(err, context.Canceled) || waited != 1 {
		t.Errorf("the third gets error %v, told to wait %d times", err, waited)
	}
	take(t.Context(), end)()
}

func TestHostTurns(t *testing.T) {
	for text, want := range map[string]int{"7": 7, "": 0, "0": 0, "x": 0, "10001": 0} {
		t.Setenv(turnsVariable, text)
		turns, err := HostTurns()
		if (err == nil) != (want > 0) || want > 0 && turns.Count != want {
			t.Errorf("%q gives %d, %v", text, turns.Count, err)
		}
	}
}
