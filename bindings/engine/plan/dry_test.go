package plan

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
)

// TestDryRun finds and counts with every kind of step, and changes nothing.
func TestDryRun(t *testing.T) {
	quiet(t)
	_, k := made(t, 400)
	j := kept(t)
	apply(t, k, Delete(where(t, k, "mark == 3")), Options{Journal: j})
	before := rows(t, k)
	act := Act("set", "x", Action{N: 2, Do: func(context.Context) (Counts, error) { panic("it was done") },
		Undo: func() (Note, error) { panic("it was taken down") }})
	view := &tapped{Kernel: k}
	all := func(text string) *Plan { return Delete(where(t, k, text)) }
	for name, c := range map[string]struct {
		plan *Plan
		n    int
	}{
		"delete": {all("mark == 1"), 100}, "everything": {all("udp"), 300},
		"update": {changing(t, where(t, k, "mark == 2"), marking(9, 0xf)), 100},
		"zero":   {Zero(where(t, k, "mark == 1")), 100},
		"create": {directly(t, create(tuple(900))), 1}, "creates": {directly(t, create(tuple(900)), create(tuple(901))), 2},
		"action": {act, 2}, "undo": {undo(t, j, ""), 100},
		"all": {all("mark == 1").Plus(act).Plus(undo(t, j, "")).Plus(directly(t, create(tuple(900)))).Plus(Zero(where(t, k, "mark == 2"))), 303},
	} {
		for _, fast := range []bool{false, true} {
			other := kept(t)
			res, err := c.plan.Apply(t.Context(), view, Options{DryRun: true, Fast: fast, Journal: other})
			var no *FastError
			if fast && errors.As(err, &no) {
				continue
			}
			if err != nil || !res.DryRun || res.Matched != c.n || res.Applied+res.Gone+res.Changed+res.Failed+res.Unknown != 0 || res.Rows != nil && res.Rows.Len() > 0 || res.ID != "" {
				t.Errorf("%s: %v %v, want %d", name, res, err, c.n)
			}
			if list, err := other.Store.List(); err != nil || len(list) != 0 {
				t.Errorf("%s: %d journals, %v", name, len(list), err)
			}
			sameRows(t, name, rows(t, k), before)
		}
	}
}

// TestReadOnly has a kernel that changes nothing: every step is refused, and
// leaves no journal that says that something may have been done.
func TestReadOnly(t *testing.T) {
	quiet(t)
	m, k := made(t, 800)
	m.Configure(func(s *fake.Sysctls) { s.Acct = true })
	j := kept(t)
	apply(t, k, Delete(where(t, k, "mark == 3")), Options{Journal: j})
	before := rows(t, k)
	ro := conntrack.ReadOnly(k)
	note := Note{Kind: "x", Data: json.RawMessage(`{}`)}
	for name, p := range map[string]*Plan{
		"delete": Delete(where(t, ro, "mark == 1")), "everything": Delete(where(t, ro, "udp")), "all": Delete(flows(ro)),
		"update": changing(t, where(t, ro, "mark == 2"), marking(9, 0xf)),
		"zero":   Zero(where(t, ro, "mark == 1")),
		"create": directly(t, create(tuple(900))), "creates": directly(t, create(tuple(900)), create(tuple(901))),
		"action": Act("set", "x", Action{N: 1, Undo: func() (Note, error) { return note, nil },
			Do: func(context.Context) (Counts, error) { return Counts{}, conntrack.ErrReadOnly }}),
		"undo": undo(t, j, ""),
		"sum":  directly(t, create(tuple(900))).Plus(Delete(where(t, ro, "mark == 1"))),
	} {
		for _, fast := range []bool{false, true} {
			mine := kept(t)
			var res *Result
			var err error
			within(t, name, func() { res, err = p.Apply(t.Context(), ro, Options{Fast: fast, Journal: mine}) })
			var no *FastError
			if fast && errors.As(err, &no) {
				continue
			}
			if !errors.Is(err, conntrack.ErrReadOnly) || res.Applied != 0 || res.Gone != 0 {
				t.Errorf("%s, fast %v: %v %v", name, fast, res, err)
			}
			sameRows(t, name, rows(t, k), before)
			if list, _ := mine.Store.List(); len(list) > 0 && reading(t, mine, list[0].ID).Len() != 0 {
				t.Errorf("%s: the journal says that %v may have been done", name, changes(t, mine, list[0].ID))
			}
		}
	}
	if res, err := Delete(where(t, ro, "mark == 1")).Apply(t.Context(), ro, Options{DryRun: true}); err != nil || res.Matched != 200 {
		t.Errorf("a dry run needs no right to change: %v %v", res, err)
	}
}
