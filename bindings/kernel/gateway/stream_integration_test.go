package gateway_test

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/gateway"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// Many streams at once keep apart, and leave nothing behind.
func TestManyStreams(t *testing.T) {
	goroutines, descriptors := runtime.NumGoroutine(), open(t)
	n, blocks := 40, 50
	if reliability.Full() {
		n, blocks = 400, 200
	}
	var streams []*gateway.Stream
	t.Run("streams", func(t *testing.T) {
		g := gateway.New(t, gateway.Strict)
		for i := range n {
			talk := gateway.Talk{IPv6: i%2 == 1, Rate: 8000 / n, Size: 1 + i*37}
			switch i % 4 {
			case 2:
				talk.Proto, talk.Patience = wire.ProtoUDP, time.Minute
			case 3:
				talk.First = gateway.Server
			}
			s, err := g.Stream(context.Background(), talk)
			if err != nil {
				t.Fatal(err)
			}
			streams = append(streams, s)
		}
		for _, s := range streams {
			if !s.Await(blocks - s.Stats().Blocks) {
				t.Errorf("%s: %s", s.Tuple(), s.Stats())
			}
		}
		flows := 0
		if _, err := g.Kernel().Dump(t.Context(), &wire.Dump{}, conntrack.DumpOptions{}, func(*wire.View) error { flows++; return nil }); err != nil {
			t.Fatal(err)
		}
		if flows < n {
			t.Errorf("%d flows of %d streams", flows, n)
		}
		for _, s := range streams[:n/2] { // the test's end closes the others
			if st := s.Close(); st.End != gateway.Alive || st.Bytes[gateway.Client] == 0 || st.Bytes[gateway.Server] == 0 {
				t.Errorf("%s: %s, %v bytes", s.Tuple(), st, st.Bytes)
			}
		}
	})
	for _, s := range streams {
		select {
		case <-s.Done():
		default:
			t.Fatalf("%s outlives its test", s.Tuple())
		}
	}
	for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > goroutines || open(t) > descriptors; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before; %d descriptors, %d before", runtime.NumGoroutine(), goroutines, open(t), descriptors)
		}
	}
}

// open counts descriptors.
func open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// A fast stream has more under way than a window without scaling holds, and
// the entry shows what the ends agreed on.
func TestFastStream(t *testing.T) {
	g := gateway.New(t, gateway.Strict)
	s := stream(t, g, gateway.Talk{Size: 64 << 10, Port: 7007})
	if s.Tuple().DstPort != 7007 {
		t.Errorf("%s, want port 7007", s.Tuple())
	}
	if !s.Await(200) {
		t.Fatal(s.Stats())
	}
	e := entry(t, g, s)
	info := e.TCP()
	for dir, flags := range info.Flags {
		if want := wire.TCPWindowScale | wire.TCPSACKPerm; flags&want != want || info.WScale[dir] == 0 {
			t.Errorf("direction %d: flags %#x, window scale %d", dir, flags, info.WScale[dir])
		}
	}
	if want := wire.StatusSrcNAT | wire.StatusAssured; e.Status&want != want {
		t.Errorf("status %s", e.Status)
	}
	if !e.Has(wire.HasStart|wire.HasCounters) || e.Counter[0].Bytes < 200*64<<10 {
		t.Errorf("counters %+v, start %d", e.Counter, e.Start)
	}
	if !s.Pause() {
		t.Fatal(s.Stats())
	}
	st := s.Close()
	if st.Blocks != st.Sent || st.Heard != st.Sent || st.Bytes[0] != st.Bytes[1] || st.Bytes[0] < int64(st.Blocks)*64<<10 {
		t.Errorf("%s, %d sent, %d heard, %v bytes", st, st.Sent, st.Heard, st.Bytes)
	}
}

// A rule that drops what the client sends ends every stream; what came before
// it is all that ever came.
func TestDropped(t *testing.T) {
	for _, place := range []gateway.Place{gateway.HostPermissive, gateway.Open} {
		t.Run(place.String(), func(t *testing.T) {
			t.Parallel()
			g := gateway.New(t, place)
			streams := map[string]*gateway.Stream{}
			for name, talk := range map[string]gateway.Talk{
				"tcp":                        {Rate: 100, Patience: time.Second},
				"tcp, the server speaks":     {Rate: 100, Patience: time.Second, First: gateway.Server},
				"udp":                        {Rate: 100, Patience: time.Second, Proto: wire.ProtoUDP},
				"udp by IPv6":                {Rate: 100, Patience: time.Second, Proto: wire.ProtoUDP, IPv6: true},
				"udp, the server speaks now": {Rate: 100, Patience: time.Second, Proto: wire.ProtoUDP},
			} {
				s := stream(t, g, talk)
				if !s.Pause() {
					t.Fatalf("%s: %s", name, s.Stats())
				}
				streams[name] = s
			}
			netnstest.Feed(t, g.Tracked(), `table inet ban {
	chain pre {
		type filter hook prerouting priority -300;
		ip saddr `+gateway.ClientAddr(false).String()+` drop
		ip6 saddr `+gateway.ClientAddr(true).String()+` drop
	}
}`, "nft", "-f", "-")
			before := map[string]gateway.Stats{}
			for name, s := range streams {
				before[name] = s.Stats()
				side := gateway.Client
				if name == "tcp, the server speaks" || name == "udp, the server speaks now" {
					side = gateway.Server
				}
				s.Speak(side)
			}
			for name, s := range streams {
				<-s.Done()
				st, was := s.Close(), before[name]
				if st.End != gateway.Timeout || st.Blocks != was.Blocks || st.Bytes[gateway.Server] != was.Bytes[gateway.Server] {
					t.Errorf("%s: %s and %d bytes at the server, before %s and %d", name, st, st.Bytes[gateway.Server], was, was.Bytes[gateway.Server])
				}
				// The other way is open: the rule drops the client's answers only.
				heard := name == "tcp, the server speaks" || name == "udp, the server speaks now"
				if came := st.Bytes[gateway.Client] > was.Bytes[gateway.Client]; came != heard {
					t.Errorf("%s: %d bytes at the client, before %d", name, st.Bytes[gateway.Client], was.Bytes[gateway.Client])
				}
			}
			if _, err := g.Stream(t.Context(), gateway.Talk{Patience: 500 * time.Millisecond}); err == nil {
				t.Error("a new connection passes")
			}
		})
	}
}

// A datagram that a rule of the sender drops is lost, as any other: the kernel
// says EPERM for it (linux ip_send_skb, nf_hook_slow).
func TestDroppedOnTheWayOut(t *testing.T) {
	g := gateway.New(t, gateway.HostPermissive)
	s := stream(t, g, gateway.Talk{Rate: 100, Patience: time.Second, Proto: wire.ProtoUDP})
	netnstest.Feed(t, g.Server, `table inet ban {
	chain out { type filter hook output priority 0; ip daddr `+gateway.ClientAddr(false).String()+` drop; }
}`, "nft", "-f", "-")
	<-s.Done()
	if st := s.Close(); st.End != gateway.Timeout || st.Heard <= st.Blocks {
		t.Errorf("%s, %d heard", st, st.Heard)
	}
}
