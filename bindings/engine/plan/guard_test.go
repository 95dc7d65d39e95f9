package plan

import (
	"context"
	"errors"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
)

// TestMax asks how many flows one plan, or several together, may touch.
func TestMax(t *testing.T) {
	del := func(text string) func(*testing.T, conntrack.Kernel) *Plan {
		return func(t *testing.T, k conntrack.Kernel) *Plan { return Delete(where(t, k, text)) }
	}
	both := func(t *testing.T, k conntrack.Kernel) *Plan {
		return del("mark == 1")(t, k).Plus(del("mark == 2")(t, k))
	}
	for _, c := range []struct {
		name  string
		table int
		plan  func(*testing.T, conntrack.Kernel) *Plan
		max   int
		n     int // what is done, 0 for refused
	}{
		{"as many", 40, del("mark == 1"), 10, 10},
		{"one more", 40, del("mark == 1"), 9, 0},
		{"many more", 40, del("udp"), 1, 0},
		{"together", 40, both, 20, 20},
		{"together one more", 40, both, 19, 0},
		{"the first alone is too much", 40, both, 9, 0},
		{"three", 40, func(t *testing.T, k conntrack.Kernel) *Plan { return both(t, k).Plus(del("mark == 3")(t, k)) }, 29, 0},
		{"with a new flow", 40, func(t *testing.T, k conntrack.Kernel) *Plan {
			return del("mark == 1")(t, k).Plus(directly(t, create(tuple(100))))
		}, 10, 0},
		{"with a new flow first", 40, func(t *testing.T, k conntrack.Kernel) *Plan {
			return directly(t, create(tuple(100))).Plus(del("mark == 1")(t, k))
		}, 11, 11},
		{"new flows", 0, func(t *testing.T, _ conntrack.Kernel) *Plan {
			return directly(t, create(tuple(1)), create(tuple(2)))
		}, 1, 0},
		{"an update", 40, func(t *testing.T, k conntrack.Kernel) *Plan {
			return changing(t, where(t, k, "mark == 1"), marking(9, ^uint32(0)))
		}, 9, 0},
		{"counters", 40, func(t *testing.T, k conntrack.Kernel) *Plan { return Zero(where(t, k, "mark == 1")) }, 9, 0},
		{"a large table", 400, del("mark == 1"), 99, 0},
		{"a large table, as many", 400, del("mark == 1"), 100, 100},
		{"a large table, far from max", 400, del("mark == 1"), 5000, 100},
		{"an action", 0, func(*testing.T, conntrack.Kernel) *Plan {
			return Act("set", "x", Action{N: 3, Do: func(context.Context) (Counts, error) { panic("done") }})
		}, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			quiet(t)
			_, k := made(t, c.table)
			before := rows(t, k)
			j := kept(t)
			res, err := c.plan(t, k).Apply(t.Context(), k, Options{Max: c.max, Journal: j})
			var guard *GuardError
			switch {
			case c.n > 0 && (err != nil || res.Applied != c.n):
				t.Errorf("%v %v", res, err)
			case c.n == 0 && (!errors.As(err, &guard) || guard.Max != c.max || res.Applied != 0 || res.ID != ""):
				t.Errorf("%v, %v: want a guard of %d", res, err, c.max)
			}
			if c.n == 0 {
				sameRows(t, "refused", rows(t, k), before)
				if list, err := j.Store.List(); err != nil || len(list) != 0 {
					t.Errorf("%d journals of a plan that was refused, %v", len(list), err)
				}
			}
		})
	}
}

// TestMaxLeavesTheProtectedOut counts only what would be touched.
func TestMaxLeavesTheProtectedOut(t *testing.T) {
	for _, table := range []int{40, 400} {
		_, k := made(t, table)
		guard := protecting(t, "mark == 1 or mark == 2")
		res := apply(t, k, Delete(where(t, k, "udp")), Options{Max: table / 2, Guard: guard})
		adds(t, res)
		if res.Applied != table/2 || res.Protected != table/2 || len(rows(t, k)) != table/2 {
			t.Errorf("%v of %d", res, table)
		}
	}
}

// TestShare bounds the part of the table.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		text  string
		share float64
		ok    bool
	}{{"mark == 1", 0.25, true}, {"mark == 1", 0.24, false}, {"udp", 0.99, false}, {"udp", 1, true}, {"mark == 77", 0.01, true}} {
		for _, table := range []int{40, 400} {
			_, k := made(t, table)
			before := rows(t, k)
			res, err := Delete(where(t, k, c.text)).Apply(t.Context(), k, Options{Share: c.share})
			var share *ShareError
			if c.ok && err != nil || !c.ok && (!errors.As(err, &share) || share.Of != table || share.Allowed != c.share || res.Applied > 0) {
				t.Errorf("%s of %d, share %v: %v %v", c.text, table, c.share, res, err)
			}
			if !c.ok {
				sameRows(t, "refused", rows(t, k), before)
			}
		}
	}
}

// TestRestoreIsBounded where it changes flows that are there.
func TestRestoreIsBounded(t *testing.T) {
	_, k := made(t, 20)
	from := &saved{list: entries(t, k)[:10]}
	for i := range 30 {
		from.list = append(from.list, create(tuple(100+i)).Entry)
		from.list[10+i].Timeout = 600
	}
	before := rows(t, k)
	for _, c := range []struct {
		opt Options
		ok  bool
	}{{Options{Share: 0.4}, false}, {Options{Max: 39}, false}, {Options{Share: 0.5, Max: 40}, true}} {
		p := Restore("a file", from, RestoreOptions{Conflict: ConflictUpdate})
		if view, err := p.Preview(t.Context(), k, Protection{}, 0); !c.ok && (err != nil || view.Touched != 10 || view.Again != 30) {
			t.Errorf("it shows %+v, %v", view, err)
		}
		res, err := p.Apply(t.Context(), k, c.opt)
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v %v", c.opt, res, err)
		}
		if !c.ok {
			sameRows(t, "refused", rows(t, k), before)
		} else if adds(t, res); res.Applied != 40 {
			t.Errorf("%v", res)
		}
	}
}

// TestUndoIsFree takes back more than a plan may do that was given no max, of
// every kind, and less where a max is said.
func TestUndoIsFree(t *testing.T) {
	const n = DefaultMax + 300
	m, k := made(t, 0)
	m.Configure(func(s *fake.Sysctls) { s.Timestamp = false })
	j := kept(t)
	var reqs []*Plan
	for i := range n {
		reqs = append(reqs, directly(t, create(tuple(i))))
	}
	for _, s := range []struct {
		what string
		plan *Plan
		left int
	}{
		{"create", batched(sum(reqs)), n},
		{"update", changing(t, where(t, k, "udp"), marking(5, ^uint32(0))), n},
		{"delete", Delete(where(t, k, "udp")), 0},
	} {
		res := apply(t, k, s.plan, Options{Max: n, Journal: j})
		if res.Applied != n || len(rows(t, k)) != s.left {
			t.Fatalf("%s: %v", s.what, res)
		}
	}
	for _, s := range []struct {
		what string
		left int
		mark uint32
	}{{"delete", n, 5}, {"update", n, 0}, {"create", 0, 0}} {
		back := undo(t, j, "")
		var guard *GuardError
		if res, err := back.Apply(t.Context(), k, Options{Max: n - 1}); !errors.As(err, &guard) || res.Applied > 0 {
			t.Errorf("undo %s over its max: %v %v", s.what, res, err)
		}
		head := reading(t, j, "").Header()
		res := apply(t, k, back, Options{Journal: &Journal{Store: j.Store, Header: withUndoes(j, head.ID)}})
		adds(t, res)
		if err := j.Store.MarkUndone(head.ID, res.ID); err != nil {
			t.Fatal(err)
		}
		if res.Applied != n || len(rows(t, k)) != s.left || s.left > 0 && len(rows(t, k)) != count(t, k, map[string]any{"mark": float64(s.mark)}) {
			t.Errorf("undo %s: %v, %d flows", s.what, res, len(rows(t, k)))
		}
	}
}

// TestUndoWithOthers bounds what stands beside an undo in one plan.
func TestUndoWithOthers(t *testing.T) {
	const n = DefaultMax + 300
	m, k := made(t, 0)
	m.Configure(func(s *fake.Sysctls) { s.Timestamp = false })
	j := kept(t)
	var list []*Plan
	for i := range n {
		list = append(list, directly(t, create(tuple(i))))
	}
	apply(t, k, batched(sum(list)), Options{Max: n, Journal: j})
	set(t, k, mark(3, 7))
	res := apply(t, k, undo(t, j, "").Plus(Delete(where(t, k, "mark == 7"))), Options{})
	if res.Matched != n+1 {
		t.Errorf("%v: the flow of the second step was not found", res)
	}
	fill(t, k, 40)
	var guard *GuardError
	_, err := undo(t, j, "").Plus(Delete(where(t, k, "mark == 1"))).Apply(t.Context(), k, Options{Max: 9})
	if !errors.As(err, &guard) {
		t.Errorf("%v: want a guard", err)
	}
}

// TestRoom refuses to bring back what no table has room for.
func TestRoom(t *testing.T) {
	m, k := made(t, 40)
	j := kept(t)
	apply(t, k, Delete(where(t, k, "udp")), Options{Journal: j})
	m.Configure(func(s *fake.Sysctls) { s.Max = 39 })
	var room *RoomError
	res, err := undo(t, j, "").Apply(t.Context(), k, Options{})
	if !errors.As(err, &room) || room.N != 40 || room.Most != 39 || res.Applied != 0 || len(rows(t, k)) != 0 {
		t.Errorf("%v %v", res, err)
	}
	m.Configure(func(s *fake.Sysctls) { s.Max = 40 })
	if res := apply(t, k, undo(t, j, ""), Options{}); res.Applied != 40 {
		t.Error(res)
	}
}

// TestAllow is asked once, for all that will be touched, after the guards and
// never for a dry run; where it refuses nothing is changed.
func TestAllow(t *testing.T) {
	_, k := made(t, 40)
	before := rows(t, k)
	var asked []int
	refusal := errors.New("not now")
	opt := Options{Journal: kept(t), Allow: func(n int) error { asked = append(asked, n); return refusal }}
	p := Delete(where(t, k, "mark == 1")).Plus(directly(t, create(tuple(99))))
	for _, change := range []func(*Options){func(o *Options) { o.DryRun = true }, func(o *Options) { o.Max = 1 }, func(o *Options) { o.Share = 0.1 }} {
		o := opt
		change(&o)
		if _, err := p.Apply(t.Context(), k, o); errors.Is(err, refusal) {
			t.Error("it was asked", o)
		}
	}
	if _, err := Delete(where(t, k, "mark == 77")).Apply(t.Context(), k, opt); err != nil || len(asked) != 0 {
		t.Errorf("a plan that does nothing: %v, asked %v", err, asked)
	}
	res, err := p.Apply(t.Context(), k, opt)
	if !errors.Is(err, refusal) || res.Applied != 0 || res.ID != "" || len(asked) != 1 || asked[0] != 11 {
		t.Errorf("%v %v, asked %v", res, err, asked)
	}
	sameRows(t, "refused", rows(t, k), before)
}
