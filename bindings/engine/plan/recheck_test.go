package plan

import (
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// others is an id that no flow has.
func others(v *wire.View) *wire.View {
	raw := append([]byte(nil), v.Raw()...)
	for off := wire.HeaderLen; off < len(raw); off += (int(raw[off]) + 3) &^ 3 {
		if raw[off+2] == wire.AttrID {
			raw[off+4] ^= 0xff
		}
	}
	other := &wire.View{}
	_ = other.Reset(raw)
	return other
}

// TestRecheck changes flows between the time that they are found and the time
// that they are reached.
func TestRecheck(t *testing.T) {
	again := func(t *testing.T, k *fake.Kernel, c conntrack.Kernel, n int) {
		k.Advance(time.Second) // a flow that is made anew has its id, and another start
		set(t, c, gone(n), create(tuple(n), marked(uint32(n%4))))
	}
	for _, c := range []struct {
		name  string
		meet  func(t *testing.T, k *fake.Kernel, c conntrack.Kernel)
		other bool // the flow that is read again has another id
		want  Result
		left  []int // of the flows 1 and 5, which the plan is about
	}{
		{"nothing", func(*testing.T, *fake.Kernel, conntrack.Kernel) {}, false, Result{Applied: 2}, nil},
		{"no longer selected", func(t *testing.T, _ *fake.Kernel, c conntrack.Kernel) { set(t, c, mark(5, 9)) }, false, Result{Applied: 1, Changed: 1}, []int{5}},
		{"gone", func(t *testing.T, _ *fake.Kernel, c conntrack.Kernel) { set(t, c, gone(1)) }, false, Result{Applied: 1, Gone: 1}, nil},
		{"made anew", func(t *testing.T, k *fake.Kernel, c conntrack.Kernel) { again(t, k, c, 1) }, false, Result{Applied: 1, Changed: 1}, []int{1}},
		{"made anew, both", func(t *testing.T, k *fake.Kernel, c conntrack.Kernel) { again(t, k, c, 1); again(t, k, c, 5) }, false, Result{Changed: 2}, []int{1, 5}},
		{"another id", func(*testing.T, *fake.Kernel, conntrack.Kernel) {}, true, Result{Changed: 2}, []int{1, 5}},
		{"another mark that is selected too", func(t *testing.T, _ *fake.Kernel, c conntrack.Kernel) { set(t, c, mark(1, 1)) }, false, Result{Applied: 2}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			quiet(t)
			k, client := made(t, 8)
			tap := &tapped{Kernel: client, fetch: func(int) { c.meet(t, k, client) }}
			if c.other {
				tap.answer = func(_ int, v *wire.View) *wire.View { return others(v) }
			}
			j := kept(t)
			res := apply(t, tap, Delete(where(t, tap, "mark == 1")), Options{Journal: j})
			adds(t, res)
			if res.Applied != c.want.Applied || res.Gone != c.want.Gone || res.Changed != c.want.Changed || res.Failed != 0 {
				t.Errorf("%v, want %+v", res, c.want)
			}
			table := rows(t, client)
			if len(table) != 6+len(c.left) {
				t.Errorf("%d flows are left, want %d", len(table), 6+len(c.left))
			}
			for _, n := range c.left {
				if table[tuple(n)] == "" {
					t.Errorf("flow %d was deleted", n)
				}
			}
			if n := len(changesIf(t, j, res)); n != c.want.Applied {
				t.Errorf("the journal holds %d changes, want %d", n, c.want.Applied)
			}
		})
	}
}

// changesIf is what the journal of a result holds, nothing where none was begun.
func changesIf(t testing.TB, j *Journal, res *Result) []string {
	t.Helper()
	if res.ID == "" {
		return nil
	}
	return changes(t, j, res.ID)
}

// TestRecheckOfOneFlow is about flows that a plan names itself: there is no
// filter, but who they are is compared.
func TestRecheckOfOneFlow(t *testing.T) {
	k, c := made(t, 2)
	view, err := Delete(where(t, c, "mark == 1")).Preview(t.Context(), c, Protection{}, 1)
	if err != nil || len(view.Flows) != 1 {
		t.Fatal(view, err)
	}
	f := view.Flows[0].Flow
	set(t, c, mark(1, 7))
	up, err := UpdateFlow(f, marking(8, 0xff))
	if err != nil {
		t.Fatal(err)
	}
	if res := apply(t, c, up, Options{}); res.Applied != 1 {
		t.Errorf("another mark makes no other flow: %v", res)
	}
	k.Advance(time.Second)
	set(t, c, gone(1), create(tuple(1)))
	for _, p := range []*Plan{up, DeleteFlow(f)} {
		if res := apply(t, c, p, Options{}); res.Changed != 1 || res.Applied != 0 || len(rows(t, c)) != 2 {
			t.Errorf("%s: %v", p, res)
		}
	}
}

// TestRecheckOfTheOtherDirection has, in place of a flow without a known id, one
// of the opposite direction: the kernel finds it by the same tuple.
func TestRecheckOfTheOtherDirection(t *testing.T) {
	_, c := made(t, 0)
	there := tuple(0)
	back, _ := there.Invert()
	set(t, c, create(back))
	p := DeleteFlow(wire.Flow{Orig: there})
	if res := apply(t, c, p, Options{}); res.Applied != 0 || len(rows(t, c)) != 1 {
		t.Errorf("a flow of the opposite direction was deleted: %v", res)
	}
}

// TestRecheckOfASum has flows that one of two queries selected: each is asked
// for the filters of both, and of what is behind them.
func TestRecheckOfASum(t *testing.T) {
	_, c := made(t, 8)
	tap := &tapped{Kernel: c, fetch: func(int) {
		set(t, c, mark(1, 2), mark(5, 9), mark(6, 1)) // 1 and 6 are of the other part now, 5 of none
	}}
	q, err := where(t, tap, "mark == 1").Plus(where(t, tap, "mark == 2"))
	if err != nil {
		t.Fatal(err)
	}
	res := apply(t, tap, Delete(q), Options{Journal: kept(t)})
	if res.Matched != 4 || res.Applied != 3 || res.Changed != 1 {
		t.Errorf("%v, want 3 of 4 applied and 1 changed", res)
	}
	if table := rows(t, c); len(table) != 5 || table[tuple(5)] == "" {
		t.Errorf("left: %v", table)
	}
}

// TestRecheckBehindAFunction has a query with a function of a script: it is not
// called again, but the filter in front of it is asked.
func TestRecheckBehindAFunction(t *testing.T) {
	_, c := made(t, 8)
	q := where(t, c, "mark == 1").WhereFunc(query.Func{Name: "f"}, false)
	p := Delete(q).Resolve(func(query.Query) (found []wire.Flow) {
		_, err := where(t, c, "mark == 1").Each(t.Context(), func(r *field.Row) error {
			found = append(found, r.Need(field.PartFlow).Flow)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	})
	set(t, c, mark(5, 9))
	if res := apply(t, c, p, Options{}); res.Applied != 1 || res.Changed != 1 || rows(t, c)[tuple(5)] == "" {
		t.Errorf("%v: a flow that the filter no longer selects was deleted", res)
	}
}

// TestRecheckProtects has a flow that comes to be protected after it was found.
func TestRecheckProtects(t *testing.T) {
	_, c := made(t, 8)
	tap := &tapped{Kernel: c, fetch: func(int) { set(t, c, mark(5, 0x11)) }}
	res := apply(t, tap, Delete(where(t, tap, "mark == 0x1/0xf")), Options{Guard: protecting(t, "mark == 0x10/0xf0")})
	adds(t, res)
	if res.Applied != 1 || res.Protected != 1 || rows(t, c)[tuple(5)] == "" {
		t.Errorf("%v", res)
	}
}

// TestRecheckOfATable deletes most of a table that is large enough to be changed
// while it is being read, and is read slowly: what was looked at a while ago is
// looked at again.
func TestRecheckOfATable(t *testing.T) {
	quiet(t)
	k, c := made(t, 2000)
	late := map[int]bool{}
	tap := &tapped{Kernel: c}
	tap.row = func(n int) {
		if n > 0 && n%200 == 0 {
			time.Sleep(6 * time.Millisecond) // what was read before is old by now
		}
	}
	tap.fetch = func(n int) {
		if n > 4 {
			return
		}
		k.Advance(time.Second)
		for i := range 2000 { // of those that are there still
			if i%4 == 1 && !late[i] && len(late) < 20*n && present(t, c, i) {
				late[i] = true
				set(t, c, gone(i), create(tuple(i), marked(1)))
			}
		}
	}
	res := apply(t, tap, Delete(where(t, tap, "mark == 1")), Options{})
	table := rows(t, c)
	if len(late) == 0 {
		t.Fatal("nothing was read again")
	}
	left := 0
	for i := range 2000 {
		if i%4 == 1 && table[tuple(i)] != "" {
			left++
		}
	}
	if res.Applied != 500-left || left > len(late) || res.Failed+res.Unknown > 0 {
		t.Errorf("%v; %d were made anew meanwhile, %d are left", res, len(late), left)
	}
	t.Logf("%v; %d were made anew, %d of them left", res, len(late), left)
}

// present tells whether a flow is there.
func present(t testing.TB, c conntrack.Kernel, n int) bool {
	t.Helper()
	found, err := c.Get(t.Context(), wire.Get{Key: wire.Key{Tuple: tuple(n)}}, &wire.Entry{})
	if err != nil {
		t.Error(err)
	}
	return found
}
