package ct

import (
	"context"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/engine/snapshot"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// The verbs about the course of time.
func init() {
	queryType.
		Method("snapshot() -> query", "reads the flows and keeps them, 176 bytes each: the same verbs, without reading the table again", func(s *selection, c *registry.Call) int {
			return s.frozen(c, s.snapshot(c), "snapshot()")
		}).
		Raises("ETYPE for rows that are no flows, and for the flows of several namespaces").
		Example(`ct> s = flows:snapshot()
ct> r = flows:where("udp"):delete():apply()
ct> s:count(), flows:count()
3
1`).
		Method("delta(interval: duration 0.001..86400) -> query", "reads the flows twice, so far apart, and tells how fast they move data: fields rate (bytes a second) and prate (packets)", func(s *selection, c *registry.Call) int {
			q, err := s.q.Delta(time.Duration(c.Number(1) * float64(time.Second)))
			return s.newQuery(c, q, err)
		}).
		Example(`ct> flows:delta("10ms"):where("has(rate)"):count()
ctsh: nf_conntrack_acct is 0: flows born meanwhile lack what the query asks for; sys.set("nf_conntrack_acct", 1):apply() turns it on
0`).
		Method("diff(before: query) -> table", "what changed since a snapshot: {added, removed, changed}, each a query. A flow has changed that differs in more than counters and timeout", func(s *selection, c *registry.Call) int {
			return s.diff(c)
		}).
		Raises("ETYPE for what is no snapshot").
		Example(`ct> s = flows:snapshot()
ct> r = flows:where("udp and dport == 53"):delete():apply()
ct> r = flows:where("tcp"):update{mark = 9}:apply()
ct> d = flows:diff(s)
ct> d.added:count(), d.removed:first().dport, d.changed:first().mark
0
53
9`)
}

// snapshot reads the flows of s.
func (s *selection) snapshot(c *registry.Call) *snapshot.Snapshot {
	if !s.q.IsFlows() {
		c.Raise(luaerr.New(luaerr.ETYPE, c.Op(), "%s: its rows are no flows", c.Op()))
	}
	if f, ok := s.q.Source().(*query.Frozen); ok && !s.q.Narrowed() {
		return f.Snap
	}
	_, err := s.q.Space(c.Op())
	c.Raise(fail(err))
	var snap *snapshot.Snapshot
	if !s.q.Calls() {
		s.h.warn(s.q)
		s.h.do(func(ctx context.Context) {
			ctx, stop := s.h.watched(ctx, s.h.opt.Progress)
			defer stop()
			snap, err = s.q.Snapshot(ctx)
		})
		c.Raise(fail(err))
		return snap
	}
	s.h.hand(c, s.q, field.PartAll, false, func(r *field.Row) error {
		if snap == nil {
			snap = snapshot.New(r.World())
		}
		snap.Add(r)
		return nil
	})
	if snap == nil {
		snap = snapshot.New(s.h.look())
	}
	return snap
}

// frozen returns the query of a snapshot.
func (s *selection) frozen(c *registry.Call, snap *snapshot.Snapshot, verb string) int {
	return c.Return(s.thaw(c.L, snap, verb))
}

func (s *selection) thaw(L *lua.LState, snap *snapshot.Snapshot, verb string) lua.LValue {
	q := query.New(&query.Frozen{Name: s.q.String() + ":" + verb, Snap: snap, Of: s.q.Spaces(), Selects: verb != "snapshot()" || s.q.Selects()})
	return queryType.New(L, &selection{h: s.h, q: q})
}

func (s *selection) diff(c *registry.Call) int {
	old, ok := queryType.Is(c.Get(1))
	if !ok || !old.isSnapshot() {
		c.Bad("before", "want a snapshot, got %s", c.Get(1))
	}
	before, after := old.snapshot(c), s.snapshot(c)
	var parts [3]*snapshot.Snapshot
	s.h.do(func(context.Context) { parts[0], parts[1], parts[2] = snapshot.Diff(before, after) })
	t := c.L.NewTable()
	for i, name := range []string{"added", "removed", "changed"} {
		t.RawSetString(name, s.thaw(c.L, parts[i], "diff()."+name))
	}
	return c.Return(t)
}

func (s *selection) isSnapshot() bool {
	_, ok := s.q.Source().(*query.Frozen)
	return ok
}
