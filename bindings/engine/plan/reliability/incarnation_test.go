package reliability

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// While a plan deletes flows, somebody else deletes them and makes them anew,
// just before the plan comes to them. With timestamps none dies that was made
// anew a while before; but a machine that holds the plan up just then can spoil
// that, so one in a thousand races and a few tries are allowed for.
func TestReliabilityWrongFlow(t *testing.T) {
	for stamps, name := range []string{"without timestamps", "with timestamps"} {
		t.Run(name, func(t *testing.T) {
			ns := netnstest.New(t)
			_, err := sysctl.Open(ns).SetInt("nf_conntrack_timestamp", int64(stamps))
			must(t, err)
			for tries := 0; ; tries++ {
				r := &racing{ns: ns, stamps: stamps == 1, flows: scale(1000, 10_000)}
				r.run(t, scale(1000, 10_000))
				switch {
				case !r.stamps || r.late <= r.races/1000:
					return
				case tries == 4:
					t.Fatalf("%d flows were hit that had been made anew more than %v before", r.late, bar)
				}
			}
		})
	}
}

// run has so many races at least.
func (r *racing) run(t *testing.T, races int) {
	t.Helper()
	for rounds := 0; r.races < races && rounds < 100; rounds++ {
		r.round(t)
	}
	t.Logf("%d flows made anew while %d were deleted: %d of them hit, the oldest %v after, %d later than %v; %d left out as changed meanwhile, %d as gone; %d events lost",
		r.races, r.applied, r.hit, r.oldest.Round(10*time.Microsecond), r.late, bar, r.changed, r.gone, r.lost)
	if r.races < races {
		t.Fatalf("load too small: %d races, want %d", r.races, races)
	}
}

// bar is how long before its deletion a flow may have been made anew and be hit.
const bar = 10 * time.Millisecond

// racing counts what became of flows that were made anew.
type racing struct {
	ns     *netns.NS
	stamps bool
	flows  int

	races, applied, changed, gone int
	lost                          uint64
	hit, late                     int // of those made anew; older than the bar
	oldest                        time.Duration
}

// death is the end of a flow by the plan.
type death struct {
	n           int
	mark        uint32
	start, stop time.Time
}

// round makes flows, and deletes them in a race.
func (r *racing) round(t *testing.T) {
	t.Helper()
	own, other := conntrack.Open(r.ns), conntrack.Open(r.ns)
	defer own.Close()
	defer other.Close()
	must(t, other.Do(t.Context(), &wire.Flush{All: true}))
	g := &graves{own: own}
	g.listen(t, other)
	b, err := other.Batch(t.Context(), conntrack.BatchOptions{})
	must(t, err)
	for n := range r.flows {
		must(t, b.Add(flowMade(n, 1)))
	}
	if res, err := b.Close(); err != nil || res.Applied != r.flows {
		t.Fatalf("%+v %v", res, err)
	}
	order := watch(other)
	_, err = order.Dump(t.Context(), &wire.Dump{}, conntrack.DumpOptions{}, func(*wire.View) error { return nil })
	must(t, err)

	w := watch(own)
	c := &rival{k: other, w: w, order: order.order, place: order.place, made: make([][]time.Time, r.flows)}
	end := make(chan error, 1)
	go func() { end <- c.run() }()
	var res *plan.Result
	within(t, func() {
		res, err = plan.Delete(flows(w)).Apply(context.Background(), w,
			plan.Options{Max: 4 * r.flows, Journal: keep(opened(t, filepath.Join(t.TempDir(), "journal")))})
	})
	c.stop.Store(true)
	must(t, errors.Join(err, <-end))
	if res.Failed+res.Unknown > 0 || res.Matched != res.Applied+res.Gone+res.Changed {
		t.Fatal(res)
	}
	r.races, r.applied, r.changed, r.gone = r.races+c.races, r.applied+res.Applied, r.changed+res.Changed, r.gone+res.Gone
	g.end(t, c.deleted+res.Applied)
	r.lost += g.l.Stats().Lost
	r.count(t, w, c, g.deaths)
}

// flowMade is a request for a flow, whose mark tells how often it was made.
func flowMade(n int, mark uint32) *wire.Create {
	c := reliability.Flow(n)
	c.Entry.Mark, c.Entry.Present = mark, c.Entry.Present|wire.HasMark
	return c
}

// graves listens to the ends of flows.
type graves struct {
	own    conntrack.Kernel // the plan's
	l      *conntrack.Listener
	stop   context.CancelFunc
	ended  chan error
	deaths []death // that the plan caused
}

func (g *graves) listen(t *testing.T, k conntrack.Kernel) {
	t.Helper()
	l, err := k.Listen(t.Context(), conntrack.EventOptions{Kinds: []conntrack.EventKind{conntrack.EventDestroy}, RcvBuf: 64 << 20})
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	g.l, g.stop, g.ended = l, stop, make(chan error, 1)
	t.Cleanup(stop)
	go func() { g.ended <- l.Run(ctx, g.bury) }()
}

func (g *graves) bury(e *conntrack.Event) error {
	if e.Kind == conntrack.EventLoss || !g.own.Owns(e.PortID) {
		return nil
	}
	var f wire.Flow
	e.View.Flow(&f)
	d := death{reliability.Number(&f.Orig), f.Mark, time.Unix(0, int64(f.Start)), e.Received}
	if f.Has(wire.HasStop) {
		d.stop = time.Unix(0, int64(f.Stop))
	}
	g.deaths = append(g.deaths, d)
	return nil
}

// end waits until so many flows have ended.
func (g *graves) end(t *testing.T, flows int) {
	t.Helper()
	for range 6000 {
		if s := g.l.Stats(); s.Received+s.Lost >= uint64(flows) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	g.stop()
	if err := <-g.ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if s := g.l.Stats(); s.Received+s.Lost < uint64(flows) {
		t.Fatalf("%+v, want %d events", s, flows)
	}
	_ = g.l.Close()
}

// dumpSlack is how old a flow may be when a dump hands it over: it was read
// ahead.
const dumpSlack = 250 * time.Millisecond

// count finds among the deaths those of flows that were made anew since the plan
// had found them.
func (r *racing) count(t *testing.T, w *watched, c *rival, list []death) {
	t.Helper()
	for _, d := range list {
		if w.selected[d.n] == d.mark {
			continue
		}
		made := c.made[d.n][d.mark-2] // 1 was made by the test
		if r.stamps {
			made = d.start
		}
		age := d.stop.Sub(made)
		r.hit++
		r.oldest = max(r.oldest, age)
		if age > bar {
			r.late++
		}
		l := w.looks[d.n]
		if !l.again {
			l.at = l.at.Add(-dumpSlack)
		}
		if r.stamps && made.Before(l.at) {
			t.Errorf("flow %d was made anew %v before the look at it, and deleted %v after", d.n, l.at.Sub(made), d.stop.Sub(l.at))
		}
	}
}

// rival deletes flows and makes them anew, near the place where the plan is.
type rival struct {
	k     conntrack.Kernel
	w     *watched
	order []int
	place map[int]int
	stop  atomic.Bool

	made           [][]time.Time // anew, of each flow: before the request
	deleted, races int
}

func (c *rival) run() error {
	rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
	ctx := context.Background()
	for !c.stop.Load() {
		n, ok := c.choose(rng)
		if !ok {
			continue // the plan has not begun
		}
		req, err := wire.NewDelete(wire.Key{Tuple: reliability.Flow(n).Entry.Orig})
		if err != nil {
			return err
		}
		var refused *conntrack.Error
		if err := c.k.Do(ctx, req); errors.As(err, &refused) {
			continue // the plan was there already
		} else if err != nil {
			return err
		}
		c.deleted++
		c.made[n] = append(c.made[n], time.Now())
		if err := c.k.Do(ctx, flowMade(n, uint32(len(c.made[n])+1))); err != nil {
			return fmt.Errorf("flow %d: %w", n, err)
		}
		c.races++
	}
	return nil
}

// choose picks a flow: that which the plan looks at, or one of some hundred
// before and behind it.
func (c *rival) choose(rng *rand.Rand) (n int, ok bool) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if len(c.w.order) == 0 {
		return 0, false
	}
	const near = 400
	at := c.place[c.w.order[c.w.at]] + rng.IntN(2*near) - near
	return c.order[min(max(at, 0), len(c.order)-1)], true
}
