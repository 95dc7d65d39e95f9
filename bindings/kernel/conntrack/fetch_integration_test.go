package conntrack

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// narrow is a transport whose request sockets have a small receive buffer,
// whatever is asked for.
type narrow struct {
	Transport
	size  int         // bytes, which the kernel doubles
	sends chan []byte // what was sent, after it was; nil for nobody
}

func (n narrow) Dial() (Socket, error) {
	s, err := n.Transport.Dial()
	if err != nil {
		return nil, err
	}
	return &narrowSocket{s, n}, s.SetReadBuffer(n.size)
}

type narrowSocket struct {
	Socket
	narrow narrow
}

func (*narrowSocket) SetReadBuffer(int) error { return nil }

func (s *narrowSocket) Send(b []byte) error {
	sent := slices.Clone(b) // the answer may be read into where b is
	err := s.Socket.Send(b)
	if s.narrow.sends != nil {
		s.narrow.sends <- sent
	}
	return err
}

// filled is a namespace with n UDP flows that have the event extension.
func filled(t testing.TB, n int) *Client {
	t.Helper()
	ns := netnstest.New(t)
	netnstest.Run(t, ns, "sysctl", "-qw", "net.netfilter.nf_conntrack_events=1")
	k := Open(ns)
	t.Cleanup(func() { _ = k.Close() })
	b, err := k.Batch(context.Background(), BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := b.Add(udp(i)); err != nil {
			t.Fatal(err)
		}
	}
	if res, err := b.Close(); err != nil || res.Applied != n {
		t.Fatalf("%+v %v", res, err)
	}
	return k
}

// keys names the first n flows.
func keys(n int) []wire.Key {
	list := make([]wire.Key, n)
	for i := range list {
		list[i].Tuple = tuple(wire.ProtoUDP, i)
	}
	return list
}

// count fetches n flows that are there and returns how many came in order.
func count(k Kernel, n int, zero bool) (came int, err error) {
	err = k.Fetch(context.Background(), keys(n), zero, func(i int, v *wire.View) error {
		var t wire.Tuple
		if i != came || v == nil || !v.Tuple(wire.Original, &t) || t != tuple(wire.ProtoUDP, i) {
			return errors.New("not the next flow")
		}
		came++
		return nil
	})
	return came, err
}

func TestFetchInNarrowBuffers(t *testing.T) {
	k := filled(t, 500)
	for _, c := range []struct {
		size, want int
		zero       bool
	}{
		{size: 50 << 10, want: 500}, // 128 answers do not fit, 64 do
		{size: 10 << 10},            // neither do 64
		{size: 50 << 10, zero: true},
	} {
		n := NewClient(narrow{Transport: k.transport, size: c.size})
		came, err := count(n, 500, c.zero)
		var incomplete *IncompleteError
		switch {
		case c.want > 0:
			if err != nil || came != c.want {
				t.Errorf("%+v: %d flows, %v", c, came, err)
			}
		case !errors.As(err, &incomplete) || !errors.Is(err, syscall.ENOBUFS) || incomplete.Flows != came:
			t.Errorf("%+v: %d flows, %v; want an incomplete fetch", c, came, err)
		case c.zero && (came == 0 || came >= fetchBatch):
			t.Errorf("%+v: %d flows, want those that were queued", c, came)
		}
		_ = n.Close()
	}
}

func TestFetchReadOnly(t *testing.T) {
	k := ReadOnly(filled(t, 3))
	if _, err := count(k, 3, true); !errors.Is(err, ErrReadOnly) {
		t.Errorf("zero: %v, want ErrReadOnly", err)
	}
	if came, err := count(k, 3, false); err != nil || came != 3 {
		t.Errorf("%d flows, %v", came, err)
	}
	if _, err := k.FlushEcho(context.Background(), &wire.Flush{All: true}, nil); !errors.Is(err, ErrReadOnly) {
		t.Errorf("flush: %v, want ErrReadOnly", err)
	}
}

func TestFlushEchoOverrun(t *testing.T) {
	k := filled(t, 1000)
	sends := make(chan []byte, 8)
	n := NewClient(narrow{k.transport, 8 << 10, sends})
	defer n.Close()
	told := 0
	res, err := n.FlushEcho(context.Background(), &wire.Flush{All: true}, func(*wire.View) error {
		// Nothing more is read before the kernel has done everything.
		for told == 0 {
			if h, _ := wire.ReadHeader(<-sends); h.Msg() == wire.MsgDelete {
				break
			}
		}
		told++
		return nil
	})
	var incomplete *IncompleteError
	if !errors.As(err, &incomplete) || !errors.Is(err, syscall.ENOBUFS) {
		t.Errorf("%v, want an incomplete answer", err)
	}
	if told == 0 || told == 1000 || res != (FlushResult{Told: told, Before: 1000}) {
		t.Errorf("%+v, told %d; want some told and nothing left", res, told)
	}
}

func TestFlushEchoManyFlows(t *testing.T) {
	const n = 20_000
	k := filled(t, n)
	seen := map[wire.Addr]bool{}
	res, err := k.FlushEcho(context.Background(), &wire.Flush{Filter: wire.Filter{Family: wire.FamilyIPv4}}, func(v *wire.View) error {
		a, ok := v.PeekAddr(wire.Original, false)
		if !ok {
			return errors.New("no address")
		}
		seen[a.Addr()] = true
		return nil
	})
	if err != nil || res != (FlushResult{Told: n, Before: n}) || len(seen) != n {
		t.Errorf("%+v %v, %d flows", res, err, len(seen))
	}
}
