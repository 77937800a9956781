// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"testing"
)

func TestSpread(t *testing.T) {
	for name, test := range map[string]struct {
		samples []float64
		want    spread
	}{
		"one":      {[]float64{7}, spread{7, 7, 7}},
		"unsorted": {[]float64{10, 0, 5, 3, 1, 2, 4, 6, 7, 8, 9}, spread{5, 1, 9}},
		"between":  {[]float64{1, 2}, spread{1.5, 1.1, 1.9}},
	} {
		t.Run(name, func(t *testing.T) {
			got := spreadOf(test.samples)
			for _, pair := range [][2]float64{{got.Median, test.want.Median}, {got.P10, test.want.P10}, {got.P90, test.want.P90}} {
				if math.Abs(pair[0]-pair[1]) > 1e-9 {
					t.Errorf("spreadOf(%v) = %v, want %v", test.samples, got, test.want)
				}
			}
		})
	}
}

func TestRatiosAreByRound(t *testing.T) {
	// The second round was a slow one for both.
	if got := spreadOf(ratios([]float64{1, 10, 1}, []float64{4, 40, 4})); got.Median != 0.25 || got.P90 != 0.25 {
		t.Errorf("ratio %v, want 0.25 in every round", got)
	}
}
