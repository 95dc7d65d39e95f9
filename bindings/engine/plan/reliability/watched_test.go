package reliability

import (
	"context"
	"sync"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// watched is a kernel that notes what a plan looks at, and when. The flows are
// those of [reliability.Flow], by number, and their marks tell one that is made
// anew from the one before.
type watched struct {
	conntrack.Kernel
	mu       sync.Mutex
	order    []int          // the flows as the plan found them
	selected map[int]uint32 // their marks then
	looks    map[int]look   // the last of each
	at       int            // the flow that was looked at last, by its place in order
	place    map[int]int
	sent     func(n int) // n more requests were executed
}

// look is the last one at a flow before its change.
type look struct {
	at    time.Time // not before this
	again bool      // it was read by name; else it came with a dump, some time before at
}

func watch(k conntrack.Kernel) *watched {
	return &watched{Kernel: k, selected: map[int]uint32{}, looks: map[int]look{}, place: map[int]int{}, sent: func(int) {}}
}

// Dump implements [conntrack.Kernel].
func (w *watched) Dump(ctx context.Context, req *wire.Dump, opt conntrack.DumpOptions, fn func(*wire.View) error) (conntrack.DumpResult, error) {
	var orig wire.Tuple
	return w.Kernel.Dump(ctx, req, opt, func(v *wire.View) error {
		v.Tuple(wire.Original, &orig)
		n := reliability.Number(&orig)
		mark, _ := v.Mark()
		w.mu.Lock()
		w.place[n], w.at = len(w.order), len(w.order)
		w.order, w.selected[n], w.looks[n] = append(w.order, n), mark, look{at: time.Now()}
		w.mu.Unlock()
		return fn(v)
	})
}

// Fetch implements [conntrack.Kernel].
func (w *watched) Fetch(ctx context.Context, keys []wire.Key, zero bool, fn func(int, *wire.View) error) error {
	began := time.Now()
	return w.Kernel.Fetch(ctx, keys, zero, func(i int, v *wire.View) error {
		n := reliability.Number(&keys[i].Tuple)
		w.mu.Lock()
		w.looks[n], w.at = look{began, true}, w.place[n]
		w.mu.Unlock()
		return fn(i, v)
	})
}

// Batch implements [conntrack.Kernel].
func (w *watched) Batch(ctx context.Context, opt conntrack.BatchOptions) (*conntrack.Batch, error) {
	before := 0
	opt.Progress = func(r conntrack.BatchResult) {
		w.sent(r.Sent - before)
		before = r.Sent
	}
	return w.Kernel.Batch(ctx, opt)
}
