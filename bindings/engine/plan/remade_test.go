package plan

import (
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// TestUndoOfUpdateAndDelete takes back what was changed and then deleted: what
// is made again has another id and another start, and is the same all the same.
func TestUndoOfUpdateAndDelete(t *testing.T) {
	t.Run("in one plan", func(t *testing.T) {
		_, k := made(t, 40)
		before, j := rows(t, k), kept(t)
		res := apply(t, k, changing(t, where(t, k, "mark == 1"), marking(0x20, 0xf0)).Plus(Delete(where(t, k, "mark == 1/0xf"))), Options{Journal: j})
		if res.Applied != 20 || len(rows(t, k)) != 30 {
			t.Fatal(res)
		}
		if res := undoing(t, k, j, res.ID, nil); res.Changed > 0 {
			t.Error(res)
		}
		sameRows(t, "undone", rows(t, k), before)
	})
	t.Run("in two", func(t *testing.T) {
		m, k := made(t, 40)
		before, j := rows(t, k), kept(t)
		first := apply(t, k, changing(t, where(t, k, "mark == 1"), marking(0x20, 0xf0)), Options{Journal: j})
		second := apply(t, k, Delete(where(t, k, "mark == 0x21")), Options{Journal: j})
		if first.Applied != 10 || second.Applied != 10 {
			t.Fatal(first, second)
		}
		undoing(t, k, j, second.ID, nil)
		// One of them is deleted and made anew by somebody else.
		m.Advance(time.Minute)
		set(t, k, gone(5), create(tuple(5), marked(0x21)))
		if res := undoing(t, k, j, first.ID, nil); res.Applied != 9 || res.Changed != 1 {
			t.Error(res)
		}
		set(t, k, mark(5, 1))
		sameRows(t, "undone", rows(t, k), before)
	})
}

// TestUnmaking deletes a flow that was made about a time, or made again about
// another, and none that began in between.
func TestUnmaking(t *testing.T) {
	now := time.Now()
	u := unmaking{at: now.Add(-time.Minute), remade: remade{tuple(1): now}}
	for _, c := range []struct {
		n    int
		ago  time.Duration
		want bool
	}{{1, time.Minute, true}, {1, 30 * time.Second, false}, {1, 0, true}, {2, time.Minute, true}, {2, 0, false}} {
		f := wire.Flow{Orig: tuple(c.n), Start: uint64(now.Add(-c.ago).UnixNano()), Present: wire.HasStart}
		if req, err := u.request(&f, &f); err != nil || (req != nil) != c.want {
			t.Errorf("flow %d that began %v ago: %v %v", c.n, c.ago, req, err)
		}
	}
}
