package plan

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// fill creates n UDP flows with marks 0 to 3.
func fill(t *testing.T, k conntrack.Kernel, n int) {
	t.Helper()
	var reqs []wire.Request
	for i := range n {
		c := &wire.Create{}
		c.Entry.Orig = wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoUDP, SrcPort: 4000, DstPort: 53,
			Src: wire.AddrFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})),
			Dst: wire.AddrFrom(netip.MustParseAddr("192.0.2.1"))}
		c.Entry.Timeout, c.Entry.Mark = 600, uint32(i%4)
		c.Entry.Present = wire.HasTimeout | wire.HasMark
		reqs = append(reqs, c)
	}
	p, err := Direct("create", reqs...)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := p.Apply(context.Background(), k, Options{}); err != nil || res.Applied != n {
		t.Fatalf("%v %v", res, err)
	}
}

// flows are all flows of a kernel.
func flows(k conntrack.Kernel) query.Query {
	return query.New(&query.Flows{Spaces: []*query.Space{{Kernel: k}}})
}

func count(t *testing.T, k conntrack.Kernel, table map[string]any) int {
	t.Helper()
	n, err := selecting(t, k, table).Count(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func selecting(t *testing.T, k conntrack.Kernel, table map[string]any) query.Query {
	t.Helper()
	f, err := filter.CompileTable(table, nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := flows(k).Where(f)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestPlanOnTheKernel(t *testing.T) {
	ctx := context.Background()
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	fill(t, k, 400)
	udp := map[string]any{"proto": "udp"}

	del := Delete(selecting(t, k, map[string]any{"mark": 1.0}))
	if n := count(t, k, udp); n != 400 {
		t.Fatalf("a plan that was not applied left %d of 400", n)
	}
	res, err := del.Apply(ctx, k, Options{DryRun: true})
	if err != nil || res.Matched != 100 || res.Applied != 0 || count(t, k, udp) != 400 {
		t.Errorf("dry run: %v %v", res, err)
	}
	var guard *GuardError
	if _, err = del.Apply(ctx, k, Options{Max: 99}); !errors.As(err, &guard) || count(t, k, udp) != 400 {
		t.Errorf("guard: %v", err)
	}
	if res, err = del.Apply(ctx, k, Options{Max: 100}); err != nil || res.Applied != 100 || count(t, k, udp) != 300 {
		t.Errorf("delete: %v %v", res, err)
	}
	if res, err = del.Apply(ctx, k, Options{}); err != nil || res.Matched != 0 {
		t.Errorf("second delete: %v %v", res, err)
	}

	up, err := Update(selecting(t, k, map[string]any{"mark": 2.0}), Change{Mark: &wire.Masked32{Value: 0x30, Mask: 0xf0}})
	if err != nil {
		t.Fatal(err)
	}
	if res, err = up.Apply(ctx, k, Options{}); err != nil || res.Applied != 100 {
		t.Errorf("update: %v %v", res, err)
	}
	if n := count(t, k, map[string]any{"mark": 50.0}); n != 100 {
		t.Errorf("%d flows have the new mark, want 100", n)
	}
	if _, err := Update(flows(k), Change{}); err == nil {
		t.Error("an update of nothing was accepted")
	}
}

func TestGoneIsNotAnError(t *testing.T) {
	ctx := context.Background()
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	fill(t, k, 1)
	view, err := Delete(flows(k)).Preview(ctx, k, Protection{}, 10)
	if err != nil || view.Matched() != 1 || len(view.Flows) != 1 {
		t.Fatalf("%v %v", view, err)
	}
	p := DeleteFlow(view.Flows[0].Flow)
	for i, want := range []Result{{Applied: 1}, {Gone: 1}} {
		res, err := p.Apply(ctx, k, Options{})
		if err != nil || res.Applied != want.Applied || res.Gone != want.Gone {
			t.Errorf("apply %d: %v %v", i, res, err)
		}
	}
}
