package plan

import (
	"context"
	"errors"
	"fmt"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// errInexact ends a look at what the kernel's filter selects.
var errInexact = errors.New("the kernel's filter selects more than the plan")

// fast lets the kernel delete what its filter selects, in one request. The
// kernel runs the same code for a filtered dump and for a filtered flush (linux
// ctnetlink_filter_match), so a dump just before shows what the flush will
// select: every flow of it must be one that the plan selects, unprotected, and
// no more than the guard allows.
func (a *application) fast(ctx context.Context, p *Plan) error {
	fail := func(format string, args ...any) error {
		return &FastError{a.res.Op, fmt.Sprintf(format, args...)}
	}
	s, ok := p.steps[0].(*flowStep)
	if ok {
		_, ok = s.effect.(deletion)
	}
	if !ok || len(p.steps) > 1 || s.query == nil {
		return fail("only the deletion of a query can be left to the kernel")
	}
	_, f, ok := s.query.Static()
	if !ok {
		return fail("the plan selects by more than a filter")
	}
	flush := &wire.Flush{Filter: f.Push(a.opt.Able.Of(ctx, f)), All: f.IsAll()}
	if !exact(&f, &flush.Filter) || flush.Filter.IsZero() && !flush.All {
		return fail("the kernel cannot compare all of %q", f.String())
	}
	matched, protected := 0, 0
	match := s.query.Recheck()
	row := a.opt.Guard.row()
	dump := &wire.Dump{Filter: flush.Filter}
	res, err := a.k.Dump(ctx, dump, conntrack.DumpOptions{Ahead: true}, func(v *wire.View) error {
		if !match(v) {
			return errInexact
		}
		matched++
		if row.Reset(v); a.opt.Guard.Covers(row) {
			protected++
		}
		return nil
	})
	a.res.Matched, a.touched = matched, matched
	switch {
	case errors.Is(err, errInexact):
		return fail("the kernel's filter selects more than %q", f.String())
	case err != nil:
		return err
	case protected > 0:
		return fail("%d of the flows are protected, such as your own session", protected)
	case matched > 0 && !flush.All && !res.Filtered:
		return fail("this kernel does not confirm that it filters")
	}
	if err := a.guard(ctx); err != nil || a.opt.DryRun || matched == 0 {
		return err
	}
	if a.opt.Allow != nil {
		if err := a.opt.Allow(matched); err != nil {
			return err
		}
	}
	return a.flush(ctx, flush)
}

// exact tells whether a filter is nothing but comparisons with one value each,
// all of which the kernel is asked for. That a dump has shown nothing else is not
// enough: a flow that comes behind it would go too.
func exact(f *filter.Filter, k *wire.Filter) bool {
	for _, t := range f.Terms() {
		if len(t.Exact) == 0 || !asks(k, &t.Exact[0]) {
			return false
		}
	}
	return true
}

// asks tells whether k compares what x does.
func asks(k *wire.Filter, x *filter.Exact) bool {
	side := func(t *wire.TupleFilter, src, dst, sport, dport string) bool {
		switch x.Field.Name {
		case src:
			return t.Bits&wire.FilterSrc != 0 && t.Tuple.Src == x.Value.Addr
		case dst:
			return t.Bits&wire.FilterDst != 0 && t.Tuple.Dst == x.Value.Addr
		case sport:
			return t.Bits&wire.FilterSrcPort != 0 && t.Tuple.SrcPort == uint16(x.Value.Num)
		case dport:
			return t.Bits&wire.FilterDstPort != 0 && t.Tuple.DstPort == uint16(x.Value.Num)
		}
		return false
	}
	switch x.Field.Name {
	case "mark":
		return k.Mark != nil && *k.Mark == wire.Masked32{Value: uint32(x.Value.Num), Mask: x.Mask}
	case "zone":
		return k.Zone != nil && *k.Zone == uint16(x.Value.Num)
	case "family":
		return k.Family == map[float64]uint8{4: wire.FamilyIPv4, 6: wire.FamilyIPv6}[x.Value.Num]
	case "proto":
		return k.Orig.Bits&wire.FilterProto != 0 && wire.ProtoName(k.Orig.Tuple.Proto) == x.Value.Str
	}
	if x.Field.Kind == field.Flag {
		f, err := filter.Compile(x.Field.Name, nil, nil)
		bit := f.Push(filter.Ability{Status: true}).Status
		return err == nil && bit != nil && k.Status != nil && k.Status.Mask&bit.Mask != 0 &&
			x.Value.On == ((k.Status.Value^bit.Value)&bit.Mask == 0)
	}
	return side(&k.Orig, "src", "dst", "sport", "dport") || side(&k.Reply, "rsrc", "rdst", "rsport", "rdport")
}

// flush sends the request and counts what went. The kernel tells each deleted
// flow that has an event extension; the others are counted by their number
// before and after.
func (a *application) flush(ctx context.Context, req *wire.Flush) error {
	got, err := a.k.FlushEcho(ctx, req, func(*wire.View) error { return nil })
	var lost *conntrack.IncompleteError
	if err != nil && (got.Before == 0 || !errors.As(err, &lost)) {
		a.res.Applied = got.Told // it was refused, or what became of the others is not known
		return err
	}
	gone := max(got.Before-got.After, 0)
	a.res.Applied = max(got.Told, min(gone, a.res.Matched))
	a.res.Matched = max(a.res.Matched, a.res.Applied) // some may have come behind the dump
	a.res.Gone = a.res.Matched - a.res.Applied
	if got.Told < a.res.Applied {
		a.res.note(fmt.Sprintf("the kernel named %d of the deleted flows; the number of the others is the difference in the size of the table", got.Told))
	}
	a.res.note("nothing was taken down: this cannot be undone")
	return err
}
