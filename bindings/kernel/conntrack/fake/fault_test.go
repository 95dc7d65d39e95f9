package fake_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// flow is the n-th UDP flow of a test.
func flow(n int) wire.Tuple {
	return wire.Tuple{Src: wire.AddrFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})),
		Dst: wire.AddrFrom(netip.MustParseAddr("10.9.0.1")), SrcPort: 4000, DstPort: 53, Family: wire.FamilyIPv4, Proto: wire.ProtoUDP}
}

func create(n int, seconds uint32) *wire.Create {
	c := &wire.Create{}
	c.Entry.Orig, c.Entry.Timeout, c.Entry.Present = flow(n), seconds, wire.HasTimeout
	return c
}

// filled is a kernel with n flows, and a client.
func filled(t *testing.T, n int) (*fake.Kernel, *conntrack.Client) {
	t.Helper()
	k := fake.New(fake.Options{})
	c := k.Client()
	t.Cleanup(func() { _ = c.Close() })
	for i := range n {
		if err := c.Do(t.Context(), create(i, 100)); err != nil {
			t.Fatal(err)
		}
	}
	return k, c
}

// dump counts how often each flow is seen.
func dump(ctx context.Context, c *conntrack.Client) (seen map[wire.Addr]int, res conntrack.DumpResult, err error) {
	seen = map[wire.Addr]int{}
	res, err = c.Dump(ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		var t wire.Tuple
		v.Tuple(wire.Original, &t)
		seen[t.Src]++
		return nil
	})
	return seen, res, err
}

func TestNoPrivilege(t *testing.T) {
	k, c := filled(t, 1)
	k.SetPrivileged(false)
	var denied *conntrack.PrivilegeError
	if err := c.Do(t.Context(), create(5, 10)); !errors.As(err, &denied) {
		t.Errorf("create: %v", err)
	}
	if _, _, err := dump(t.Context(), c); !errors.As(err, &denied) {
		t.Errorf("dump: %v", err)
	}
	if _, err := c.Listen(t.Context(), conntrack.EventOptions{}); !errors.As(err, &denied) {
		t.Errorf("listen: %v", err)
	}
	b, err := c.Batch(t.Context(), conntrack.BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_ = b.Add(create(6, 10))
	_ = b.Add(create(7, 10))
	if res, err := b.Close(); err == nil || res.Applied != 0 {
		t.Errorf("batch: %+v %v", res, err)
	}
	k.SetPrivileged(true)
	if err := c.Do(t.Context(), create(5, 10)); err != nil {
		t.Error(err)
	}
}

func TestMissingSubsystems(t *testing.T) {
	k := fake.New(fake.Options{WithoutConntrack: true, WithoutTimeouts: true})
	c := k.Client()
	defer c.Close()
	var missing *conntrack.NotSupportedError
	if _, err := c.Count(t.Context()); !errors.As(err, &missing) {
		t.Errorf("count: %v", err)
	}
	if _, err := c.Timeouts(t.Context()); !errors.As(err, &missing) {
		t.Errorf("timeouts: %v", err)
	}
}

func TestTableFull(t *testing.T) {
	k, c := filled(t, 3)
	k.Configure(func(s *fake.Sysctls) { s.Max = 3 })
	if err := c.Do(t.Context(), create(9, 10)); !errors.Is(err, syscall.ENOMEM) {
		t.Errorf("create: %v, want ENOMEM", err)
	}
	if k.Packet(fake.Packet{Tuple: flow(10), Bytes: 60}) {
		t.Error("a packet made a flow in a full table")
	}
	if !k.Packet(fake.Packet{Tuple: flow(1), Bytes: 60}) {
		t.Error("a packet of a flow was dropped")
	}
}

func TestLostDump(t *testing.T) {
	k, c := filled(t, 500)
	k.FailDump(1)
	seen, res, err := dump(t.Context(), c)
	if err != nil || len(seen) != 500 || !res.Retried {
		t.Errorf("first datagram lost: %d flows, %+v, %v; want a second try with 500", len(seen), res, err)
	}
	k.FailDump(3)
	seen, _, err = dump(t.Context(), c)
	var incomplete *conntrack.IncompleteError
	if !errors.As(err, &incomplete) || !errors.Is(err, syscall.ENOBUFS) || len(seen) == 0 || len(seen) == 500 {
		t.Errorf("third datagram lost: %d flows, %v; want an incomplete dump", len(seen), err)
	}
	if seen, _, err = dump(t.Context(), c); err != nil || len(seen) != 500 {
		t.Errorf("afterwards: %d flows, %v", len(seen), err)
	}
}

func TestCutDatagram(t *testing.T) {
	k, c := filled(t, 100)
	k.CutDatagrams(1)
	seen, res, err := dump(t.Context(), c)
	if err != nil || len(seen) != 100 || !res.Retried {
		t.Errorf("dump: %d flows, %+v, %v; want a second try", len(seen), res, err)
	}
	k.CutDatagrams(1)
	var e wire.Entry
	_, err = c.Get(t.Context(), wire.Get{Key: wire.Key{Tuple: flow(1)}}, &e)
	if !errors.Is(err, conntrack.ErrTruncated) {
		t.Errorf("get: %v, want ErrTruncated", err)
	}
	if ok, err := c.Get(t.Context(), wire.Get{Key: wire.Key{Tuple: flow(1)}}, &e); err != nil || !ok {
		t.Errorf("afterwards: %v %v", ok, err)
	}
}

func TestLateAnswer(t *testing.T) {
	k, c := filled(t, 2)
	k.DelayAnswers(1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var e wire.Entry
	if _, err := c.Get(ctx, wire.Get{Key: wire.Key{Tuple: flow(0)}}, &e); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("get: %v, want the deadline", err)
	}
	if ok, err := c.Get(t.Context(), wire.Get{Key: wire.Key{Tuple: flow(1)}}, &e); err != nil || !ok || e.Orig != flow(1) {
		t.Errorf("the next get: %v %v %s", ok, err, e.Orig)
	}
	// On one socket the late answer does come.
	s, err := k.Dial()
	if err != nil {
		t.Fatal(err)
	}
	k.DelayAnswers(1)
	b, _ := wire.Count{}.Append(nil, 7, wire.FlagAck)
	if err := s.Send(b); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	_ = s.SetDeadline(time.Now().Add(5 * time.Millisecond))
	if _, err := s.Receive(buf); err == nil {
		t.Fatal("an answer before the deadline")
	}
	_ = s.SetDeadline(time.Time{})
	n, err := s.Receive(buf)
	if err != nil {
		t.Fatal(err)
	}
	if h, _ := wire.ReadHeader(buf[:n]); h.Seq != 7 {
		t.Errorf("late answer to %d, want 7", h.Seq)
	}
}

func TestResizeDuringDump(t *testing.T) {
	k, c := filled(t, 1000)
	var incomplete *conntrack.IncompleteError
	k.DuringDump(3, func(s *fake.Sysctls) { s.Buckets = 100 })
	shrunk, _, err := dump(t.Context(), c)
	if !errors.As(err, &incomplete) {
		t.Errorf("the table shrank: %v, want an incomplete dump", err)
	}
	if len(shrunk) == 1000 {
		t.Error("a table that shrank under a dump was seen as a whole")
	}
	k.DuringDump(3, func(s *fake.Sysctls) { s.Buckets = 4096 })
	grown, _, err := dump(t.Context(), c)
	if !errors.As(err, &incomplete) {
		t.Errorf("the table grew: %v, want an incomplete dump", err)
	}
	twice := 0
	for _, n := range grown {
		if n > 1 {
			twice++
		}
	}
	if twice == 0 {
		t.Error("no flow was seen twice in a table that grew under a dump")
	}
	if seen, _, err := dump(t.Context(), c); err != nil || len(seen) != 1000 {
		t.Errorf("afterwards: %d flows, %v", len(seen), err)
	}
}

func TestClosedSockets(t *testing.T) {
	k, c := filled(t, 1)
	l, err := c.Listen(t.Context(), conntrack.EventOptions{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- l.Run(t.Context(), func(*conntrack.Event) error { return nil }) }()
	k.CloseSockets()
	if err := <-done; !errors.Is(err, conntrack.ErrClosed) {
		t.Errorf("listener: %v, want ErrClosed", err)
	}
	if err := c.Do(t.Context(), create(2, 10)); !errors.Is(err, conntrack.ErrClosed) {
		t.Errorf("create: %v, want ErrClosed", err)
	}
	if err := c.Do(t.Context(), create(2, 10)); err != nil {
		t.Errorf("on a new socket: %v", err)
	}
}

func TestLostEvents(t *testing.T) {
	k, c := filled(t, 0)
	l, err := c.Listen(t.Context(), conntrack.EventOptions{})
	if err != nil {
		t.Fatal(err)
	}
	do := func(n int) {
		t.Helper()
		if err := c.Do(t.Context(), create(n, 100)); err != nil {
			t.Fatal(err)
		}
	}
	// hear reads until n events are received or known to be lost.
	hear := func(n int) (heard int, lost uint64) {
		t.Helper()
		if err := l.Run(t.Context(), func(e *conntrack.Event) error {
			if e.Kind == conntrack.EventLoss {
				lost += e.Lost
			} else {
				heard++
			}
			if heard+int(lost) >= n {
				return conntrack.ErrStop
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return heard, lost
	}
	want := func(what string, heard int, lost uint64, wantHeard int, wantLost uint64) {
		t.Helper()
		if heard != wantHeard || lost != wantLost {
			t.Errorf("%s: heard %d, lost %d; want %d and %d", what, heard, lost, wantHeard, wantLost)
		}
	}
	do(1)
	k.LoseEvents(1)
	do(2) // lost
	do(3) // lost too: the queue is not empty yet
	heard, lost := hear(3)
	want("one lost", heard, lost, 1, 2)
	do(4)
	heard, lost = hear(1)
	want("afterwards", heard, lost, 1, 0)
	k.LoseEveryEvent(3)
	for n := 10; n < 13; n++ {
		do(n)
	}
	heard, lost = hear(3)
	want("every third", heard, lost, 2, 1)
	if s := l.Stats(); s.Overruns != 2 || s.Lost != 3 || s.Received != 4 {
		t.Errorf("%+v", s)
	}
}

func TestExpiryInOrder(t *testing.T) {
	k := fake.New(fake.Options{})
	k.Configure(func(s *fake.Sysctls) { s.Timestamp = true })
	c := k.Client()
	defer c.Close()
	l, err := c.Listen(t.Context(), conntrack.EventOptions{Kinds: []conntrack.EventKind{conntrack.EventDestroy}})
	if err != nil {
		t.Fatal(err)
	}
	start := k.Now()
	for i, seconds := range []uint32{30, 10, 20} {
		if err := c.Do(t.Context(), create(i, seconds)); err != nil {
			t.Fatal(err)
		}
	}
	k.Advance(time.Hour)
	var order []time.Duration
	if err := l.Run(t.Context(), func(e *conntrack.Event) error {
		_, stop, _ := e.View.Timestamp()
		at, _ := e.View.EventTime()
		if at != stop {
			t.Errorf("event at %d, end at %d", at, stop)
		}
		order = append(order, time.Unix(0, int64(stop)).Sub(start))
		if len(order) == 3 {
			return conntrack.ErrStop
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second}; !slices.Equal(order, want) {
		t.Errorf("ends %v, want %v", order, want)
	}
	if now := k.Now(); now != start.Add(time.Hour) {
		t.Errorf("the clock shows %s", now)
	}
	if n := len(k.Flows()); n != 0 {
		t.Errorf("%d flows are left", n)
	}
}

func TestExpectationMet(t *testing.T) {
	k := fake.New(fake.Options{})
	c := k.Client()
	defer c.Close()
	master := flow(1)
	master.Proto, master.DstPort = wire.ProtoTCP, 6667
	req := &wire.Create{}
	req.Entry.Orig, req.Entry.Timeout, req.Entry.Helper = master, 100, "irc"
	req.Entry.Present = wire.HasTimeout | wire.HasHelper
	if err := c.Do(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	back, _ := master.Invert()
	for port, flags := range map[uint16]wire.ExpectFlags{2000: 0, 2001: wire.ExpectPermanent, 2002: wire.ExpectInactive} {
		x := wire.Expect{Tuple: back, Mask: back, Master: master, Flags: flags}
		x.Tuple.SrcPort, x.Tuple.DstPort = 0, port
		x.Mask.SrcPort = 0
		for i := 12; i < 16; i++ {
			x.Mask.Src[i] = 0xff
		}
		if err := c.Do(t.Context(), &wire.ExpectCreate{Expect: x}); err != nil {
			t.Fatal(err)
		}
	}
	child := func(from, to uint16) wire.Status {
		t.Helper()
		tuple := back
		tuple.SrcPort, tuple.DstPort = from, to
		if !k.Packet(fake.Packet{Tuple: tuple, SYN: true, Bytes: 60}) {
			t.Fatal("not tracked")
		}
		var e wire.Entry
		if ok, err := c.Get(t.Context(), wire.Get{Key: wire.Key{Tuple: tuple}}, &e); err != nil || !ok {
			t.Fatal(ok, err)
		}
		if expected := e.Status&wire.StatusExpected != 0; expected != (e.Master == master) {
			t.Errorf("status %s, master %s", e.Status, e.Master)
		}
		return e.Status & wire.StatusExpected
	}
	for _, step := range []struct {
		from, to uint16
		want     wire.Status
	}{{1, 2000, wire.StatusExpected}, {2, 2000, 0}, {3, 2001, wire.StatusExpected}, {4, 2001, wire.StatusExpected}, {5, 2002, 0}} {
		if got := child(step.from, step.to); got != step.want {
			t.Errorf("from %d to %d: %s, want %s", step.from, step.to, got, step.want)
		}
	}
}

func TestFullErrors(t *testing.T) {
	k := fake.New(fake.Options{FullErrors: true})
	s, err := k.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b, err := wire.Get{Key: wire.Key{Tuple: flow(1)}}.Append(nil, 3, wire.FlagAck)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(b); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := s.Receive(buf)
	if err != nil {
		t.Fatal(err)
	}
	if errno, _ := wire.ReadVerdict(buf[:n]); errno != syscall.ENOENT {
		t.Errorf("verdict %v", errno)
	}
	if h, _ := wire.ReadHeader(buf[:n]); h.Flags&wire.FlagCapped != 0 || n != 20+len(b) {
		t.Errorf("flags %#x, %d bytes, want the request of %d whole", h.Flags, n, len(b))
	}
	if got := binary.NativeEndian.Uint32(buf[20:]); int(got) != len(b) {
		t.Errorf("echoed length %d, want %d", got, len(b))
	}
}

func TestManyClients(t *testing.T) {
	k := fake.New(fake.Options{})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			c := k.Client()
			defer c.Close()
			for i := range 200 {
				n := g*1000 + i
				if err := c.Do(t.Context(), create(n, 100)); err != nil {
					t.Error(err)
					return
				}
				if i%20 == 0 {
					if _, _, err := dump(t.Context(), c); err != nil {
						t.Error(err)
					}
				}
				if i%2 == 0 {
					d, err := wire.NewDelete(wire.Key{Tuple: flow(n)})
					if err != nil {
						t.Error(err)
					}
					if err := c.Do(t.Context(), d); err != nil {
						t.Error(err)
					}
				}
				k.Packet(fake.Packet{Tuple: flow(n), Bytes: 60})
			}
		})
	}
	wg.Wait()
	if n := len(k.Flows()); n != 800 {
		t.Errorf("%d flows, want 800", n)
	}
}

func ExampleNew() {
	k := fake.New(fake.Options{})
	c := k.Client()
	defer c.Close()
	if err := c.Do(context.Background(), create(1, 30)); err != nil {
		fmt.Println(err)
	}
	fmt.Println(len(k.Flows()), "flow")
	k.Advance(time.Minute)
	fmt.Println(len(k.Flows()), "flows")
	// Output:
	// 1 flow
	// 0 flows
}
