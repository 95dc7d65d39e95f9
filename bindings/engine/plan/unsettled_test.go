package plan

import (
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
)

// killed is the journal of a creation whose process died before it knew what
// became of it.
func killed(t *testing.T, n int) *Journal {
	t.Helper()
	j := kept(t)
	w, err := j.Store.Begin(j.Header, 1)
	if err != nil {
		t.Fatal(err)
	}
	var msgs [][]byte
	for i := range n {
		msg, err := create(tuple(i), marked(uint32(i%4))).Append(nil, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		msgs = append(msgs, msg)
	}
	if err := w.Intend(journal.Create, msgs); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	return j
}

// TestUndoOfAKilledCreation takes back what was made, and leaves what was there
// before, as far as the start of a flow tells.
func TestUndoOfAKilledCreation(t *testing.T) {
	for _, c := range []struct {
		name    string
		times   bool
		there   time.Duration // before the creation
		applied int
	}{
		{"made", true, 0, 10},
		{"there before", true, time.Minute, 0},
		{"made, and no times are kept", false, 0, 0},
		{"there before, and no times are kept", false, time.Minute, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, k := made(t, 0)
			m.Configure(func(s *fake.Sysctls) { s.Timestamp = c.times })
			today(m)
			m.Advance(-c.there)
			fill(t, k, 10)
			today(m)
			res := apply(t, k, undo(t, killed(t, 10), ""), Options{})
			adds(t, res)
			if left := len(rows(t, k)); res.Applied != c.applied || res.Changed != 10-c.applied || left != 10-c.applied || (len(res.Notes) > 0) == c.times {
				t.Errorf("%v, %d are left; notes %q", res, left, res.Notes)
			}
		})
	}
}

// TestUndoAfterTheClockWasSet takes back creations between which the clock of the
// machine was set: each is known by the time that it was made at.
func TestUndoAfterTheClockWasSet(t *testing.T) {
	for _, set := range []time.Duration{time.Hour, -time.Hour} {
		m, k := made(t, 0)
		today(m)
		fill(t, k, 2)
		msgs := make([][]byte, 2)
		for i := range msgs {
			msg, err := create(tuple(8*i)).Append(nil, 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			msgs[i] = msg
		}
		// The later one, of a flow that has gone, is dated otherwise.
		j := noted(t, batch{journal.Create, 0, msgs[:1]}, batch{journal.Create, set, msgs[1:]})
		if res := apply(t, k, undo(t, j, ""), Options{}); res.Applied != 1 || res.Gone != 1 || present(t, k, 0) {
			t.Errorf("set by %v: %v", set, res)
		}
	}
}
