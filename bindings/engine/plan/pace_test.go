package plan

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// TestPortion is what goes at once: a tenth of a second's share, one at least.
func TestPortion(t *testing.T) {
	for _, c := range []struct {
		rate    float64
		n, want int
	}{{0, 256, 256}, {1e6, 256, 256}, {2560, 256, 256}, {2559, 256, 255}, {100, 256, 10}, {10, 256, 1}, {0.5, 256, 1}, {1e6, 3, 3}} {
		if got := (&pace{rate: c.rate}).portion(c.n); got != c.want {
			t.Errorf("%d at %v/s: %d, want %d", c.n, c.rate, got, c.want)
		}
	}
}

// TestPaceOfATable has a clock of its own: what a bucket allows adds up, and
// what was not used is not saved up for long.
func TestPaceOfATable(t *testing.T) {
	p := pace{rate: 1e6}
	began := time.Now()
	for range 50 {
		if err := p.wait(t.Context(), 1000); err != nil {
			t.Fatal(err)
		}
	}
	if due := began.Add(50 * time.Millisecond); p.next.Before(due) {
		t.Errorf("50000 at a million a second end %v too early", due.Sub(p.next))
	}
	p.next = began.Add(-time.Hour) // nothing was asked for an hour
	began = time.Now()
	if err := p.wait(t.Context(), 1000); err != nil || p.next.Before(began.Add(time.Millisecond)) {
		t.Errorf("an hour without work is saved up: %v", p.next.Sub(began))
	}
}

// TestPaceEnds does not wait out what was cancelled.
func TestPaceEnds(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	p := pace{rate: 0.001} // the second flow in 1000 s
	if err := p.wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
	within(t, "a cancelled wait", func() {
		if err := p.wait(ctx, 1); !errors.Is(err, why) {
			t.Error(err)
		}
	})
	for _, rate := range []float64{0, 0.001, 1e9} {
		if err := (&pace{rate: rate}).wait(ctx, 1); !errors.Is(err, why) {
			t.Errorf("at %v/s it goes on after its end, or does not say why: %v", rate, err)
		}
	}
}

// TestRate watches how many flows of a plan were changed at any time: never more
// than its rate allows, and a tenth of a second's share at once. A slow machine
// only makes it fewer.
func TestRate(t *testing.T) {
	const rate, n = 400, 160
	m, k := made(t, n)
	m.Configure(func(s *fake.Sysctls) { s.Acct = true })
	j := kept(t)
	apply(t, k, Delete(where(t, k, "udp")), Options{Journal: j})
	var reqs []wire.Request
	var singles, acts []*Plan
	made := 0
	act := Action{N: 1, Do: func(context.Context) (Counts, error) { made++; return Counts{Applied: 1}, nil },
		Undo: func() (Note, error) { return Note{Kind: "x", Data: json.RawMessage(`1`)}, nil }}
	for i := range n {
		reqs = append(reqs, create(tuple(i)))
		singles = append(singles, directly(t, create(tuple(2000+i))))
		acts = append(acts, Act("set", "x", act))
	}
	for _, c := range []struct {
		name string
		plan *Plan
	}{
		{"undo of a deletion", undo(t, j, "")}, {"update", changing(t, where(t, k, "udp"), marking(7, ^uint32(0)))},
		{"delete", Delete(where(t, k, "udp"))}, {"create", directly(t, reqs...)}, {"zero", Zero(where(t, k, "udp"))},
		{"single flows", sum(singles)}, {"actions", sum(acts)},
	} {
		began := time.Now()
		check := func(done, most int) {
			if allowed := rate*time.Since(began).Seconds() + rate/10; float64(done) > allowed || most > rate/10 {
				t.Errorf("%s: %d flows after %v, %d at once", c.name, done, time.Since(began), most)
			}
		}
		last := 0
		tap := &tapped{Kernel: k, sent: func(r conntrack.BatchResult) { check(r.Sent, r.Sent-last); last = r.Sent }}
		zeroed := 0
		tap.resets = func(n int) { zeroed += n; check(zeroed, n) }
		res := apply(t, tap, c.plan, Options{Rate: rate, Journal: kept(t)})
		if took := time.Since(began).Seconds(); res.Applied != n || took < float64(n-rate/10)/rate {
			t.Errorf("%s: %v", c.name, res)
		}
	}
}
