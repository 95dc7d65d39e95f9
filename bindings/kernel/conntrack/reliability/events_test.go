package reliability_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// scale picks the short or the full size of a load.
func scale[T any](short, full T) T {
	if reliability.Full() {
		return full
	}
	return short
}

// A handler that is far too slow loses events, and every one is counted.
func TestReliabilityExactLoss(t *testing.T) {
	ops, atLeast := scale(60_000, 1_000_000), scale(2_000, 20_000)
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	l, err := k.Listen(context.Background(), conntrack.EventOptions{RcvBuf: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var res reliability.Result
	churned := make(chan error, 1)
	go func() {
		var err error
		res, err = reliability.Churn{Kernel: k, Live: 5000, Rate: 60_000}.Run(ctx, ops)
		churned <- err
	}()
	var handled, lost, gaps uint64
	check := time.NewTicker(10 * time.Millisecond)
	defer check.Stop()
	handler := func(e *conntrack.Event) error {
		if e.Kind == conntrack.EventLoss {
			lost += e.Lost
			gaps++
		} else {
			handled++
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	end := make(chan error, 1)
	go func() { end <- l.Run(ctx, handler) }()
	if err := <-churned; err != nil {
		t.Fatal(err)
	}
	made := uint64(res.Ops)
	for range 6000 {
		if s := l.Stats(); s.Received+s.Lost >= made {
			break
		}
		<-check.C
	}
	time.Sleep(50 * time.Millisecond) // more than were made would show now
	cancel()
	if err := <-end; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s := l.Stats()
	t.Logf("%d operations at %d/s: handled %d, kernel dropped %d in %d gaps, together %d", res.Ops, res.Rate(), handled, lost, gaps, handled+lost)
	switch {
	case res.Ops < ops || reliability.Full() && res.Rate() < atLeast:
		t.Errorf("load too small: %d at %d/s, want %d at %d/s", res.Ops, res.Rate(), ops, atLeast)
	case handled+lost != made || s.Received != handled || s.Lost != lost || s.Bad != 0:
		t.Errorf("handled %d + lost %d = %d of %d events; %+v", handled, lost, handled+lost, made, s)
	case gaps == 0 || lost < made/4:
		t.Errorf("%d lost in %d gaps: the handler was not slow enough", lost, gaps)
	}
}

// A handler that does nothing sees everything, soon.
func TestReliabilityNoLoss(t *testing.T) {
	const rate = 33_000
	ops, atLeast := scale(2*rate, 60*rate), scale(3_000, 30_000)
	ns := netnstest.New(t)
	netnstest.Run(t, ns, "sysctl", "-qw", "net.netfilter.nf_conntrack_timestamp=1")
	k := conntrack.Open(ns)
	defer k.Close()
	l, err := k.Listen(context.Background(), conntrack.EventOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	var res reliability.Result
	churned := make(chan error, 1)
	go func() {
		var err error
		res, err = reliability.Churn{Kernel: k, Live: 5000, Rate: rate}.Run(ctx, ops)
		churned <- err
	}()
	var delay [2000]int // by tenths of a millisecond
	handled := 0
	err = l.Run(ctx, func(e *conntrack.Event) error {
		if e.Kind == conntrack.EventLoss {
			return nil
		}
		if at, ok := e.View.EventTime(); ok {
			d := (time.Now().UnixNano() - int64(at)) / int64(100*time.Microsecond)
			delay[min(max(d, 0), int64(len(delay)-1))]++
		}
		if handled++; handled == ops {
			return conntrack.ErrStop
		}
		return nil
	})
	cerr := <-churned
	s := l.Stats()
	if err != nil || cerr != nil {
		t.Fatalf("%v, churn: %v; handled %d of %d, %+v", err, cerr, handled, ops, s)
	}
	p50, p99, worst := quantile(delay[:], 0.5), quantile(delay[:], 0.99), quantile(delay[:], 1)
	t.Logf("%d events at %d/s: %d lost, kernel to handler %v median, %v p99, %v at most; %.1f a read",
		handled, res.Rate(), s.Lost, p50, p99, worst, float64(s.Received)/float64(s.Reads))
	if reliability.Full() && res.Rate() < atLeast {
		t.Errorf("load too small: %d/s, want %d/s", res.Rate(), atLeast)
	}
	if s.Lost != 0 || s.Received != uint64(ops) {
		t.Errorf("%+v, want %d received and none lost", s, ops)
	}
	if reliability.Full() && p99 > 50*time.Millisecond {
		t.Errorf("p99 %v, want 50 ms at most", p99)
	}
}

// quantile reads a histogram of tenths of a millisecond; the last bucket is
// "that or more".
func quantile(h []int, q float64) time.Duration {
	total := 0
	for _, n := range h {
		total += n
	}
	seen := 0
	i := slices.IndexFunc(h, func(n int) bool { seen += n; return n > 0 && float64(seen) >= q*float64(total) })
	return time.Duration(i+1) * 100 * time.Microsecond
}
