package query

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// everything is a kernel that filters all that a filter may ask of it.
func everything(context.Context, filter.Filter) filter.Ability {
	return filter.Ability{Family: true, Mark: true, Status: true, Zone: true, Tuple: true}
}

// TestRungsAgree counts flows of a real table with filters made at random: what
// is left to the kernel never changes the answer.
func TestRungsAgree(t *testing.T) {
	flows, filters := 11_000, 300
	if testing.Short() {
		flows, filters = 1000, 100
	}
	ctx := context.Background()
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	r := rand.New(rand.NewPCG(9, 9))
	b, err := k.Batch(ctx, conntrack.BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range flows {
		e := filtertest.Flow(r)
		switch { // few values are too few for so many flows
		case wire.HasPorts(e.Orig.Proto):
			e.Orig.SrcPort += uint16(r.IntN(1000))
		case e.Orig.Proto == wire.ProtoICMP:
			e.Orig.SetICMP(8, 0, uint16(r.IntN(1000)))
		default:
			e.Orig.Src[15] = byte(r.IntN(256))
		}
		e.Reply, _ = e.Orig.Invert()
		e.Timeout += 600
		if err := b.Add(&wire.Create{Entry: *e}); err != nil {
			t.Fatalf("%s: %v", e.Orig, err)
		}
	}
	res, err := b.Close()
	if err != nil || res.Applied < flows/2 || res.Failed > 0 {
		t.Fatalf("%+v %v", res, err)
	}
	var kept []wire.Entry
	table := func(able filter.Able) Query { return New(&Flows{Spaces: []*Space{{Kernel: k, Able: able}}}) }
	if _, err := table(nil).Each(ctx, func(row *field.Row) error {
		kept = append(kept, *row.Need(field.PartAll))
		return nil
	}); err != nil || len(kept) != res.Applied {
		t.Fatalf("%d flows of %d, %v", len(kept), res.Applied, err)
	}
	pushed, selected, ways := 0, 0, map[string]int{}
	for i := range filters {
		text := filtertest.Text(r)
		switch i % 4 {
		case 1, 2:
			text = filtertest.Exact(r)
		case 3:
			text = filtertest.Whole(r)
		}
		f, err := filter.Compile(text, nil, nil)
		if err != nil {
			continue // no flow could match
		}
		want := 0
		for i := range kept {
			var row field.Row
			if row.ResetEntry(&kept[i]); f.Match(&row) == filter.True {
				want++
			}
		}
		if kf := f.Push(everything(ctx, f)); !kf.IsZero() {
			pushed++
		}
		selected += want
		space := Space{Kernel: k, Able: everything}
		switch a := space.access(ctx, wire.TableConntrack, f); {
		case a.keys != nil:
			ways["by name"]++
		case len(a.parts) > 1 && a.parts[0].family != 0:
			ways["one family at a time"]++
		case len(a.parts) > 1:
			ways["one alternative at a time"]++
		}
		for name, able := range map[string]filter.Able{"go": nil, "kernel": everything} {
			q, err := table(able).Where(f)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := q.Count(ctx); err != nil || n != want {
				t.Errorf("%s, %s: %d flows, want %d (%v)", text, name, n, want, err)
			}
		}
	}
	if pushed < filters/4 || selected < flows || ways["one alternative at a time"] == 0 || ways["by name"] == 0 {
		t.Errorf("%d filters were left to the kernel, %d flows selected, %v: the test tests too little", pushed, selected, ways)
	}
	t.Logf("%d flows, %d of %d filters left in part to the kernel, %d flows selected; read %v", len(kept), pushed, filters, selected, ways)
}
