package conntrack_test

import (
	"context"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestWatchdogOnKernel(t *testing.T) {
	ctx := context.Background()
	c := conntrack.Open(netnstest.New(t))
	defer c.Close()
	room, err := c.Count(ctx)
	if err != nil {
		t.Fatal(err)
	}
	flows := int(room.Max) / 10
	if flows == 0 || flows > 60_000 {
		t.Skipf("the limit of %d entries is none or too high for this test", room.Max)
	}
	l, err := c.Listen(ctx, conntrack.EventOptions{Reliable: true, RcvBuf: 16 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := (reliability.Churn{Kernel: c, Live: flows}).Run(ctx, flows); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(ctx, &wire.Flush{All: true}); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Count(ctx); err != nil || int(n.Entries) < flows/2 {
		t.Fatalf("%+v %v: no entries are pinned", n, err)
	}
	awaitFreed(t, c, l)
}

// In reliable mode every destroy event comes, however late.
func TestReliableDestroys(t *testing.T) {
	ctx := context.Background()
	c := conntrack.Open(netnstest.New(t))
	defer c.Close()
	l, err := c.Listen(ctx, conntrack.EventOptions{
		Kinds: []conntrack.EventKind{conntrack.EventDestroy}, Reliable: true, RcvBuf: 16 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const flows = 2000
	if _, err := (reliability.Churn{Kernel: c, Live: flows}).Run(ctx, flows); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(ctx, &wire.Flush{All: true}); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	err = l.Run(ctx, func(e *conntrack.Event) error {
		if e.Kind == conntrack.EventDestroy {
			var orig wire.Tuple
			e.View.Tuple(wire.Original, &orig)
			seen[reliability.Number(&orig)] = true
		}
		if len(seen) == flows {
			return conntrack.ErrStop
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Overruns == 0 || s.ReliableLeft {
		t.Errorf("%+v", s)
	}
}
