package conntrack_test

import (
	"context"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// The kernel says that events are missing before it hands out those from
// before the gap; the listener puts that in order.
func TestLossComesAfterWhatWasQueued(t *testing.T) {
	ctx := context.Background()
	k := fake.New(fake.Options{})
	c := k.Client()
	defer c.Close()
	for _, queued := range []int{0, 1, 63, 64, 65, 128, 200} {
		l, err := c.Listen(ctx, conntrack.EventOptions{Kinds: []conntrack.EventKind{conntrack.EventNew}})
		if err != nil {
			t.Fatal(err)
		}
		create := func(from, to int) {
			for i := from; i < to; i++ {
				if err := c.Do(ctx, reliability.Flow(queued<<12|i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		create(0, queued)
		k.LoseEvents(1)
		create(queued, queued+10) // the socket is deaf until it is read
		const missing = 10
		seen, again := 0, false
		run := func(e *conntrack.Event) error {
			if e.Kind == conntrack.EventLoss {
				if seen != queued || e.Lost != missing {
					t.Errorf("%d queued: %d lost reported after %d events", queued, e.Lost, seen)
				}
				return conntrack.ErrStop
			}
			// Stop and go on within the last read before the gap.
			if seen++; queued%64 > 1 && seen == queued-1 && !again {
				again = true
				return conntrack.ErrStop
			}
			return nil
		}
		if err := l.Run(ctx, run); err != nil {
			t.Fatal(err)
		}
		if again {
			create(queued+10, queued+20)
			if err := l.Run(ctx, run); err != nil {
				t.Fatal(err)
			}
		}
		if s := l.Stats(); s.Lost != missing || s.Overruns != 1 {
			t.Errorf("%d queued: %+v", queued, s)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A reliable listener that does not read pins dead entries; the watchdog lets
// them go.
func TestWatchdogLeavesReliableMode(t *testing.T) {
	ctx := context.Background()
	k := fake.New(fake.Options{})
	const flows = 1000
	k.Configure(func(s *fake.Sysctls) { s.Max = 2 * flows })
	c := k.Client()
	defer c.Close()
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

func awaitFreed(t *testing.T, c *conntrack.Client, l *conntrack.Listener) {
	t.Helper()
	for range 3000 {
		n, err := c.Count(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if n.Entries == 0 && l.Stats().ReliableLeft {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	n, _ := c.Count(context.Background())
	t.Errorf("%+v still pinned; %+v", n, l.Stats())
}
