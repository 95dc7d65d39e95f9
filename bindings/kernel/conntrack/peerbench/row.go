package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// row is one comparison.
type row struct {
	Name   string  `json:"name"`
	Ours   float64 `json:"ours"`
	Unit   string  `json:"unit"`
	Raw    float64 `json:"raw,omitempty"`  // the receive loop without parsing
	Peer   float64 `json:"peer,omitempty"` // what Versus names
	Versus string  `json:"versus,omitempty"`
	Note   string  `json:"note,omitempty"`
	Budget string  `json:"budget,omitempty"` // in words
	Met    bool    `json:"met"`
}

// ofRaw is ours as a part of raw, ofUs the peer as a multiple of ours.
func (r row) ofRaw() float64 { return r.Ours / r.Raw }
func (r row) ofUs() float64  { return r.Peer / r.Ours }

// budget sets the budget and whether it is kept.
func (r row) budget(words string, met bool) row { r.Budget, r.Met = words, met; return r }

func write(w io.Writer, chapter string, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "\n%s\tours\traw\tours/raw\tpeer\tpeer/ours\tbudget\t\n", chapter)
	for _, r := range rows {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, figure(r.Ours, r.Unit), figure(r.Raw, r.Unit), ratio(r.Raw, r.ofRaw()),
			figure(r.Peer, r.Unit), ratio(r.Peer, r.ofUs()), verdict(r), note(r))
	}
	return t.Flush()
}

func note(r row) string {
	if r.Versus != "" && r.Note != "" {
		return "peer: " + r.Versus + "; " + r.Note
	}
	if r.Versus != "" {
		return "peer: " + r.Versus
	}
	return r.Note
}

func verdict(r row) string {
	switch {
	case r.Budget == "":
		return "-"
	case r.Met:
		return "ok: " + r.Budget
	}
	return "OVER: " + r.Budget
}

func figure(v float64, unit string) string {
	switch {
	case v == 0:
		return "-"
	case unit == "s":
		return time.Duration(v * 1e9).Round(time.Duration(v*1e9) / 1000).String()
	}
	return fmt.Sprintf("%.3g %s", v, unit)
}

func ratio(of, v float64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}

// contender is one side of a comparison. prepare is not timed.
type contender struct {
	prepare func() error
	run     func() error
}

// alternate runs the contenders in turn, A B C A B C, and returns the median
// time of each in seconds.
func (b *bench) alternate(list ...contender) ([]float64, error) {
	times := make([][]float64, len(list))
	for range b.runs {
		for i, c := range list {
			if err := b.ctx.Err(); err != nil {
				return nil, err
			}
			if c.prepare != nil {
				if err := c.prepare(); err != nil {
					return nil, err
				}
			}
			start := time.Now()
			if err := c.run(); err != nil {
				return nil, err
			}
			times[i] = append(times[i], time.Since(start).Seconds())
		}
	}
	out := make([]float64, len(list))
	for i := range times {
		out[i] = median(times[i])
	}
	return out, nil
}

// median is the middle of a list, the upper of two, and zero where there is
// none.
func median[T cmp.Ordered](list []T) T {
	var zero T
	if len(list) == 0 {
		return zero
	}
	slices.Sort(list)
	return list[len(list)/2]
}
