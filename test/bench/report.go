// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
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
	Ratio *spread `json:"ours_of_this,omitempty"`
	Goal  float64 `json:"goal,omitempty"`
}

func (r *report) add(c *contest, results [][]sample) {
	for _, f := range c.figures {
		res := result{Figure: f.key, Title: f.title, Unit: f.unit}
		for i, who := range c.contenders {
			if samples := column(results[i], f.key); len(samples) > 0 {
				res.Values = append(res.Values, value{Who: who.name, Spread: spreadOf(samples), Samples: samples})
			}
		}
		res.compare(f.goals)
		r.results = append(r.results, res)
	}
}

func (r *result) compare(goals []goal) {
	for i := range r.Values {
		if i == 0 {
			continue
		}
		v := &r.Values[i]
		s := spreadOf(ratios(r.Values[0].Samples, v.Samples))
		v.Ratio = &s
		for _, g := range goals {
			if g.than == v.Who {
				v.Goal = g.most
			}
		}
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

func (r *report) print(w io.Writer) {
	fmt.Fprintln(w, r.host)
	for _, res := range r.results {
		fmt.Fprintf(w, "\n%s, %s (%d rounds)\n", res.Title, res.Unit, len(res.Values[0].Samples))
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "median\tp10\tp90\tours/this\tp10\tp90\tgoal\t\t")
		for _, v := range res.Values {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t\n", numbers(v.Spread, 1), ratioText(v.Ratio), goalText(v), "", v.Who)
		}
		_ = t.Flush()
	}
}

func numbers(s spread, digits int) string {
	return fmt.Sprintf("%.*f\t%.*f\t%.*f", digits, s.Median, digits, s.P10, digits, s.P90)
}

func ratioText(s *spread) string {
	if s == nil {
		return "\t\t"
	}
	return numbers(*s, 2)
}

func goalText(v value) string {
	switch {
	case v.Goal == 0:
		return ""
	case v.Ratio.Median <= v.Goal:
		return fmt.Sprintf("≤ %.2f met", v.Goal)
	}
	return fmt.Sprintf("≤ %.2f MISSED", v.Goal)
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

func trimmed(text []byte) string { return strings.TrimSpace(string(text)) }
