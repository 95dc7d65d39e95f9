package gateway_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/gateway"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// stream starts a stream that must work.
func stream(t *testing.T, g *gateway.Gateway, talk gateway.Talk) *gateway.Stream {
	t.Helper()
	s, err := g.Stream(t.Context(), talk)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Await(10) {
		t.Fatalf("%s: %s", g.Place, s.Stats())
	}
	return s
}

// entry reads the flow of a stream.
func entry(t *testing.T, g *gateway.Gateway, s *gateway.Stream) *wire.Entry {
	t.Helper()
	var e wire.Entry
	found, err := g.Kernel().Get(t.Context(), wire.Get{Key: wire.Key{Tuple: s.Tuple()}}, &e)
	if err != nil || !found {
		t.Fatalf("%s has no flow %s: %v", g.Place, s.Tuple(), err)
	}
	return &e
}

// remove deletes the flow of a stream, and only that one.
func remove(t *testing.T, g *gateway.Gateway, s *gateway.Stream) *wire.Entry {
	t.Helper()
	e := entry(t, g, s)
	d, err := wire.NewDelete(e.Key())
	if err != nil {
		t.Fatal(err)
	}
	b, err := g.Kernel().Batch(t.Context(), conntrack.BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Add(d); err != nil {
		t.Fatal(err)
	}
	if res, err := b.Close(); err != nil || res.Applied != 1 {
		t.Fatalf("delete %s: %+v %v", s.Tuple(), res, err)
	}
	return e
}

// What becomes of a silent connection whose flow is deleted depends on the
// place and on who speaks next.
func TestDeleteInEveryPlace(t *testing.T) {
	cases := []struct {
		place gateway.Place
		next  [2]gateway.End // by who speaks next
	}{
		{gateway.HostPermissive, [2]gateway.End{gateway.Alive, gateway.Alive}},
		{gateway.HostStrict, [2]gateway.End{gateway.Timeout, gateway.Alive}},
		{gateway.HostNoLoose, [2]gateway.End{gateway.Timeout, gateway.Timeout}},
		{gateway.Masquerade, [2]gateway.End{gateway.Alive, gateway.Reset}},
		{gateway.FullyRandom, [2]gateway.End{gateway.Reset, gateway.Reset}},
		{gateway.ForwardDrop, [2]gateway.End{gateway.Alive, gateway.Reset}},
		{gateway.Strict, [2]gateway.End{gateway.Timeout, gateway.Timeout}},
	}
	if len(cases) != len(gateway.Places()) {
		t.Errorf("%d places of %d are tried", len(cases), len(gateway.Places()))
	}
	for _, c := range cases {
		t.Run(c.place.String(), func(t *testing.T) {
			t.Parallel()
			g := gateway.New(t, c.place)
			type trial struct {
				ipv6 bool
				next gateway.Side
				s    *gateway.Stream
			}
			var trials []trial
			for _, ipv6 := range []bool{false, true} {
				for _, next := range []gateway.Side{gateway.Client, gateway.Server} {
					s := stream(t, g, gateway.Talk{Rate: 100, IPv6: ipv6})
					if !s.Pause() {
						t.Fatal(s.Stats())
					}
					remove(t, g, s)
					s.Speak(next)
					trials = append(trials, trial{ipv6, next, s})
				}
			}
			for _, x := range trials {
				x.s.Await(5)
				st, want := x.s.Close(), c.next[x.next]
				t.Logf("IPv6 %v, %s speaks next: %s", x.ipv6, x.next, st)
				if st.End != want || want == gateway.Alive && st.Blocks < 15 {
					t.Errorf("IPv6 %v, %s speaks next: %s, want %s", x.ipv6, x.next, st, want)
				}
			}
		})
	}
}

// What is invalid is dropped as well where nothing but a SYN may begin. Without
// loose pickup no packet of an open connection is new.
func TestInvalidIsDropped(t *testing.T) {
	for _, place := range []gateway.Place{gateway.HostStrict, gateway.Strict} {
		t.Run(place.String(), func(t *testing.T) {
			t.Parallel()
			g := gateway.New(t, place)
			if _, err := sysctl.Open(g.Tracked()).SetInt("tcp_loose", 0); err != nil {
				t.Fatal(err)
			}
			s := stream(t, g, gateway.Talk{Rate: 100})
			if !s.Pause() {
				t.Fatal(s.Stats())
			}
			remove(t, g, s)
			s.Speak(gateway.Client)
			s.Await(5)
			if st := s.Close(); st.End != gateway.Timeout {
				t.Error(st)
			}
		})
	}
}

// The client can be reached from the server through a router without a
// firewall, and not through one that forwards what is established.
func TestForwardDropKeepsOut(t *testing.T) {
	for place, open := range map[gateway.Place]bool{gateway.Open: true, gateway.ForwardDrop: false} {
		g := gateway.New(t, place)
		patience := 300 * time.Millisecond
		if open {
			patience = 30 * time.Second
		}
		var ln net.Listener
		err := g.Client.Do(func() (err error) {
			ln, err = net.Listen("tcp", netip.AddrPortFrom(gateway.ClientAddr(false), 0).String())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		err = g.Server.Do(func() error {
			c, err := net.DialTimeout("tcp", ln.Addr().String(), patience)
			if err == nil {
				err = c.Close()
			}
			return err
		})
		if (err == nil) != open {
			t.Errorf("%s: %v", place, err)
		}
		_ = ln.Close()
	}
}
