package restore

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// strict is a gateway that translates both ends and forwards nothing that it does
// not know: a flow that came back wrong is dead.
const strict = `table inet gateway {
	chain pre { type nat hook prerouting priority -100; ip daddr 10.9.1.1 tcp dport 8080 dnat ip to 10.9.2.2:7; ip daddr 10.9.1.1 udp dport 8080 dnat ip to 10.9.2.2:7; }
	chain post { type nat hook postrouting priority 100; ip daddr 10.9.2.2 masquerade; }
	chain forward { type filter hook forward priority 0; policy drop;
		ct state invalid drop
		ct state established,related accept
		tcp flags & (fin|syn|rst|ack) == syn accept
		meta l4proto udp accept
	}
}
`

// gateway is a client, a router with strict rules and a server that echoes.
func gateway(t *testing.T) (client *netns.NS, k conntrack.Kernel) {
	t.Helper()
	client, server := netnstest.New(t), netnstest.New(t)
	router, k := table(t, strict)
	netnstest.Veth(t, client, router, "10.9.1.2/24", "10.9.1.1/24")
	netnstest.Veth(t, server, router, "10.9.2.2/24", "10.9.2.1/24")
	netnstest.Run(t, router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	within(t, server, func() error {
		heard, err := net.Listen("tcp", "10.9.2.2:7")
		if err != nil {
			return err
		}
		packets, err := net.ListenPacket("udp", "10.9.2.2:7")
		if err != nil {
			return err
		}
		t.Cleanup(func() { _, _ = heard.Close(), packets.Close() })
		go echo(heard)
		go echoPackets(packets)
		return nil
	})
	return client, k
}

func within(t *testing.T, ns *netns.NS, fn func() error) {
	t.Helper()
	if err := ns.Do(fn); err != nil {
		t.Fatal(err)
	}
}

func echo(heard net.Listener) {
	for {
		c, err := heard.Accept()
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
	}
}

func echoPackets(packets net.PacketConn) {
	b := make([]byte, 2048)
	for {
		n, from, err := packets.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = packets.WriteTo(b[:n], from)
	}
}

// open connects from a namespace, for the length of the test.
func open(t *testing.T, ns *netns.NS, network, to string) net.Conn {
	t.Helper()
	var c net.Conn
	within(t, ns, func() (err error) { c, err = net.Dial(network, to); return err })
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	return c
}

// exchange sends n bytes and compares what comes back.
func exchange(t *testing.T, c net.Conn, r *rand.Rand, n int) {
	t.Helper()
	sent, got := make([]byte, n), make([]byte, n)
	for i := range sent {
		sent[i] = byte(r.Uint32())
	}
	wrote := make(chan error, 1)
	go func() { _, err := c.Write(sent); wrote <- err }()
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("%s: %v", c.LocalAddr(), err)
	}
	if err := <-wrote; err != nil || !bytes.Equal(sent, got) {
		t.Fatalf("%s: what came back is not what was sent (%v)", c.LocalAddr(), err)
	}
}

// flowOf is the flow of a connection that was opened from here.
func flowOf(t *testing.T, k conntrack.Kernel, proto uint8, c net.Conn) *wire.Entry {
	t.Helper()
	from, to := netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String())
	key := wire.Key{Tuple: restoretest.Tuple(proto, from.Addr().String(), to.Addr().String(), from.Port(), to.Port())}
	var e wire.Entry
	if found, err := k.Get(t.Context(), wire.Get{Key: key}, &e); err != nil || !found {
		t.Fatalf("%s is not there: %v", key.Tuple, err)
	}
	return &e
}

// swap deletes a flow and makes it again, as if so much time had passed. It
// returns the flow as it was.
func swap(t *testing.T, k conntrack.Kernel, e *wire.Entry, opt Options) *wire.Entry {
	t.Helper()
	d, err := wire.NewDelete(e.Key())
	if err != nil {
		t.Fatal(err)
	}
	req, err := Request(e, opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Do(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := k.Do(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestLiveStreams takes flows away from under streams through a gateway that
// forwards only what it knows, and makes them again: each stream goes on.
func TestLiveStreams(t *testing.T) {
	client, k := gateway(t)
	r := rand.New(rand.NewPCG(5, 1))
	stream, packets := open(t, client, "tcp", "10.9.1.1:8080"), open(t, client, "udp", "10.9.1.1:8080")
	exchange(t, stream, r, 1<<20)
	exchange(t, packets, r, 500)
	for round := range 20 {
		var opt Options
		if round%2 == 1 {
			opt.Age = 500 * time.Millisecond
		}
		for _, c := range []struct {
			proto uint8
			conn  net.Conn
			bytes int
		}{{wire.ProtoTCP, stream, 1 << 20}, {wire.ProtoUDP, packets, 500}} {
			was := swap(t, k, flowOf(t, k, c.proto, c.conn), opt)
			is := flowOf(t, k, c.proto, c.conn)
			if both := natBits | natDone | wire.StatusSeenReply; is.Status&both != both || is.ID == 0 {
				t.Fatalf("round %d: status %s of %s", round, is.Status, is.Orig)
			}
			if differs := Differs(was, is, opt); differs != nil {
				t.Errorf("round %d: %s differs in %q", round, was.Orig, differs)
			}
			exchange(t, c.conn, r, c.bytes)
		}
	}
	if n := len(restoretest.Read(t, k)); n != 2 {
		t.Errorf("%d flows, want two", n)
	}
}

// TestResetsAreValid closes restored connections with a reset each. A flow that
// was given back the flag MAXACK_SET calls about half of them invalid and stays.
func TestResetsAreValid(t *testing.T) {
	client, k := gateway(t)
	r := rand.New(rand.NewPCG(5, 2))
	closed, _ := wire.ParseState(wire.ProtoTCP, "CLOSE")
	for range 24 {
		c := open(t, client, "tcp", "10.9.1.1:8080")
		exchange(t, c, r, 100)
		was := flowOf(t, k, wire.ProtoTCP, c)
		if was.TCP().Flags[0]&wire.TCPMaxAck == 0 {
			t.Skip("this kernel does not tell MAXACK_SET")
		}
		swap(t, k, was, Options{})
		exchange(t, c, r, 100)
		is := flowOf(t, k, wire.ProtoTCP, c)
		if err := c.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		for deadline := time.Now().Add(20 * time.Second); is.State != closed; time.Sleep(time.Millisecond) {
			if is = flowOf(t, k, wire.ProtoTCP, c); time.Now().After(deadline) {
				t.Fatalf("after a reset the flow is still in state %d", is.State)
			}
		}
	}
}

// TestExpected restores a connection that an expectation of FTP brought, behind
// its master.
func TestExpected(t *testing.T) {
	// A late acknowledgement must not make a flow of its own while there is none.
	ns, k := table(t, `table inet filter { chain out { type filter hook output priority 0; tcp flags & (fin|syn|rst|ack) != syn ct state new drop; }; }`)
	master := restoretest.New(restoretest.Tuple(wire.ProtoTCP, "127.0.0.1", "127.0.0.2", 40000, 21))
	master.Entry.Helper, master.Entry.State = "ftp", 3
	master.Entry.Present |= wire.HasHelper | wire.HasState
	if err := k.Do(t.Context(), master); err != nil {
		t.Skipf("needs the ftp helper (module nf_conntrack_ftp): %v", err)
	}
	var heard net.Listener
	within(t, ns, func() (err error) { heard, err = net.Listen("tcp", "127.0.0.2:0"); return err })
	t.Cleanup(func() { _ = heard.Close() })
	go echo(heard)
	port := netip.MustParseAddrPort(heard.Addr().String()).Port()
	x := &wire.ExpectCreate{}
	x.Expect.Master = master.Entry.Orig
	x.Expect.Tuple = restoretest.Tuple(wire.ProtoTCP, "127.0.0.1", "127.0.0.2", 0, port)
	x.Expect.Mask = restoretest.Tuple(wire.ProtoTCP, "255.255.255.255", "255.255.255.255", 0, 0xffff)
	if err := k.Do(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 3))
	c := open(t, ns, "tcp", fmt.Sprintf("127.0.0.2:%d", port))
	exchange(t, c, r, 1000)
	read, was := time.Now(), restoretest.Read(t, k)
	child := flowOf(t, k, wire.ProtoTCP, c)
	if child.Status&wire.StatusExpected == 0 || child.Master != master.Entry.Orig {
		t.Fatalf("the connection has status %s and master %s", child.Status, child.Master)
	}
	for range 2 {
		restoretest.Empty(t, k)
		again(t, k, was, Options{}, read)
		same(t, was, restoretest.Read(t, k), Options{}, read)
	}
	exchange(t, c, r, 1000)
	if is := flowOf(t, k, wire.ProtoTCP, c); is.Master != master.Entry.Orig {
		t.Errorf("the connection has status %s and master %s", is.Status, is.Master)
	}
	// Without its master a child can come back alone.
	restoretest.Empty(t, k)
	req, err := Request(child, Options{NoMaster: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Do(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	exchange(t, c, r, 1000)
}
