package ct

import (
	"context"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/probe"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/registry"
)

// probe is ct.probe(id).
func (h *Host) probe(c *registry.Call) int {
	list := probe.Features()
	if c.Has(1) {
		list = []*probe.Feature{feature(c, c.Text(1))}
	}
	h.do(func(context.Context) {
		if len(list) > 1 {
			probe.All()
		} else {
			list[0].Verdict()
		}
	})
	all := c.L.CreateTable(0, len(list))
	for _, f := range list {
		v := f.Verdict()
		t := c.L.CreateTable(0, 4)
		t.RawSetString("name", lua.LString(f.Name))
		t.RawSetString("state", lua.LString(v.State.String()))
		t.RawSetString("detail", lua.LString(v.Detail))
		t.RawSetString("since", lua.LString(f.Since))
		if c.Has(1) {
			return c.Return(t)
		}
		all.RawSetString(f.ID, t)
	}
	return c.Return(all)
}

// feature finds a feature by id, or raises.
func feature(c *registry.Call, id string) *probe.Feature {
	var ids []string
	for _, f := range probe.Features() {
		if f.ID == id {
			return f
		}
		ids = append(ids, f.ID)
	}
	c.Unknown("feature", id, ids)
	return nil
}

// worthFiltering is the number of flows from which a filter in the kernel pays
// for its probe: both walk the whole hash table, and reading a flow costs
// about 2.5 us.
const worthFiltering = 50_000

// ability is what of a filter may be left to the kernel: what was seen to work
// in a namespace made for that, and nothing where the table is small. A filter
// in the kernel only saves time: every row is checked again.
func (h *Host) ability(ctx context.Context, f filter.Filter) filter.Ability {
	if totals, err := h.kernel.Count(ctx); err != nil || totals.Entries < worthFiltering {
		return filter.Ability{}
	}
	return proven(ctx, f)
}

// proven is what of a filter this kernel was seen to do right.
func proven(_ context.Context, f filter.Filter) filter.Ability {
	everything := filter.Ability{Family: true, Mark: true, Status: true, Zone: true, Tuple: true}
	ask := f.Push(everything)
	if ask.Orig.Bits|ask.Reply.Bits == 0 { // ports may be asked for one family at a time
		one := f.PushFamily(everything, wire.FamilyIPv4)
		ask.Orig, ask.Reply = one.Orig, one.Reply
	}
	if ask.IsZero() {
		return filter.Ability{}
	}
	var can filter.Ability
	var wg sync.WaitGroup
	try := func(used bool, id string, ok *bool) {
		if used { // each walks the hash table of the whole machine
			wg.Go(func() { *ok = probe.Lookup(id).OK() })
		}
	}
	tuple := ask.Orig.Bits|ask.Reply.Bits != 0
	try(tuple, probe.FilterTuple, &can.Tuple)
	try(ask.Family != 0 && !tuple, probe.FilterFamily, &can.Family)
	try(ask.Mark != nil, probe.FilterMark, &can.Mark)
	try(ask.Status != nil, probe.FilterStatus, &can.Status)
	try(ask.Zone != nil, probe.FilterZone, &can.Zone)
	wg.Wait()
	can.Family = can.Family || can.Tuple // the flows that proved it were of both
	return can
}

// learned is what an explanation tells of the machine.
func (h *Host) learned() query.Learned {
	return query.Learned{
		Sysctl: func(s *query.Space, name string) (int64, bool) {
			v, err := h.hosting(s).sysctl.Get(name)
			return v, err == nil
		},
		Probe: func(what string) string {
			ids := map[string]string{"family": probe.FilterFamily, "mark": probe.FilterMark, "status": probe.FilterStatus, "zone": probe.FilterZone, "tuple": probe.FilterTuple}
			return probe.Lookup(ids[what]).Verdict().State.String()
		},
	}
}
