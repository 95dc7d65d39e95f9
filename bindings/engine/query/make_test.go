package query

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/engine/snapshot"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// now is the time of these tests.
const now = uint64(1_000_000) * 1e9

func world() *field.World { return &field.World{Now: now} }

// attr is an attribute of some payloads, padded.
func attr(typ int, payloads ...[]byte) []byte {
	b := make([]byte, 4)
	for _, p := range payloads {
		b = append(b, p...)
	}
	binary.NativeEndian.PutUint16(b, uint16(len(b)))
	binary.NativeEndian.PutUint16(b[2:], uint16(typ))
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// message is a flow as a dump has it.
func message(tb testing.TB, e *wire.Entry) []byte {
	tb.Helper()
	b, err := (&wire.Create{Entry: *e}).Append(nil, 1, 0)
	if err != nil {
		tb.Fatalf("%s: %v", e.Orig, err)
	}
	big := binary.BigEndian
	if e.Has(wire.HasCounters) {
		for dir, c := range e.Counter {
			b = append(b, attr(wire.AttrCountersOrig+dir, attr(1, big.AppendUint64(nil, c.Packets)), attr(2, big.AppendUint64(nil, c.Bytes)))...)
		}
	}
	if e.Has(wire.HasStart) {
		b = append(b, attr(wire.AttrTimestamp, attr(1, big.AppendUint64(nil, e.Start)))...)
	}
	if e.Has(wire.HasSecCtx) {
		b = append(b, attr(wire.AttrSecCtx, attr(1, append([]byte(e.SecCtx), 0)))...)
	}
	b = append(b, attr(wire.AttrID, big.AppendUint32(nil, e.ID))...)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

// pool makes flows that differ in their original tuples, as messages and as
// those read back. Some have a start, and some what only an Entry holds.
func pool(tb testing.TB, r *rand.Rand, n int) (msgs [][]byte, flows []wire.Entry) {
	tb.Helper()
	seen := map[wire.Tuple]bool{}
	for len(msgs) < n {
		e := filtertest.Flow(r)
		e.Timeout++ // of nothing left there is no request
		if wire.HasPorts(e.Orig.Proto) {
			e.Orig.SrcPort += uint16(r.IntN(n))
			e.Reply.DstPort = e.Orig.SrcPort
		}
		if seen[e.Orig] {
			if !wire.HasPorts(e.Orig.Proto) && r.IntN(20) > 0 {
				continue
			}
			e.Orig.Src[15] = byte(r.IntN(256))
			e.Reply.Dst = e.Orig.Src
			if seen[e.Orig] {
				continue
			}
		}
		seen[e.Orig] = true
		if r.IntN(2) == 0 {
			e.Present, e.Start = e.Present|wire.HasStart, now-uint64(r.IntN(600))*1e9
		}
		if r.IntN(4) == 0 {
			e.Present, e.SecCtx = e.Present|wire.HasSecCtx, fmt.Sprint("context", r.IntN(3))
		}
		msgs = append(msgs, message(tb, e))
		var v wire.View
		if err := v.Reset(msgs[len(msgs)-1]); err != nil {
			tb.Fatal(err)
		}
		flows = append(flows, wire.Entry{})
		v.Entry(&flows[len(flows)-1])
	}
	return msgs, flows
}

// table is a kernel that holds messages, filters a dump by family only and finds a
// flow by either tuple. It hands out each
// in the same buffer, so that who keeps a row and not a copy is found out.
type table struct {
	conntrack.Kernel
	msgs    [][]byte
	totals  wire.Totals
	get     func(wire.Key) *wire.Entry
	fail    error // of a dump, behind the rows
	dumps   []wire.Dump
	options []conntrack.DumpOptions
	gets    []wire.Key
	rows    atomic.Int64 // delivered
}

func (k *table) Dump(ctx context.Context, req *wire.Dump, opt conntrack.DumpOptions, fn func(*wire.View) error) (conntrack.DumpResult, error) {
	k.dumps, k.options = append(k.dumps, *req), append(k.options, opt)
	var v wire.View
	var buf [1024]byte
	for i, m := range k.msgs {
		if err := ctx.Err(); err != nil {
			return conntrack.DumpResult{Flows: i}, context.Cause(ctx)
		}
		if err := v.Reset(buf[:copy(buf[:], m)]); err != nil {
			return conntrack.DumpResult{}, err
		}
		if f := req.Filter.Family; f != 0 {
			var t wire.Tuple
			if v.Tuple(wire.Original, &t); t.Family != f {
				continue
			}
		}
		k.rows.Add(1)
		if err := fn(&v); err == conntrack.ErrStop { //nolint:errorlint // as it is passed on
			return conntrack.DumpResult{}, nil
		} else if err != nil {
			return conntrack.DumpResult{}, err
		}
	}
	return conntrack.DumpResult{Flows: len(k.msgs)}, k.fail
}

func (k *table) Get(_ context.Context, req wire.Get, e *wire.Entry) (bool, error) {
	k.gets = append(k.gets, req.Key)
	if k.fail != nil {
		return false, k.fail
	}
	if k.get != nil {
		found := k.get(req.Key)
		if found != nil {
			*e = *found
		}
		return found != nil, nil
	}
	for _, m := range k.msgs {
		var v wire.View
		if err := v.Reset(m); err != nil {
			return false, err
		}
		if v.Entry(e); e.Orig == req.Key.Tuple || e.Reply == req.Key.Tuple {
			return true, nil
		}
	}
	return false, nil
}

func (k *table) Count(context.Context) (wire.Totals, error) { return k.totals, k.fail }

// space is a namespace over a kernel.
func space(name string, k conntrack.Kernel, able filter.Able) *Space {
	return &Space{Name: name, Kernel: k, Able: able, Look: func() *field.World { return &field.World{Now: now, Netns: name} }}
}

// computed are flows that are held as rows that are worked out anew.
func computed(name string, flows []wire.Entry) *Computed {
	return &Computed{Name: name, Set: field.Flow, Rows: func(_ context.Context, fn func(*field.Row) error) error {
		var r field.Row
		r.In(world())
		for i := range flows {
			r.ResetEntry(&flows[i])
			if err := fn(&r); err != nil {
				return err
			}
		}
		return nil
	}}
}

// frozen are flows in a snapshot.
func frozen(name string, flows []wire.Entry) *Frozen {
	s := snapshot.New(world())
	var r field.Row
	for i := range flows {
		r.ResetEntry(&flows[i])
		s.Add(&r)
	}
	return &Frozen{Name: name, Snap: s}
}

// columns compiles a list of values of the rows of q.
func columns(tb testing.TB, q Query, text string) []filter.Column {
	tb.Helper()
	list, err := filter.Columns(text, nil, &filter.Env{Fields: q.Fields()})
	if err != nil {
		tb.Fatalf("%q: %v", text, err)
	}
	return list
}

// keysOf compiles sort keys.
func keysOf(tb testing.TB, q Query, text string) []filter.Column {
	tb.Helper()
	list, err := filter.SortKeys(text, nil, &filter.Env{Fields: q.Fields()})
	if err != nil {
		tb.Fatalf("%q: %v", text, err)
	}
	return list
}

// compiled compiles a filter of the rows of q.
func compiled(tb testing.TB, q Query, text string) filter.Filter {
	tb.Helper()
	f, err := filter.Compile(text, nil, &filter.Env{Fields: q.Fields()})
	if err != nil {
		tb.Fatalf("%q: %v", text, err)
	}
	return f
}

// must is a query that was made without an error.
func must(tb testing.TB) func(Query, error) Query {
	return func(q Query, err error) Query {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return q
	}
}

// where narrows q by a text.
func where(tb testing.TB, q Query, text string) Query {
	tb.Helper()
	return must(tb)(q.Where(compiled(tb, q, text)))
}

// shown renders a row: a flow by tuple, zones, id, mark and security context,
// and its cells.
func shown(r *field.Row, flow bool) string {
	var b strings.Builder
	if flow {
		e := r.Need(field.PartAll)
		fmt.Fprintf(&b, "%s %s #%x mark %d", e.Orig, e.Reply, e.ID, e.Mark)
		if e.Has(wire.HasSecCtx) {
			b.WriteString(" " + e.SecCtx)
		}
	}
	for _, c := range r.Cells() {
		if !c.Has {
			b.WriteString(" | -")
			continue
		}
		fmt.Fprintf(&b, " | %q %v %v %v %v", c.Str, c.Num, c.On, c.Addr, c.Bits)
	}
	return b.String()
}

// run lists the rows of q.
func run(tb testing.TB, q Query) (list []string) {
	tb.Helper()
	if _, err := q.Each(context.Background(), func(r *field.Row) error { list = append(list, shown(r, q.IsFlows())); return nil }); err != nil {
		tb.Fatalf("%s: %v", q, err)
	}
	return list
}
