package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		list []int
		want int
	}{{nil, 0}, {[]int{3}, 3}, {[]int{9, 1, 5}, 5}, {[]int{4, 1, 3, 2}, 3}} {
		if got := median(c.list); got != c.want {
			t.Errorf("median of %v is %d, want %d", c.list, got, c.want)
		}
	}
}

func TestWrite(t *testing.T) {
	var out bytes.Buffer
	rows := []row{
		row{Name: "count", Ours: 1.03, Unit: "s", Raw: 1, Peer: 2.06, Versus: "them"}.budget("<= 1.06 raw", true),
		row{Name: "memory", Ours: 70, Unit: "MiB", Note: "much"}.budget("<= 64 MiB", false),
		{Name: "free", Ours: 0.002, Unit: "s"},
	}
	if err := write(&out, "dump", rows); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, parts := range [][]string{
		{"dump", "ours/raw", "peer/ours"},
		{"count", "1.03s", "1s", "1.03", "2.06s", "2.00", "ok: <= 1.06 raw", "peer: them"},
		{"memory", "70 MiB", "-", "OVER: <= 64 MiB", "much"},
		{"free", "2ms", "-"},
	} {
		for _, part := range parts {
			if !strings.Contains(lines[i], part) {
				t.Errorf("line %d %q lacks %q", i, lines[i], part)
			}
		}
	}
}

func TestAlternate(t *testing.T) {
	b := &bench{ctx: context.Background(), runs: 3}
	var order strings.Builder
	say := func(s string) func() error {
		return func() error { order.WriteString(s); return nil }
	}
	slow := func() error { time.Sleep(2 * time.Millisecond); return say("B")() }
	times, err := b.alternate(contender{run: say("A")}, contender{say("p"), slow})
	if err != nil || order.String() != "ApBApBApB" {
		t.Errorf("ran %s, %v", order.String(), err)
	}
	if times[1] < 0.002 || times[0] > times[1] {
		t.Errorf("medians %v", times)
	}
	wrong := errors.New("wrong count")
	if _, err := b.alternate(contender{run: func() error { return wrong }}); !errors.Is(err, wrong) {
		t.Errorf("a contender that fails gives %v", err)
	}
}

// Flows of the mixed table differ from each other, in both directions.
func TestNewFlow(t *testing.T) {
	seen := map[any]int{}
	for i := range 100_000 {
		e := &newFlow(i).Entry
		for _, key := range []any{e.Orig, e.Reply} {
			if at, twice := seen[key]; twice && at != i {
				t.Fatalf("flows %d and %d are both %s", at, i, e.Orig)
			}
			seen[key] = i
		}
	}
}
