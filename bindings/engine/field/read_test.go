package field

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// created is the message that makes a flow with everything that one can carry.
func created(tb testing.TB, proto uint8, change func(*wire.Entry)) []byte {
	tb.Helper()
	e := wire.Entry{Helper: "ftp", Flow: wire.Flow{Timeout: 300, Mark: 7, State: 3, Labels: wire.Labels{}.Set(5),
		Present: wire.HasTimeout | wire.HasMark | wire.HasState | wire.HasLabels | wire.HasHelper | wire.HasStatus | wire.HasReply,
		Status:  wire.StatusSeenReply | wire.StatusAssured,
		Orig: wire.Tuple{Family: wire.FamilyIPv4, Proto: proto, SrcPort: 4000, DstPort: 443,
			Src: wire.AddrFrom(netip.MustParseAddr("10.0.0.1")), Dst: wire.AddrFrom(netip.MustParseAddr("192.0.2.1"))}}}
	if proto == wire.ProtoICMP {
		e.Orig.SetICMP(8, 0, 77)
	}
	if wire.States(proto) == nil {
		e.Present &^= wire.HasState
	}
	change(&e)
	e.Reply, _ = e.Orig.Invert()
	msg, err := (&wire.Create{Entry: e}).Append(nil, 1, 0)
	if err != nil {
		tb.Fatal(err)
	}
	return msg
}

func sixth(e *wire.Entry) {
	e.Orig.Family = wire.FamilyIPv6
	e.Orig.Src, e.Orig.Dst = wire.Addr{0: 0xfd, 15: 1}, wire.Addr{0: 0xfd, 15: 2}
}

// agree checks that every field of a message is what is decoded of it whole, by
// each of its readers, and that no reader decodes more than the field says.
func agree(t *testing.T, msg []byte) (there int) {
	var v wire.View
	if v.Reset(msg) != nil {
		return 0
	}
	var e wire.Entry
	v.Entry(&e)
	var kept Row
	kept.ResetEntry(&e)
	for _, f := range Flow.Fields() {
		want, has := f.Of(&kept)
		if has {
			there++
		} else if !f.Derived && want != (Value{}) {
			t.Fatalf("%s is absent and %v", f.Name, want)
		}
		check := func(how string, read func(*Row) (Value, bool)) {
			var r Row
			r.Reset(&v)
			got, ok := read(&r)
			if ok != has || ok && got != want {
				t.Fatalf("%s by its %s is %v %v, want %v %v, of % x", f.Name, how, got, ok, want, has, msg)
			}
			if more := r.got &^ f.Part; more != 0 && r.got != PartAll {
				t.Fatalf("%s decodes parts %b, beyond %b", f.Name, r.got, f.Part)
			}
		}
		check("reader", f.Reader())
		switch f.Kind {
		case Number:
			number := f.NumberReader()
			check("number", func(r *Row) (v Value, ok bool) { v.Num, ok = number(r); return v, ok })
			if word := f.WordReader(); word != nil {
				check("word", func(r *Row) (Value, bool) { n, ok := word(r); return Value{Num: float64(n)}, ok })
			}
		case Address:
			addr := f.AddressReader()
			check("address", func(r *Row) (Value, bool) { a, ok := addr(r); return Value{Addr: a.Addr()}, ok })
		case Flag:
			flag := f.FlagReader()
			check("flag", func(r *Row) (v Value, ok bool) { v.On, ok = flag(r); return v, ok })
		case Text, Parent:
			text := f.TextReader()
			check("text", func(r *Row) (v Value, ok bool) { v.Str, ok = text(r); return v, ok })
		}
	}
	return there
}

func TestReadersAgree(t *testing.T) {
	for name, msg := range map[string][]byte{
		"tcp":        created(t, wire.ProtoTCP, func(*wire.Entry) {}),
		"tcp6":       created(t, wire.ProtoTCP, sixth),
		"sctp":       created(t, wire.ProtoSCTP, func(e *wire.Entry) { e.SetVTags([2]uint32{5, 6}) }),
		"icmp":       created(t, wire.ProtoICMP, func(*wire.Entry) {}),
		"gre":        created(t, wire.ProtoGRE, func(*wire.Entry) {}),
		"esp":        created(t, 50, func(e *wire.Entry) { e.Orig.SrcPort, e.Orig.DstPort = 0, 0 }),
		"zone":       created(t, wire.ProtoUDP, func(e *wire.Entry) { e.Orig.Zone = 3 }),
		"translated": created(t, wire.ProtoUDP, func(e *wire.Entry) { e.Status |= wire.StatusSrcNAT | wire.StatusDstNAT }),
		"master":     created(t, wire.ProtoTCP, func(e *wire.Entry) { e.Master, e.Present = e.Orig, e.Present|wire.HasMaster }),
	} {
		if n := agree(t, msg); n < 20 {
			t.Errorf("%s: %d fields are there: the test tests too little", name, n)
		}
	}
}

// TestOneReader checks that each field is declared with the function that goes
// with its kind, and with no other.
func TestOneReader(t *testing.T) {
	for i := range stored {
		f := &stored[i]
		n := 0
		for kind, has := range map[Kind]bool{Number: f.word != nil || f.num != nil, Address: f.addr != nil, Flag: f.on != nil, Text: f.text != nil && f.Kind == Text, Parent: f.text != nil && f.Kind == Parent, Labels: f.bits != nil} {
			if has {
				n++
				if kind != f.Kind {
					t.Errorf("%s is read as another kind", f.Name)
				}
			}
		}
		if n != 1 || f.word != nil && f.num != nil || f.word != nil && f.Max > max32 {
			t.Errorf("%s has %d readers", f.Name, n)
		}
	}
}

// TestComputedReaders reads a computed field by the readers of its kind.
func TestComputedReaders(t *testing.T) {
	var r Row
	want := Value{Num: 1.5, On: true, Str: "x", Addr: wire.Addr{15: 1}}
	f := Compute(Field{Name: "c", Kind: Number}, func(*Row) (Value, bool) { return want, true })
	if n, ok := f.NumberReader()(&r); !ok || n != want.Num || f.WordReader() != nil {
		t.Error(n, ok)
	}
	if a, ok := f.AddressReader()(&r); !ok || a.Addr() != want.Addr {
		t.Error(a, ok)
	}
	if on, ok := f.FlagReader()(&r); !ok || !on {
		t.Error(on, ok)
	}
	if s, ok := f.TextReader()(&r); !ok || s != "x" {
		t.Error(s, ok)
	}
	copied, _ := Flow.Lookup("dport")
	if again := Compute(*copied, f.Reader()); again.WordReader() != nil {
		t.Error("a field that is computed is read as that which it was made of")
	}
}

// TestHalfAFlow reads an event that says that a flow is translated and not to
// what: there is no zero address.
func TestHalfAFlow(t *testing.T) {
	e := wire.Entry{Flow: wire.Flow{Status: wire.StatusSrcNAT | wire.StatusDstNAT, Present: wire.HasStatus}}
	var r Row
	r.ResetEntry(&e)
	for _, name := range []string{"nat_src", "nat_sport", "nat_dst", "nat_dport", "src", "sport", "rsrc", "rdport", "rzone", "mark", "bytes"} {
		if f, _ := Flow.Lookup(name); f == nil {
			t.Errorf("no field %s", name)
		} else if v, ok := f.Of(&r); ok {
			t.Errorf("%s is %v", name, v)
		}
	}
}

// TestReadingAllocatesNothing reads what filters ask most.
func TestReadingAllocatesNothing(t *testing.T) {
	var v wire.View
	if err := v.Reset(created(t, wire.ProtoTCP, func(e *wire.Entry) { e.Present &^= wire.HasHelper })); err != nil {
		t.Fatal(err)
	}
	for _, f := range stored {
		var r Row
		if n := testing.AllocsPerRun(100, func() { r.Reset(&v); f.Of(&r) }); n != 0 {
			t.Errorf("%s: %v allocations", f.Name, n)
		}
	}
}

// FuzzReaders reads every field of arbitrary attributes.
func FuzzReaders(f *testing.F) {
	tcp := created(f, wire.ProtoTCP, func(*wire.Entry) {})
	f.Add(tcp[wire.HeaderLen:])
	f.Add(created(f, wire.ProtoUDP, sixth)[wire.HeaderLen:])
	f.Fuzz(func(t *testing.T, attrs []byte) {
		msg := slices.Concat(tcp[:wire.HeaderLen], attrs)
		binary.NativeEndian.PutUint32(msg, uint32(len(msg)))
		agree(t, msg)
	})
}

func BenchmarkRead(b *testing.B) {
	var v wire.View
	if err := v.Reset(created(b, wire.ProtoTCP, func(*wire.Entry) {})); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"src", "dport", "proto", "assured", "mark"} {
		f, _ := Flow.Lookup(name)
		b.Run(name, func(b *testing.B) {
			var r Row
			for b.Loop() {
				r.Reset(&v)
				f.Of(&r)
			}
		})
	}
}
