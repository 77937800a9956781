// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// report is what all contests gave.
type report struct {
	host    host
	results []result
}

// result is one figure of all who measured it; the first is ours.
type result struct {
	Figure string  `json:"figure"`
	Title  string  `json:"title"`
	Unit   string  `json:"unit"`
	Values []value `json:"values"`
}

type value struct {
	Who     string    `json:"who"`
	Spread  spread    `json:"spread"`
	Samples []float64 `json:"samples"`
	// Ratio is ours divided by this one's, round by round.
	Ratio *spread  `json:"ours_of_this,omitempty"`
	Goal  *verdict `json:"goal,omitempty"`
}

// verdict says whether a median is what it was to be: ours of this one's, ours
// less this one's, or ours itself.
type verdict struct {
	Most  float64 `json:"at_most"`
	Above bool    `json:"above,omitempty"`
	Met   bool    `json:"met"`
}

func (r *report) add(c *contest, results [][]sample) {
	for _, f := range c.figures {
		res := result{Figure: f.key, Title: f.title, Unit: f.unit}
		for i, who := range c.contenders {
			if samples := column(results[i], f.key); len(samples) > 0 {
				res.Values = append(res.Values, value{Who: who.name, Spread: spreadOf(samples), Samples: samples})
			}
		}
		if len(res.Values) == 0 {
			continue // not on this host
		}
		res.judge(f)
		r.results = append(r.results, res)
	}
}

func column(samples []sample, key string) []float64 {
	var all []float64
	for _, s := range samples {
		if v, ok := s[key]; ok {
			all = append(all, v)
		}
	}
	return all
}

// judge compares ours with each other's and with the goals.
func (r *result) judge(f figure) {
	first := &r.Values[0]
	if f.most > 0 {
		first.Goal = &verdict{Most: f.most, Met: first.Spread.Median <= f.most}
	}
	for i := 1; i < len(r.Values); i++ {
		v := &r.Values[i]
		if slices.Min(v.Samples) <= 0 {
			continue
		}
		s := spreadOf(ratios(first.Samples, v.Samples))
		v.Ratio = &s
		if most, ok := f.goals[v.Who]; ok {
			v.Goal = &verdict{Most: most, Met: s.Median <= most}
		}
		if most, ok := f.above[v.Who]; ok {
			v.Goal = &verdict{Most: most, Above: true, Met: first.Spread.Median-v.Spread.Median <= most}
		}
	}
}

func (r *report) print(w io.Writer) {
	fmt.Fprintln(w, r.host)
	for _, res := range r.results {
		fmt.Fprintf(w, "\n%s (%s, %d rounds)\n", res.Title, res.Unit, len(res.Values[0].Samples))
		fmt.Fprintf(w, "%26s %8s %8s %8s  %8s %6s %6s\n", "", "median", "p10", "p90", "ours/it", "p10", "p90")
		for _, v := range res.Values {
			fmt.Fprintln(w, strings.TrimRight(v.line(), " "))
		}
	}
}

func (v value) line() string {
	ratio := strings.Repeat(" ", 24)
	if v.Ratio != nil {
		ratio = fmt.Sprintf("  %8.2f %6.2f %6.2f", v.Ratio.Median, v.Ratio.P10, v.Ratio.P90)
	}
	return fmt.Sprintf("%26s %8.1f %8.1f %8.1f%s%s", v.Who, v.Spread.Median, v.Spread.P10, v.Spread.P90, ratio, v.Goal)
}

func (v *verdict) String() string {
	if v == nil {
		return ""
	}
	goal, word := fmt.Sprintf("  at most %.3g", v.Most), "MISSED"
	if v.Above {
		goal = fmt.Sprintf("  at most %g more", v.Most)
	}
	if v.Met {
		word = "met"
	}
	return goal + ": " + word
}

func (r *report) save(path string) error {
	text, err := json.MarshalIndent(struct {
		When    time.Time `json:"when"`
		Host    host      `json:"host"`
		Results []result  `json:"results"`
	}{time.Now().UTC(), r.host, r.results}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
