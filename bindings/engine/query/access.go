package query

import (
	"context"

	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Limits of the planner. A GET costs 0.04 ms, a walk of the hash table 40 ms
// and more; each further filtered dump walks it once more.
const (
	maxGets   = 256
	maxDumps  = 4
	bigTable  = 200_000 // flows from which a second socket can win anything
	familyLow = 0.3     // share of the smaller family from which it does
)

// access is how a table is read: some flows by name, or dumps.
type access struct {
	keys      []wire.Key
	parts     []part
	partition conntrack.Partition
}

// part is one dump and what its rows are matched with.
type part struct {
	dump   *wire.Dump
	filter filter.Filter
	able   filter.Ability
	family uint8 // of the parts that are one each: they have no flow in common
}

// access decides how the flows that f selects are read.
func (s *Space) access(ctx context.Context, table wire.Table, f filter.Filter) access {
	if table != wire.TableConntrack {
		can := filter.Ability{Family: true} // the only filter of the other lists
		req := &wire.Dump{Table: table, Filter: f.Push(can)}
		return access{parts: []part{{dump: req, filter: f, able: can}}}
	}
	if keys, ok := f.Keys(maxGets); ok {
		return access{keys: keys}
	}
	return s.dumps(ctx, f)
}

// dumps decides how the table is dumped.
func (s *Space) dumps(ctx context.Context, f filter.Filter) access {
	able := s.Able.Of(ctx, f)
	whole := access{parts: []part{s.part(f, able)}}
	if !selective(&whole.parts[0].dump.Filter) {
		if parts := s.branches(ctx, f); parts != nil {
			return access{parts: parts}
		}
	}
	if parts := s.families(ctx, f, &whole.parts[0].dump.Filter); parts != nil {
		return access{parts: parts}
	}
	whole.partition = s.partition(ctx, &whole.parts[0].dump.Filter)
	return whole
}

func (s *Space) part(f filter.Filter, able filter.Ability) part {
	return part{dump: &wire.Dump{Filter: f.Push(able)}, filter: f, able: able}
}

// selective tells whether a kernel filter leaves little of a usual table. A
// status bit or a family may leave most of it.
func selective(k *wire.Filter) bool {
	return k.Mark != nil || k.Zone != nil || k.Orig.Bits&^wire.FilterProto != 0 || k.Reply.Bits&^wire.FilterProto != 0
}

// families reads one family after the other, where the kernel can then compare
// ports or a protocol that it could not for both, nil where it cannot or where
// that does not pay. one is what it compares in a single dump.
func (s *Space) families(ctx context.Context, f filter.Filter, one *wire.Filter) (parts []part) {
	able := s.Able.Of(ctx, f)
	if !able.Tuple || one.Family != 0 || selective(one) {
		return nil
	}
	sure := true
	for _, family := range []uint8{wire.FamilyIPv4, wire.FamilyIPv6} {
		p := part{&wire.Dump{Filter: f.PushFamily(able, family)}, f, able, family}
		switch k := &p.dump.Filter; {
		case selective(k):
		case k.Orig.Bits|k.Reply.Bits != 0:
			sure = false
		default:
			return nil
		}
		parts = append(parts, p)
	}
	if !sure && !s.pays(ctx, parts, one) {
		return nil
	}
	return parts
}

// walk is what it costs to walk the hash table without copying a flow, as a
// share of copying all flows of a big table.
const walk = 0.12

// pays tells from a sample whether several dumps that leave a protocol to the
// kernel cost clearly less than one that does not.
func (s *Space) pays(ctx context.Context, parts []part, one *wire.Filter) bool {
	rows := s.sample(ctx)
	if rows == nil {
		return false
	}
	single, several := 0, 0
	for i := range rows {
		if passes(one, &rows[i]) {
			single++
		}
		for _, p := range parts {
			if passes(&p.dump.Filter, &rows[i]) {
				several++
			}
		}
	}
	n := float64(len(rows))
	return float64(len(parts))*walk+float64(several)/n < 0.9*(walk+float64(single)/n)
}

// passes tells whether the kernel would pass a flow, as far as status, family
// and protocol go.
func passes(k *wire.Filter, f *wire.Flow) bool {
	return (k.Family == 0 || k.Family == f.Orig.Family) &&
		(k.Status == nil || f.Status&k.Status.Mask == k.Status.Value) &&
		((k.Orig.Bits|k.Reply.Bits)&wire.FilterProto == 0 || f.Orig.Proto == max(k.Orig.Tuple.Proto, k.Reply.Tuple.Proto))
}

// sample reads some flows of a big table, which stand in the order of a hash
// and so in none; nil of a small one.
func (s *Space) sample(ctx context.Context) (rows []wire.Flow) {
	if totals, err := s.Kernel.Count(ctx); err != nil || totals.Entries < bigTable {
		return nil
	}
	const sample = 1000
	_, err := s.Kernel.Dump(ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		var f wire.Flow
		v.Flow(&f)
		if rows = append(rows, f); len(rows) == sample {
			return conntrack.ErrStop
		}
		return nil
	})
	if err != nil || len(rows) < sample {
		return nil
	}
	return rows
}

// branches splits an "or" into dumps that the kernel filters well, nil where
// one of them would not be.
func (s *Space) branches(ctx context.Context, f filter.Filter) (parts []part) {
	for _, b := range f.Branches(maxDumps) {
		p := s.part(b, s.Able.Of(ctx, b))
		if !selective(&p.dump.Filter) {
			return nil
		}
		parts = append(parts, p)
	}
	return parts
}

// partition splits a whole read of a large table by family where a sample of
// it says that both halves are worth a socket. The family of a flow never
// changes, so nothing is seen twice or missed.
func (s *Space) partition(ctx context.Context, k *wire.Filter) conntrack.Partition {
	if !k.IsZero() || s.Able == nil {
		return conntrack.PartitionNone
	}
	rows := s.sample(ctx)
	six := 0
	for i := range rows {
		if rows[i].Orig.Family == wire.FamilyIPv6 {
			six++
		}
	}
	if n := len(rows); n == 0 || float64(min(six, n-six))/float64(n) < familyLow {
		return conntrack.PartitionNone
	}
	return conntrack.PartitionFamily
}
