package world

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// tracked gives a namespace that tracks, its kernel and its source.
func tracked(t *testing.T) (*netns.NS, conntrack.Kernel, *Source) {
	t.Helper()
	ns := netnstest.New(t)
	netnstest.Track(t, ns)
	k := conntrack.Open(ns)
	t.Cleanup(func() { _ = k.Close() })
	return ns, k, Of(ns, k, time.Now)
}

// pair opens a connection over the loopback of ns, whose server sends back
// what comes where echo is set and else only takes it.
func pair(t *testing.T, ns *netns.NS, network string, echo bool) net.Conn {
	t.Helper()
	var client net.Conn
	err := ns.Do(func() error {
		if network == "udp" {
			server, err := net.ListenPacket(network, "127.0.0.1:0")
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = server.Close() })
			go func() {
				b := make([]byte, 64)
				for {
					n, from, err := server.ReadFrom(b)
					if err != nil {
						return
					}
					_, _ = server.WriteTo(b[:n], from)
				}
			}()
			client, err = net.Dial(network, server.LocalAddr().String())
			return err
		}
		server, err := net.Listen(network, "127.0.0.1:0")
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = server.Close() })
		go func() {
			c, err := server.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			if echo {
				_, _ = io.Copy(c, c)
			} else {
				_, _ = io.Copy(io.Discard, c)
			}
		}()
		client, err = net.Dial(network, server.Addr().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// say sends a line and waits for its echo.
func say(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	b := make([]byte, 6)
	if _, err := c.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
}

// look reads the flow of a connection in the world of this moment.
func look(t *testing.T, k conntrack.Kernel, s *Source, c net.Conn) *field.Row {
	t.Helper()
	from, to := netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String())
	proto := uint8(wire.ProtoTCP)
	if c.LocalAddr().Network() == "udp" {
		proto = wire.ProtoUDP
	}
	key := wire.Key{Tuple: wire.Tuple{Src: wire.AddrFrom(from.Addr()), Dst: wire.AddrFrom(to.Addr()), SrcPort: from.Port(), DstPort: to.Port(),
		Family: wire.FamilyIPv4, Proto: proto}}
	var e wire.Entry
	found, err := k.Get(t.Context(), wire.Get{Key: key}, &e)
	if err != nil || !found {
		t.Fatalf("%s: found %v, %v", key.Tuple, found, err)
	}
	r := &field.Row{}
	r.In(s.Look())
	r.ResetEntry(&e)
	return r
}

func value(t *testing.T, r *field.Row, name string) (field.Value, bool) {
	t.Helper()
	f, ok := field.Flow.Lookup(name)
	if !ok {
		t.Fatalf("no field %s", name)
	}
	return f.Of(r)
}

func idle(t *testing.T, r *field.Row) float64 {
	t.Helper()
	v, ok := value(t, r, "idle")
	if !ok {
		e := r.Need(field.PartAll)
		t.Fatalf("idle is unknown: %s, state %d, flags %v, %d s left", e.Status, e.State, e.TCP().Flags, e.Timeout)
	}
	return v.Num
}

// A flow of this moment is idle for no whole second.
const fresh = 0

func TestIdleOfPackets(t *testing.T) {
	ns, k, s := tracked(t)
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			c := pair(t, ns, network, true)
			for range 2 {
				say(t, c)
				if got := idle(t, look(t, k, s, c)); got > fresh {
					t.Errorf("after a packet: idle %v s", got)
				}
				time.Sleep(1300 * time.Millisecond)
				if got := idle(t, look(t, k, s, c)); got < 1 || got > 20 {
					t.Errorf("after 1.3 s without one: idle %v s", got)
				}
			}
			// More than two seconds after its birth UDP is a stream.
			say(t, c)
			r := look(t, k, s, c)
			if got := idle(t, r); got > fresh || r.Need(field.PartStatus).Status&wire.StatusAssured == 0 {
				t.Errorf("after a late packet: idle %v s, %s", got, r.Need(field.PartStatus).Status)
			}
			if s.Err() != nil {
				t.Error(s.Err())
			}
		})
	}
}

func TestFieldsOfLoopback(t *testing.T) {
	ns, k, s := tracked(t)
	c := pair(t, ns, "tcp", true)
	say(t, c)
	r := look(t, k, s, c)
	if v, ok := value(t, r, "dir"); v.Str != "loopback" || !ok {
		t.Errorf("dir %q %v", v.Str, ok)
	}
	if v, ok := value(t, r, "local_end"); !v.On || !ok {
		t.Errorf("local_end %v %v", v.On, ok)
	}
	if v, ok := value(t, r, "netns"); v.Str != ns.String() || !ok {
		t.Errorf("netns %q %v, want %q", v.Str, ok, ns.String())
	}
}

// A connection that the kernel meets in the middle: its first reply sets
// SEEN_REPLY, and the timeout is still the short one.
func TestIdleOfAPickedUpConnection(t *testing.T) {
	ns := netnstest.New(t)
	c := pair(t, ns, "tcp", false)
	netnstest.Track(t, ns)
	k := conntrack.Open(ns)
	t.Cleanup(func() { _ = k.Close() })
	s := Of(ns, k, time.Now)
	if _, err := c.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	var r *field.Row
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r = look(t, k, s, c)
		if r.Need(field.PartStatus).Status&wire.StatusSeenReply != 0 || time.Now().After(deadline) {
			break
		}
	}
	e := r.Need(field.PartAll)
	if e.Status&assured != replied || e.State != tcpEstablished || e.Timeout > 300 {
		t.Fatalf("no connection after its first reply: %s, state %d, %d s left", e.Status, e.State, e.Timeout)
	}
	if got := idle(t, r); got > fresh {
		t.Errorf("idle %v s", got)
	}
	if _, err := c.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	r = look(t, k, s, c)
	if e = r.Need(field.PartAll); e.Status&assured != assured {
		t.Fatalf("the next packet leaves %s", e.Status)
	}
	if got := idle(t, r); got > fresh {
		t.Errorf("later: idle %v s with %d s left", got, e.Timeout)
	}
}

func TestUnknownInTheKernel(t *testing.T) {
	ns, k, s := tracked(t)
	udp, tcp := pair(t, ns, "udp", true), pair(t, ns, "tcp", true)
	say(t, udp)
	say(t, tcp)
	add := &wire.TimeoutAdd{Timeout: wire.Timeout{Name: "slow", Family: wire.FamilyIPv4, Proto: wire.ProtoTCP}}
	if err := add.Timeout.Set("established", 500); err != nil {
		t.Fatal(err)
	}
	if err := k.Do(t.Context(), add); err != nil {
		t.Skipf("needs timeout policies: %v", err)
	}
	if v, ok := value(t, look(t, k, s, tcp), "idle"); ok {
		t.Errorf("TCP with a policy: idle %v", v.Num)
	}
	if got := idle(t, look(t, k, s, udp)); got > fresh {
		t.Errorf("UDP with a policy of TCP: idle %v", got)
	}
	if err := k.Do(t.Context(), wire.TimeoutDelete{Name: "slow"}); err != nil {
		t.Fatal(err)
	}
	if got := idle(t, look(t, k, s, tcp)); got > fresh {
		t.Errorf("TCP without the policy: idle %v", got)
	}

	r := look(t, k, s, udp)
	e := r.Need(field.PartAll)
	fix := &wire.Update{Key: e.Key(), Status: e.Status | wire.StatusFixedTimeout}
	if err := k.Do(t.Context(), fix); err != nil {
		t.Fatal(err)
	}
	if v, ok := value(t, look(t, k, s, udp), "idle"); ok {
		t.Errorf("a fixed timeout: idle %v", v.Num)
	}
}

// A rule gives new flows of UDP a timeout by an object of nftables, and no list
// of policies tells of it.
func TestObjectInTheKernel(t *testing.T) {
	ns, k, s := tracked(t)
	tcp := pair(t, ns, "tcp", true)
	say(t, tcp)
	netnstest.Feed(t, ns, `table inet slow {
	ct timeout slow {
		protocol udp
		l3proto ip6
		policy = { unreplied : 777, replied : 888 }
	}
	chain out {
		type filter hook output priority 0
		ct timeout set "slow"
	}
}
`, "nft", "-f", "-")
	udp := pair(t, ns, "udp", true)
	say(t, udp)
	r := look(t, k, s, udp)
	// The object is for IPv6 in name only.
	if left := r.Need(field.PartTimeout).Timeout; left < 700 {
		t.Fatalf("the object is not attached: %d s left", left)
	}
	if v, ok := value(t, r, "idle"); ok {
		t.Errorf("UDP with an object: idle %v", v.Num)
	}
	if got := idle(t, look(t, k, s, tcp)); got > fresh {
		t.Errorf("TCP with an object for UDP: idle %v", got)
	}
	netnstest.Run(t, ns, "nft", "delete", "table", "inet", "slow")
	udp = pair(t, ns, "udp", true)
	say(t, udp)
	if got := idle(t, look(t, k, s, udp)); got > fresh {
		t.Errorf("UDP without the object: idle %v", got)
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}
