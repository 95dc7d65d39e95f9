package conntrack

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// within runs fn in ns and fails the test on its error.
func within(t testing.TB, ns *netns.NS, fn func() error) {
	t.Helper()
	if err := ns.Do(fn); err != nil {
		t.Fatal(err)
	}
}

// echoTCP serves one address in ns with an echo until the test ends.
func echoTCP(t testing.TB, ns *netns.NS, at string) {
	t.Helper()
	var ln net.Listener
	within(t, ns, func() (err error) { ln, err = net.Listen("tcp", at); return err })
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
}

func echoUDP(t testing.TB, ns *netns.NS, at string) {
	t.Helper()
	var pc net.PacketConn
	within(t, ns, func() (err error) { pc, err = net.ListenPacket("udp", at); return err })
	t.Cleanup(func() { _ = pc.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo(b[:n], from)
		}
	}()
}

// talk opens a connection in ns and sends a line there and back. It returns
// the local port.
func talk(t testing.TB, ns *netns.NS, network, to string) (net.Conn, uint16) {
	t.Helper()
	var c net.Conn
	within(t, ns, func() (err error) { c, err = net.Dial(network, to); return err })
	t.Cleanup(func() { _ = c.Close() })
	say(t, c)
	ap := netip.MustParseAddrPort(c.LocalAddr().String())
	return c, ap.Port()
}

func say(t testing.TB, c net.Conn) {
	t.Helper()
	const line = "hello, table\n"
	if _, err := io.WriteString(c, line); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(line))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != line {
		t.Fatalf("echo: %q %v", b, err)
	}
}

// ping sends an ICMP echo request with this identifier and waits for the
// answer.
func ping(t testing.TB, ns *netns.NS, to string, id uint16) {
	t.Helper()
	within(t, ns, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		msg := []byte{8, 0, 0, 0, 0, 0, 0, 1}
		binary.BigEndian.PutUint16(msg[4:], id)
		sum := 0x0800 + uint32(id) + 1
		binary.BigEndian.PutUint16(msg[2:], ^uint16(sum+sum>>16))
		addr := netip.MustParseAddr(to).As4()
		if err := unix.Sendto(fd, msg, 0, &unix.SockaddrInet4{Addr: addr}); err != nil {
			return err
		}
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20}); err != nil {
			return err
		}
		b := make([]byte, 256)
		for {
			n, _, err := unix.Recvfrom(fd, b, 0)
			if err != nil {
				return err
			}
			if n >= 28 && b[20] == 0 && binary.BigEndian.Uint16(b[24:]) == id {
				return nil
			}
		}
	})
}

func tcpState(name string) uint8 { s, _ := wire.ParseState(wire.ProtoTCP, name); return s }

// kill deletes a flow and returns its destroy event.
func kill(t testing.TB, k *Client, e *ear, f *wire.Flow) seen {
	t.Helper()
	d, err := wire.NewDelete(f.Key())
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Do(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	return e.next("destroy of "+f.Orig.String(), func(s *seen) bool {
		return s.Kind == EventDestroy && s.Entry.Orig == f.Orig
	})
}

func TestPacketEvents(t *testing.T) {
	client := netnstest.New(t)
	server, k := tracked(t)
	netnstest.Veth(t, client, server, "10.9.0.1/24", "10.9.0.2/24")
	echoTCP(t, server, "10.9.0.2:7")
	echoUDP(t, server, "10.9.0.2:7")
	e := hear(t, k, EventOptions{})

	flow := func(proto uint8, sport, dport uint16) wire.Tuple {
		return wire.Tuple{Src: addr("10.9.0.1"), Dst: addr("10.9.0.2"), SrcPort: sport, DstPort: dport,
			Family: wire.FamilyIPv4, Proto: proto}
	}
	// whole checks what every event of a flow that packets made has.
	whole := func(t *testing.T, s seen, kind EventKind, orig wire.Tuple) {
		t.Helper()
		reply, _ := orig.Invert()
		f := &s.Entry
		if s.Kind != kind || f.Orig != orig || f.Reply != reply {
			t.Errorf("%s of %v, reply %v; want %s of %v, reply %v", s.Kind, f.Orig, f.Reply, kind, orig, reply)
		}
		if !f.Has(wire.HasID|wire.HasStatus|wire.HasEventTime) || f.ID == 0 || f.EventAt == 0 {
			t.Errorf("%s lacks id, status or time: %+v", s.Kind, f.Flow)
		}
		if s.PortID != 0 && kind != EventDestroy || s.NSID != -1 {
			t.Errorf("%s has port id %d, namespace %d", s.Kind, s.PortID, s.NSID)
		}
	}

	t.Run("tcp", func(t *testing.T) {
		c, port := talk(t, client, "tcp", "10.9.0.2:7")
		orig := flow(wire.ProtoTCP, port, 7)
		at := func(kind EventKind, state string) seen {
			t.Helper()
			s := e.next(kind.String()+" "+state, func(s *seen) bool {
				return s.Kind == kind && s.Entry.Orig == orig && s.Entry.State == tcpState(state)
			})
			whole(t, s, kind, orig)
			return s
		}
		born := at(EventNew, "SYN_SENT")
		if born.Entry.Status&(wire.StatusConfirmed|wire.StatusSeenReply) != wire.StatusConfirmed || born.Entry.Has(wire.HasCounters) {
			t.Errorf("new: %s, counters %v", born.Entry.Status, born.Entry.Has(wire.HasCounters))
		}
		if r := at(EventUpdate, "SYN_RECV"); r.Entry.Status&wire.StatusSeenReply == 0 || r.Entry.ID != born.Entry.ID {
			t.Errorf("update: %s, id %d of %d", r.Entry.Status, r.Entry.ID, born.Entry.ID)
		}
		if r := at(EventUpdate, "ESTABLISHED"); r.Entry.Status&wire.StatusAssured == 0 || r.Entry.Timeout == 0 {
			t.Errorf("update: %s, timeout %d", r.Entry.Status, r.Entry.Timeout)
		}
		_ = c.Close()
		at(EventUpdate, "FIN_WAIT")
		last := at(EventUpdate, "TIME_WAIT")
		dead := kill(t, k, e, &last.Entry.Flow)
		whole(t, dead, EventDestroy, orig)
		f := &dead.Entry
		if f.Counter[0].Packets < 4 || f.Counter[1].Bytes < 200 || !f.Has(wire.HasStart|wire.HasStop) || f.Stop <= f.Start {
			t.Errorf("destroy: counters %+v, start %d, stop %d", f.Counter, f.Start, f.Stop)
		}
		if dead.PortID == 0 {
			t.Error("destroy does not name the socket that asked for it")
		}
	})
	t.Run("udp", func(t *testing.T) {
		_, port := talk(t, client, "udp", "10.9.0.2:7")
		orig := flow(wire.ProtoUDP, port, 7)
		born := e.next("new", func(s *seen) bool { return s.Kind == EventNew && s.Entry.Orig == orig })
		whole(t, born, EventNew, orig)
		reply := e.next("update", func(s *seen) bool { return s.Kind == EventUpdate && s.Entry.Orig == orig })
		whole(t, reply, EventUpdate, orig)
		if reply.Entry.Status&wire.StatusSeenReply == 0 {
			t.Errorf("update: %s", reply.Entry.Status)
		}
		dead := kill(t, k, e, &reply.Entry.Flow)
		whole(t, dead, EventDestroy, orig)
		if c := dead.Entry.Counter; c[0].Packets != 1 || c[1].Packets != 1 || c[0].Bytes != 20+8+13 {
			t.Errorf("counters %+v", c)
		}
	})
	t.Run("icmp", func(t *testing.T) {
		ping(t, client, "10.9.0.2", 4711)
		orig := flow(wire.ProtoICMP, 0, 0)
		orig.SetICMP(8, 0, 4711)
		born := e.next("new", func(s *seen) bool { return s.Kind == EventNew && s.Entry.Orig == orig })
		whole(t, born, EventNew, orig)
		reply := e.next("update", func(s *seen) bool { return s.Kind == EventUpdate && s.Entry.Orig == orig })
		whole(t, reply, EventUpdate, orig)
		whole(t, kill(t, k, e, &reply.Entry.Flow), EventDestroy, orig)
	})
	t.Run("mark and timeout by request", func(t *testing.T) {
		_, port := talk(t, client, "udp", "10.9.0.2:7")
		orig := flow(wire.ProtoUDP, port, 7)
		if err := k.Do(context.Background(), &wire.Update{Key: wire.Key{Tuple: orig}, Mark: &wire.Masked32{Value: 0x42, Mask: 0xff}}); err != nil {
			t.Fatal(err)
		}
		s := e.next("update of the mark", func(s *seen) bool {
			return s.Kind == EventUpdate && s.Entry.Orig == orig && s.Entry.Has(wire.HasMark)
		})
		if s.Entry.Mark != 0x42 || s.PortID == 0 {
			t.Errorf("mark %#x by %d", s.Entry.Mark, s.PortID)
		}
	})
}

func TestNATEvents(t *testing.T) {
	client, server := netnstest.New(t), netnstest.New(t)
	router, k := tracked(t)
	netnstest.Veth(t, client, router, "10.9.1.2/24", "10.9.1.1/24")
	netnstest.Veth(t, server, router, "10.9.2.2/24", "10.9.2.1/24")
	netnstest.Run(t, router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	netnstest.Feed(t, router, `table ip nat {
	chain pre { type nat hook prerouting priority -100; ip daddr 10.9.1.1 tcp dport 8080 dnat to 10.9.2.2:7; }
	chain post { type nat hook postrouting priority 100; ip daddr 10.9.2.2 masquerade; }
}`, "nft", "-f", "-")
	echoTCP(t, server, "10.9.2.2:7")
	e := hear(t, k, EventOptions{})
	_, port := talk(t, client, "tcp", "10.9.1.1:8080")
	s := e.next("established", func(s *seen) bool {
		return s.Kind == EventUpdate && s.Entry.State == tcpState("ESTABLISHED")
	})
	want := wire.Tuple{Src: addr("10.9.1.2"), Dst: addr("10.9.1.1"), SrcPort: port, DstPort: 8080, Family: wire.FamilyIPv4, Proto: wire.ProtoTCP}
	if s.Entry.Orig != want {
		t.Errorf("original %v, want %v", s.Entry.Orig, want)
	}
	want = wire.Tuple{Src: addr("10.9.2.2"), Dst: addr("10.9.2.1"), SrcPort: 7, DstPort: s.Entry.Reply.DstPort, Family: wire.FamilyIPv4, Proto: wire.ProtoTCP}
	if s.Entry.Reply != want {
		t.Errorf("reply %v, want %v", s.Entry.Reply, want)
	}
	if nat := wire.StatusSrcNAT | wire.StatusDstNAT; s.Entry.Status&nat != nat {
		t.Errorf("status %s lacks %s", s.Entry.Status, nat)
	}
	born := e.all[0]
	if born.Kind != EventNew || born.Entry.Reply != s.Entry.Reply {
		t.Errorf("first event is %s with reply %v", born.Kind, born.Entry.Reply)
	}
}

func TestExpectationEvents(t *testing.T) {
	ctx := context.Background()
	client := netnstest.New(t)
	server, k := tracked(t)
	netnstest.Veth(t, client, server, "10.9.0.1/24", "10.9.0.2/24")
	echoTCP(t, server, "10.9.0.2:5000")
	e := hear(t, k, EventOptions{Kinds: []EventKind{EventNew, EventDestroy, EventExpNew, EventExpDestroy}})

	master := &wire.Create{}
	master.Entry.Orig = wire.Tuple{Src: addr("10.9.0.1"), Dst: addr("10.9.0.2"), SrcPort: 40000, DstPort: 21, Family: wire.FamilyIPv4, Proto: wire.ProtoTCP}
	master.Entry.Timeout, master.Entry.Helper = 600, "ftp"
	master.Entry.State = tcpState("ESTABLISHED")
	master.Entry.Present = wire.HasTimeout | wire.HasHelper | wire.HasState
	if err := k.Do(ctx, master); err != nil {
		t.Skipf("needs the ftp helper (module nf_conntrack_ftp): %v", err)
	}
	x := &wire.ExpectCreate{}
	x.Expect.Master = master.Entry.Orig
	x.Expect.Tuple = wire.Tuple{Src: addr("10.9.0.1"), Dst: addr("10.9.0.2"), DstPort: 5000, Family: wire.FamilyIPv4, Proto: wire.ProtoTCP}
	x.Expect.Mask = wire.Tuple{Src: addr("255.255.255.255"), Dst: addr("255.255.255.255"), DstPort: 0xffff, Family: wire.FamilyIPv4, Proto: wire.ProtoTCP}
	if err := k.Do(ctx, x); err != nil {
		t.Fatal(err)
	}
	made := e.next("exp_new", func(s *seen) bool { return s.Kind == EventExpNew })
	if made.Expect.Tuple.DstPort != 5000 || made.Expect.Master != x.Expect.Master || made.Expect.Timeout == 0 {
		t.Errorf("%+v", made.Expect)
	}
	talk(t, client, "tcp", "10.9.0.2:5000")
	// The expectation is used up before the child is in the table.
	used := e.next("exp_destroy", func(s *seen) bool { return s.Kind == EventExpDestroy })
	if used.Expect.Tuple.DstPort != 5000 || used.Expect.ID != made.Expect.ID {
		t.Errorf("%+v", used.Expect)
	}
	child := e.next("the expected flow", func(s *seen) bool {
		return s.Kind == EventNew && s.Entry.Orig.DstPort == 5000
	})
	if child.Entry.Status&wire.StatusExpected == 0 || child.Entry.Master != master.Entry.Orig {
		t.Errorf("child has status %s and master %v", child.Entry.Status, child.Entry.Master)
	}
}

// Events of another namespace come with the id that it has in this one.
func TestAllNSID(t *testing.T) {
	here, there := netnstest.New(t), netnstest.New(t)
	dev, _ := netnstest.Veth(t, here, there, "", "")
	// A link into another namespace gives that an id here.
	out := netnstest.Run(t, here, "ip", "link", "show", "dev", dev)
	m := regexp.MustCompile(`link-netnsid (\d+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no namespace id in %q", out)
	}
	id, _ := strconv.Atoi(m[1])

	kHere, kThere := Open(here), Open(there)
	t.Cleanup(func() { _ = kHere.Close(); _ = kThere.Close() })
	e := hear(t, kHere, EventOptions{AllNSID: true})
	only := hear(t, kHere, EventOptions{})
	ctx := context.Background()
	if err := kThere.Do(ctx, udp(1)); err != nil {
		t.Fatal(err)
	}
	if err := kHere.Do(ctx, udp(2)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		n    int
		nsid int32
	}{{1, int32(id)}, {2, -1}} {
		orig := udp(want.n).Entry.Orig
		s := e.next(orig.String(), func(s *seen) bool { return s.Entry.Orig == orig })
		if s.NSID != want.nsid {
			t.Errorf("flow %d: namespace %d, want %d", want.n, s.NSID, want.nsid)
		}
	}
	if s := only.next("the local flow", func(*seen) bool { return true }); s.Entry.Orig != udp(2).Entry.Orig {
		t.Errorf("without AllNSID came %v", s.Entry.Orig)
	}
}

// A namespace deleted by name ends Run; the socket alone would wait for ever.
func TestListenerNamespaceDeleted(t *testing.T) {
	_ = netnstest.New(t) // skips where nothing can be made
	name := fmt.Sprintf("ctsh-listener-%d", os.Getpid())
	add := netnstest.Command(t, "ip", "netns", "add", name)
	if out, err := add.CombinedOutput(); err != nil {
		t.Skipf("needs ip netns add: %v %s", err, out)
	}
	deleted := false
	remove := func() {
		if !deleted {
			deleted = true
			if out, err := netnstest.Command(t, "ip", "netns", "del", name).CombinedOutput(); err != nil {
				t.Errorf("ip netns del: %v %s", err, out)
			}
		}
	}
	defer remove()
	ns, err := netns.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	k := Open(ns)
	defer k.Close()
	l, err := k.Listen(context.Background(), EventOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	end := make(chan error, 1)
	go func() { end <- l.Run(context.Background(), func(*Event) error { return nil }) }()
	remove()
	awaitGone(t, end)
}

func awaitGone(t *testing.T, end <-chan error) {
	t.Helper()
	select {
	case err := <-end:
		if !errors.Is(err, ErrNamespaceGone) {
			t.Errorf("%v, want ErrNamespaceGone", err)
		}
		t.Log(err)
	case <-time.After(30 * time.Second):
		t.Fatal("not noticed")
	}
}
