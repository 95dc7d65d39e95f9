package conntrack

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// seen is a copy of an event.
type seen struct {
	Kind   EventKind
	Entry  wire.Entry
	Expect wire.Expect
	PortID uint32
	NSID   int32
	Lost   uint64
}

// ear collects the events of a listener.
type ear struct {
	t   testing.TB
	l   *Listener
	ch  chan seen
	end chan error
	all []seen
}

// hear starts a listener that ends with the test.
func hear(t testing.TB, k *Client, opt EventOptions) *ear {
	t.Helper()
	l, err := k.Listen(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	e := &ear{t: t, l: l, ch: make(chan seen, 4096), end: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		e.end <- l.Run(ctx, func(ev *Event) error {
			s := seen{Kind: ev.Kind, PortID: ev.PortID, NSID: ev.NSID, Lost: ev.Lost}
			if ev.View != nil {
				ev.View.Entry(&s.Entry)
			}
			if ev.Expect != nil {
				s.Expect = *ev.Expect
			}
			e.ch <- s
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-e.end:
			if !errors.Is(err, context.Canceled) && !errors.Is(err, ErrClosed) {
				t.Errorf("listener ended: %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("listener did not end with its context")
		}
		_ = l.Close()
	})
	return e
}

// next waits for an event that ok accepts and returns it; others are passed
// over but kept in all.
func (e *ear) next(what string, ok func(*seen) bool) seen {
	e.t.Helper()
	patience := time.After(20 * time.Second)
	for {
		select {
		case s := <-e.ch:
			e.all = append(e.all, s)
			if ok(&s) {
				return s
			}
		case <-patience:
			for _, s := range e.all {
				e.t.Logf("seen: %s %s %s state %d", s.Kind, s.Entry.Orig, s.Entry.Status, s.Entry.State)
			}
			e.t.Fatalf("never seen: %s", what)
		}
	}
}

// tracked is a namespace with accounting and timestamps where every packet is
// tracked.
func tracked(t testing.TB) (*netns.NS, *Client) {
	t.Helper()
	ns := netnstest.New(t)
	netnstest.Track(t, ns)
	netnstest.Run(t, ns, "sysctl", "-qw", "net.netfilter.nf_conntrack_acct=1", "net.netfilter.nf_conntrack_timestamp=1")
	k := Open(ns)
	t.Cleanup(func() { _ = k.Close() })
	return ns, k
}

func TestListenerOptions(t *testing.T) {
	k := Open(netnstest.New(t))
	defer k.Close()
	port := uint16(1)
	for name, opt := range map[string]EventOptions{
		"loss kind":  {Kinds: []EventKind{EventLoss}},
		"buffer":     {RcvBuf: -1},
		"family":     {Filter: EventFilter{Family: 7}},
		"mark":       {Filter: EventFilter{Mark: &wire.Masked32{Value: 3, Mask: 1}}},
		"status":     {Filter: EventFilter{Status: &wire.StatusFilter{Value: 3, Mask: 1}}},
		"prefix":     {Filter: EventFilter{Src: &Prefix{Addr: addr("10.0.0.0"), Bits: 33}}},
		"two family": {Filter: EventFilter{Family: wire.FamilyIPv6, Dst: &Prefix{Addr: addr("10.0.0.0"), Bits: 8}}},
	} {
		_, err := k.Listen(context.Background(), opt)
		var field *wire.FieldError
		if !errors.As(err, &field) {
			t.Errorf("%s: %v, want a FieldError", name, err)
		}
	}
	l, err := k.Listen(context.Background(), EventOptions{RcvBuf: 1 << 20, Filter: EventFilter{DstPort: &port}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info := l.Info(); info.RcvBuf < 2<<20 || !info.BPF || info.PortID == 0 {
		t.Errorf("%+v", info)
	}
}

func TestListenerBufferHint(t *testing.T) {
	k := Open(netnstest.New(t))
	defer k.Close()
	l, err := k.Listen(context.Background(), EventOptions{RcvBuf: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info := l.Info()
	if forced := info.RcvBuf >= 512<<20; forced == (info.Hint != "") {
		t.Errorf("buffer %d, hint %q", info.RcvBuf, info.Hint)
	} else if !forced && !strings.Contains(info.Hint, "net.core.rmem_max") {
		t.Errorf("hint %q does not name the sysctl", info.Hint)
	}
}

func TestListenerEnds(t *testing.T) {
	k := Open(netnstest.New(t))
	defer k.Close()
	ctx := context.Background()
	listen := func() *Listener {
		l, err := k.Listen(ctx, EventOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}

	t.Run("stop keeps what was not seen", func(t *testing.T) {
		l := listen()
		defer l.Close()
		const n = 150
		for i := range n {
			if err := k.Do(ctx, udp(i)); err != nil {
				t.Fatal(err)
			}
		}
		got := 0
		for got < n {
			err := l.Run(ctx, func(e *Event) error {
				var f wire.Tuple
				if !e.View.Tuple(wire.Original, &f) || f != udp(got).Entry.Orig {
					t.Fatalf("event %d is of %v", got, f)
				}
				if got++; got%7 == 0 || got == n {
					return ErrStop
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if s := l.Stats(); s.Received != n || s.Lost != 0 || s.Bad != 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("error of the function", func(t *testing.T) {
		l := listen()
		defer l.Close()
		if err := k.Do(ctx, udp(1000)); err != nil {
			t.Fatal(err)
		}
		mine := errors.New("mine")
		if err := l.Run(ctx, func(*Event) error { return mine }); !errors.Is(err, mine) {
			t.Errorf("%v", err)
		}
	})
	t.Run("close while waiting", func(t *testing.T) {
		l := listen()
		end := make(chan error)
		go func() { end <- l.Run(ctx, func(*Event) error { return nil }) }()
		time.Sleep(20 * time.Millisecond) // most likely it waits by now; it must end in any case
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-end; !errors.Is(err, ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
		if err := l.Run(ctx, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("run after close: %v", err)
		}
	})
	t.Run("context", func(t *testing.T) {
		l := listen()
		defer l.Close()
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(ctx)
		end := make(chan error)
		go func() { end <- l.Run(ctx, func(*Event) error { return nil }) }()
		cancel(cause)
		if err := <-end; !errors.Is(err, cause) {
			t.Errorf("%v", err)
		}
	})
	t.Run("one run at a time", func(t *testing.T) {
		l := listen()
		defer l.Close()
		if err := k.Do(ctx, udp(2000)); err != nil {
			t.Fatal(err)
		}
		err := l.Run(ctx, func(*Event) error { return l.Run(ctx, nil) })
		if !errors.Is(err, errListening) {
			t.Errorf("%v", err)
		}
	})
	t.Run("client closed", func(t *testing.T) {
		l := listen()
		end := make(chan error)
		go func() { end <- l.Run(ctx, func(*Event) error { return nil }) }()
		if err := k.Close(); err != nil {
			t.Error(err)
		}
		if err := <-end; !errors.Is(err, ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
	})
}

// The gap is where the kernel dropped, and the numbers are exact: events are
// numbered, and a handler that is too slow loses some again and again.
func TestLossIsInItsPlace(t *testing.T) {
	ctx := context.Background()
	k := Open(netnstest.New(t))
	defer k.Close()
	l, err := k.Listen(ctx, EventOptions{Kinds: []EventKind{EventNew}, RcvBuf: 128 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const total = 40_000
	made := make(chan error, 1)
	go func() {
		b, err := k.Batch(ctx, BatchOptions{})
		if err != nil {
			made <- err
			return
		}
		for i := range total {
			if err := b.Add(udp(i)); err != nil {
				made <- err
				return
			}
		}
		_, err = b.Close()
		made <- err
	}()
	last, misplaced, gaps := -1, 0, 0
	var received, lost, since uint64
	number := func(e *Event) int {
		var f wire.Tuple
		e.View.Tuple(wire.Original, &f)
		return int(f.Src[13])<<16 | int(f.Src[14])<<8 | int(f.Src[15])
	}
	for done := false; !done; {
		err := l.Run(ctx, func(e *Event) error {
			if e.Kind == EventLoss {
				gaps++
				lost += e.Lost
				since += e.Lost
			} else {
				received++
				n := number(e)
				if uint64(n-last-1) != since {
					misplaced++
				}
				last, since = n, 0
				if received%10 == 0 {
					time.Sleep(100 * time.Microsecond) // the load of a handler
				}
			}
			if received+lost == total {
				done = true
				return ErrStop
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	s := l.Stats()
	t.Logf("received %d, lost %d in %d gaps, %d overruns, %d misplaced", received, lost, gaps, s.Overruns, misplaced)
	if s.Received != received || s.Lost != lost || received+lost != total {
		t.Errorf("%+v: received %d + lost %d, want %d", s, received, lost, total)
	}
	if gaps < 3 || lost < total/10 {
		t.Errorf("only %d lost in %d gaps: the test has not tested", lost, gaps)
	}
	// The place is found by looking, and others are quick: most, not all.
	if misplaced > gaps/3 {
		t.Errorf("%d of %d gaps are not where events are missing", misplaced, gaps)
	}
}

func addr(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }

// An event costs no allocation from the kernel's queue to the handler.
func TestEventsDoNotAllocate(t *testing.T) {
	k := Open(netnstest.New(t))
	defer k.Close()
	l, err := k.Listen(context.Background(), EventOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// AllocsPerRun warms up with a run of its own: half is for that.
	const n = 1000
	for i := range n {
		if err := k.Do(context.Background(), udp(i)); err != nil {
			t.Fatal(err)
		}
	}
	got := 0
	var f wire.Flow
	l.fn = func(e *Event) error { e.View.Flow(&f); got++; return nil }
	const reads, each = n / 2 / 10, 10
	allocs := testing.AllocsPerRun(1, func() {
		for range reads {
			m, err := l.sock.ReceiveMany(l.msgs[:each], false)
			if err != nil {
				t.Fatal(err)
			}
			l.unread = l.msgs[:m]
			if err := l.handle(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	})
	if got != n {
		t.Errorf("%d events, want %d", got, n)
	}
	if allocs > 0 {
		t.Errorf("%v allocations for %d events", allocs, n/2)
	}
}
