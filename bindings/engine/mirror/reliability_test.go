package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/mirror"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// differ compares a mirror with a dump, in what does not change by itself.
func differ(m *mirror.Mirror, k conntrack.Kernel) error {
	rows := map[wire.Tuple]wire.Flow{}
	_, err := k.Dump(context.Background(), &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		var f wire.Flow
		v.Flow(&f)
		rows[f.Orig] = f
		return nil
	})
	if err != nil {
		return err
	}
	if n := m.Stats().Flows; n != len(rows) {
		return fmt.Errorf("%d flows in the mirror, %d in the table", n, len(rows))
	}
	m.Each(func(f *wire.Flow) bool {
		r, ok := rows[f.Orig]
		if !ok || r.ID != f.ID || r.Mark != f.Mark || r.Status != f.Status || r.Reply != f.Reply {
			err = fmt.Errorf("mirror has %+v, table %+v (%v)", *f, r, ok)
		}
		return err == nil
	})
	return err
}

// awaitSync waits for the first reading of the table.
func awaitSync(t *testing.T, m *mirror.Mirror, end <-chan error) {
	t.Helper()
	for m.Stats().Synced.IsZero() {
		select {
		case err := <-end:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
}

// A handler that is far too slow loses most events; once it is quiet the
// mirror is right again within five seconds.
func TestReliabilityMirrorAfterLoss(t *testing.T) {
	ops, atLeast := 60_000, 2_000
	if reliability.Full() {
		ops, atLeast = 1_000_000, 20_000
	}
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	m := mirror.New(k, mirror.Options{RcvBuf: 256 << 10})
	ctx, cancel := context.WithCancel(context.Background())
	var handled, lost uint64
	end := make(chan error, 1)
	go func() {
		end <- m.Run(ctx, func(e *conntrack.Event) error {
			if e.Kind == conntrack.EventLoss {
				lost += e.Lost
				return nil
			}
			handled++
			time.Sleep(time.Millisecond)
			return nil
		})
	}()
	awaitSync(t, m, end)
	res, err := reliability.Churn{Kernel: k, Live: 5000, Rate: 60_000}.Run(ctx, ops)
	if err != nil {
		t.Fatal(err)
	}
	quiet := time.Now()
	for time.Since(quiet) < time.Minute {
		if err = differ(m, k); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(quiet)
	cancel()
	if end := <-end; !errors.Is(end, context.Canceled) {
		t.Fatal(end)
	}
	s := m.Stats()
	t.Logf("%d operations at %d/s: handled %d, dropped %d, together %d; the mirror of %d flows is right after %v of quiet, %d readings",
		res.Ops, res.Rate(), handled, lost, handled+lost, s.Flows, took.Round(time.Millisecond), s.Syncs)
	if err != nil {
		t.Errorf("never equal: %v", err)
	}
	if res.Ops < ops || reliability.Full() && res.Rate() < atLeast {
		t.Errorf("load too small: %d at %d/s, want %d at %d/s", res.Ops, res.Rate(), ops, atLeast)
	}
	if handled+lost != uint64(res.Ops) || lost < uint64(res.Ops)/4 {
		t.Errorf("handled %d + lost %d of %d", handled, lost, res.Ops)
	}
	if reliability.Full() && took > 5*time.Second {
		t.Errorf("took %v, want 5 s at most", took)
	}
}

// With room enough nothing is lost and nothing needs to be read again.
func TestMirrorOfKernel(t *testing.T) {
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	if _, err := (reliability.Churn{Kernel: k, First: 1 << 20}).Run(context.Background(), 1000); err != nil {
		t.Fatal(err) // flows that are there before
	}
	m := mirror.New(k, mirror.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- m.Run(ctx, nil) }()
	awaitSync(t, m, end) // flows born before it listens would tell nothing
	if _, err := (reliability.Churn{Kernel: k}).Run(ctx, 20_000); err != nil {
		t.Fatal(err)
	}
	err := errors.New("not compared")
	for range 1000 {
		if err = differ(m, k); err == nil && !m.Stats().Synced.IsZero() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-end; !errors.Is(err, context.Canceled) {
		t.Errorf("the mirror ended with %v", err)
	}
	if s := m.Stats(); err != nil || s.Events.Lost != 0 || s.Flows < 2000 {
		t.Errorf("%v; %+v", err, s)
	}
}
