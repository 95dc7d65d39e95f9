package conntrack

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// matches is what a filter means, said in Go.
func (f *EventFilter) matches(e *wire.Entry) bool {
	o := &e.Orig
	ported := wire.HasPorts(o.Proto) || o.Proto == wire.ProtoGRE
	within := func(p *Prefix, a wire.Addr) bool {
		if p == nil {
			return true
		}
		if p.Addr.Is4() != a.Is4() {
			return false
		}
		off := 0
		if a.Is4() {
			off = 96
		}
		for bit := off; bit < off+p.Bits; bit++ {
			if (p.Addr[bit/8]^a[bit/8])&(0x80>>(bit%8)) != 0 {
				return false
			}
		}
		return true
	}
	return (f.Family == 0 || f.Family == o.Family) &&
		(f.Proto == nil || *f.Proto == o.Proto) &&
		(f.SrcPort == nil || ported && *f.SrcPort == o.SrcPort) &&
		(f.DstPort == nil || ported && *f.DstPort == o.DstPort) &&
		within(f.Src, o.Src) && within(f.Dst, o.Dst) &&
		(f.Zone == nil || *f.Zone == o.Zone) &&
		(f.Mark == nil || e.Mark&f.Mark.Mask == f.Mark.Value) &&
		(f.Status == nil || e.Status&f.Status.Mask == f.Status.Value)
}

func (f *EventFilter) String() string {
	s := fmt.Sprintf("family %d", f.Family)
	show := func(name string, p any, set bool) {
		if set {
			s += fmt.Sprintf(" %s %v", name, p)
		}
	}
	show("proto", f.Proto, false)
	if f.Proto != nil {
		show("proto", *f.Proto, true)
	}
	if f.SrcPort != nil {
		show("sport", *f.SrcPort, true)
	}
	if f.DstPort != nil {
		show("dport", *f.DstPort, true)
	}
	if f.Zone != nil {
		show("zone", *f.Zone, true)
	}
	show("src", f.Src, f.Src != nil)
	show("dst", f.Dst, f.Dst != nil)
	show("mark", f.Mark, f.Mark != nil)
	show("status", f.Status, f.Status != nil)
	return s
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func randomAddr(r *rand.Rand, family uint8) wire.Addr {
	if family == wire.FamilyIPv4 {
		return wire.Addr{10: 0xff, 11: 0xff, 12: 10, 13: byte(r.IntN(2)), 14: byte(r.IntN(4) << 6), 15: byte(1 + r.IntN(3))}
	}
	a := wire.Addr{0: 0xfd, 15: byte(1 + r.IntN(3))}
	a[5], a[9], a[12] = byte(r.IntN(2)), byte(r.IntN(2)<<7), byte(r.IntN(2))
	return a
}

func randomFlow(r *rand.Rand) *wire.Create {
	c := &wire.Create{}
	o := &c.Entry.Orig
	o.Family = pick(r, uint8(wire.FamilyIPv4), wire.FamilyIPv4, wire.FamilyIPv6)
	o.Src, o.Dst = randomAddr(r, o.Family), randomAddr(r, o.Family)
	o.Proto = pick(r, uint8(wire.ProtoTCP), wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoSCTP, wire.ProtoGRE, wire.ProtoICMP, 89)
	switch {
	case o.Proto == wire.ProtoICMP:
		typ := uint8(8)
		if o.Family == wire.FamilyIPv6 {
			o.Proto, typ = wire.ProtoICMPv6, 128
		}
		o.SetICMP(typ, 0, uint16(r.IntN(4)))
	case o.Proto != 89:
		o.SrcPort, o.DstPort = uint16(1+r.IntN(4)), uint16(1+r.IntN(4))
	}
	o.Zone = pick(r, uint16(0), 0, 1, 256)
	c.Entry.Timeout = 600
	c.Entry.Mark = pick(r, uint32(0), 0, 1, 0x10, 0x11, 0xdeadbeef)
	c.Entry.Status = pick(r, wire.Status(0), wire.StatusSeenReply, wire.StatusSeenReply|wire.StatusAssured)
	c.Entry.Present = wire.HasTimeout | wire.HasMark | wire.HasStatus
	return c
}

func randomFilter(r *rand.Rand) EventFilter {
	var f EventFilter
	maybe := func() bool { return r.IntN(3) == 0 }
	family := pick(r, uint8(wire.FamilyIPv4), wire.FamilyIPv6)
	if maybe() {
		f.Family = family
	}
	if maybe() {
		f.Proto = pick(r, new(uint8(wire.ProtoTCP)), new(uint8(wire.ProtoUDP)), new(uint8(wire.ProtoICMP)), new(uint8(89)), new(uint8(wire.ProtoGRE)))
	}
	if maybe() {
		f.SrcPort = new(uint16(1 + r.IntN(4)))
	}
	if maybe() {
		f.DstPort = new(uint16(1 + r.IntN(4)))
	}
	prefix := func() *Prefix {
		bits := 128
		if family == wire.FamilyIPv4 {
			bits = 32
		}
		return &Prefix{Addr: randomAddr(r, family), Bits: r.IntN(bits + 1)}
	}
	if maybe() {
		f.Src = prefix()
	}
	if maybe() {
		f.Dst = prefix()
	}
	if maybe() {
		f.Zone = pick(r, new(uint16(0)), new(uint16(1)), new(uint16(256)))
	}
	if maybe() {
		mask := pick(r, uint32(1), 0x10, 0xffffffff, 0xffff0000)
		f.Mark = &wire.Masked32{Value: pick(r, uint32(0), 1, 0x10, 0xdeadbeef) & mask, Mask: mask}
	}
	if maybe() {
		mask := pick(r, wire.StatusAssured, wire.StatusSeenReply, wire.StatusSeenReply|wire.StatusAssured)
		f.Status = &wire.StatusFilter{Value: pick(r, 0, wire.StatusAssured, wire.StatusSeenReply) & mask, Mask: mask}
	}
	return f
}

// drain reads what a socket holds and returns the flows by tuple and kind.
func drain(t *testing.T, s EventSocket) map[string]wire.Entry {
	t.Helper()
	l := newListener(s, EventOptions{}, nil)
	got := map[string]wire.Entry{}
	for {
		n, err := s.ReceiveMany(l.msgs, false)
		if err != nil {
			t.Fatal(err)
		}
		for i := range l.msgs[:n] {
			if !l.decode(l.msgs[i].Buf[:l.msgs[i].N]) {
				t.Fatalf("not understood: %x", l.msgs[i].Buf[:l.msgs[i].N])
			}
			var e wire.Entry
			l.event.View.Entry(&e)
			key := l.event.Kind.String() + " " + e.Orig.String()
			if _, twice := got[key]; twice {
				t.Fatalf("%s twice", key)
			}
			got[key] = e
		}
		if n < len(l.msgs) {
			return got
		}
	}
}

// Random flows against random filters: the program lets exactly those pass
// that the filter means.
func TestProgramsOnKernel(t *testing.T) {
	ctx := context.Background()
	ns := netnstest.New(t)
	k := Open(ns)
	defer k.Close()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	const rounds, filters, flows = 6, 40, 200
	passed, dropped := 0, 0
	for range rounds {
		var fs []EventFilter
		var socks []EventSocket
		open := func(f EventFilter) EventSocket {
			s, err := dialEvents(ns.FD(), EventOptions{Filter: f})
			if err != nil {
				t.Fatalf("%s: %v", &f, err)
			}
			return s
		}
		for range filters {
			f := randomFilter(r)
			fs, socks = append(fs, f), append(socks, open(f))
		}
		all := open(EventFilter{})
		b, err := k.Batch(ctx, BatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range flows {
			if err := b.Add(randomFlow(r)); err != nil {
				t.Fatal(err)
			}
		}
		res, err := b.Close()
		if err != nil || res.Failed > 0 {
			t.Fatalf("%+v %v", res, err)
		}
		if err := k.Do(ctx, &wire.Flush{All: true}); err != nil {
			t.Fatal(err)
		}
		sent := drain(t, all)
		if len(sent) != 2*res.Applied {
			t.Fatalf("%d events for %d flows", len(sent), res.Applied)
		}
		for i, s := range socks {
			got := drain(t, s)
			for key, e := range sent {
				_, there := got[key]
				switch want := fs[i].matches(&e); {
				case want && !there:
					t.Errorf("%s: kept out %s mark %#x %s", &fs[i], key, e.Mark, e.Status)
				case !want && there:
					t.Errorf("%s: let in %s mark %#x %s", &fs[i], key, e.Mark, e.Status)
				case want:
					passed++
				default:
					dropped++
				}
			}
			_ = s.Close()
		}
		_ = all.Close()
		if t.Failed() {
			return
		}
	}
	t.Logf("%d passed, %d kept out", passed, dropped)
	if passed < 100 || dropped < 100 {
		t.Error("too few on one side to mean something")
	}
}

// A flow whose directions are in different zones passes the filter for
// either.
func TestProgramSplitZone(t *testing.T) {
	ctx := context.Background()
	ns := netnstest.New(t)
	k := Open(ns)
	defer k.Close()
	for _, dir := range []wire.Direction{wire.Original, wire.Reply} {
		c := udp(int(dir) + 1)
		c.Entry.Reply, _ = c.Entry.Orig.Invert()
		if dir == wire.Original {
			c.Entry.Orig.Zone = 5
		} else {
			c.Entry.Reply.Zone = 5
		}
		socks := map[uint16]EventSocket{}
		for _, zone := range []uint16{0, 5, 6} {
			s, err := dialEvents(ns.FD(), EventOptions{Filter: EventFilter{Zone: &zone}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			socks[zone] = s
		}
		if err := k.Do(ctx, c); err != nil {
			t.Fatal(err)
		}
		for zone, want := range map[uint16]int{0: 1, 5: 1, 6: 0} {
			if got := drain(t, socks[zone]); len(got) != want {
				t.Errorf("%s zone 5, filter %d: %d events, want %d", dir, zone, len(got), want)
			}
		}
	}
}

// What a program does not judge it lets pass, and what it drops is not
// counted as lost.
func TestProgramAndDrops(t *testing.T) {
	ctx := context.Background()
	ns := netnstest.New(t)
	k := Open(ns)
	defer k.Close()
	s, err := dialEvents(ns.FD(), EventOptions{RcvBuf: 64 << 10, Filter: EventFilter{Proto: new(uint8(wire.ProtoTCP))}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b, err := k.Batch(ctx, BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		if err := b.Add(udp(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Drops(); n != 0 || err != nil {
		t.Errorf("%d dropped (%v)", n, err)
	}
	if got := drain(t, s); len(got) != 0 {
		t.Errorf("%d events", len(got))
	}
	raw, ok := s.(*eventSocket)
	if !ok {
		t.Fatal("not the kernel's socket")
	}
	// The kernel's answer to a request on the same socket.
	msg, err := wire.Count{}.Append(nil, 1, wire.FlagAck)
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.use(func(fd int) error { return sendTo(uintptr(fd), msg) }); err != nil {
		t.Fatal(err)
	}
	msgs := []Datagram{{Buf: make([]byte, 4096)}, {Buf: make([]byte, 4096)}, {Buf: make([]byte, 4096)}}
	if n, err := s.ReceiveMany(msgs, false); n != 2 || err != nil {
		t.Errorf("%d messages of answer and acknowledgement (%v)", n, err)
	}
}

// The part of a program that needs no kernel: an acknowledgement passes, the
// family is judged.
func TestProgramByMachine(t *testing.T) {
	f := EventFilter{Family: wire.FamilyIPv6}
	raw, err := f.compile()
	if err != nil {
		t.Fatal(err)
	}
	ins, ok := bpf.Disassemble(raw)
	if !ok {
		t.Fatal("not a program")
	}
	vm, err := bpf.NewVM(ins)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		typ    uint16
		family byte
		pass   bool
	}{
		{wire.TypeError, 0, true},
		{uint16(wire.SubsysExpect) << 8, 2, true},
		{uint16(wire.SubsysConntrack) << 8, 2, false},
		{uint16(wire.SubsysConntrack)<<8 | wire.MsgDelete, 10, true},
	} {
		msg := make([]byte, 36)
		binary.NativeEndian.PutUint16(msg[4:], tt.typ)
		msg[16] = tt.family
		n, err := vm.Run(msg)
		if err != nil || (n > 0) != tt.pass {
			t.Errorf("type %#x family %d: %d (%v), want pass %v", tt.typ, tt.family, n, err, tt.pass)
		}
	}
}

func TestProgramFits(t *testing.T) {
	f := EventFilter{Family: 10, Proto: new(uint8(6)), SrcPort: new(uint16(1)), DstPort: new(uint16(2)),
		Src: &Prefix{addr("fd00::1"), 128}, Dst: &Prefix{addr("fd00::2"), 127}, Zone: new(uint16(3)),
		Mark: &wire.Masked32{Value: 1, Mask: 3}, Status: &wire.StatusFilter{Mask: wire.StatusAssured}}
	prog, err := f.compile()
	if err != nil || len(prog) == 0 || len(prog) > 4096 {
		t.Errorf("%d instructions, %v", len(prog), err)
	}
	if prog, err := (&EventFilter{}).compile(); prog != nil || err != nil {
		t.Errorf("empty filter: %d instructions, %v", len(prog), err)
	}
}
