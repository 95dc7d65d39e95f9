package reliability

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// How long it takes from the look at a flow to its deletion, with a journal on
// a real disk: from before the question, or from when a dump handed it over, to
// the kernel's answer.
func TestReliabilityWindow(t *testing.T) {
	n := scale(10_000, 100_000)
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	if room, err := k.Count(t.Context()); err == nil && room.HasMax && int(room.Max) < n {
		t.Skipf("needs room for %d flows, the table holds %d: sysctl net.netfilter.nf_conntrack_max", n, room.Max)
	}
	for _, c := range []struct {
		name string
		opt  plan.Options
	}{
		{"found while they are deleted", plan.Options{Max: 2 * n}},
		{"found before", plan.Options{Max: 2 * n, Share: 1}}, // that guard needs to know all
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := (reliability.Churn{Kernel: k, Live: n}).Run(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			w := watch(k)
			var gaps []time.Duration
			again := 0
			w.sent = func(more int) {
				now := time.Now()
				w.mu.Lock()
				defer w.mu.Unlock()
				for _, flow := range w.order[len(gaps) : len(gaps)+more] {
					l := w.looks[flow]
					gaps = append(gaps, now.Sub(l.at))
					if l.again {
						again++
					}
				}
			}
			c.opt.Journal = keep(opened(t, filepath.Join(t.TempDir(), "journal")))
			res, err := plan.Delete(flows(w)).Apply(context.Background(), w, c.opt)
			if err != nil || res.Applied != n || len(gaps) != n {
				t.Fatalf("%v %v, %d looks", res, err, len(gaps))
			}
			slices.Sort(gaps)
			q := func(f float64) time.Duration { return gaps[int(f*float64(n-1))].Round(10 * time.Microsecond) }
			t.Logf("%d flows in %v, look to deletion: p50 %v, p99 %v, max %v; %d were read by name just before",
				n, res.Took.Round(time.Millisecond), q(0.5), q(0.99), q(1), again)
		})
	}
}
