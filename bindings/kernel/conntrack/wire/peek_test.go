package wire

import (
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// peekAgrees checks that what can be peeked of msg is what a whole decode
// reads, and returns how much could be.
func peekAgrees(t interface{ Fatalf(string, ...any) }, msg []byte) (peeked int) {
	var v View
	if v.Reset(msg) != nil {
		return 0
	}
	for dir := Original; dir <= Reply; dir++ {
		var want Tuple
		has := v.Tuple(dir, &want)
		if p, src, dst, ok := v.PeekPorts(dir); ok {
			peeked++
			if !has || want.IsZero() || p != want.Proto || src != want.SrcPort || dst != want.DstPort {
				t.Fatalf("%s protocol %d, ports %d and %d, want %+v of % x", dir, p, src, dst, want, msg)
			}
		}
		for i, addr := range []Addr{want.Src, want.Dst} {
			if a, ok := v.PeekAddr(dir, i == 1); ok {
				peeked++
				if !has || want.IsZero() || a.Addr() != addr {
					t.Fatalf("%s address %s, want %s of % x", dir, a.Addr(), addr, msg)
				}
			}
		}
	}
	return peeked
}

// TestPeekAgrees peeks at whole messages, and at messages of which one byte is
// another.
func TestPeekAgrees(t *testing.T) {
	total := 0
	rapid.Check(t, func(t *rapid.T) {
		msg, err := drawCreate(t).Append(nil, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		total += peekAgrees(t, msg)
		at := rapid.IntRange(HeaderLen, min(len(msg), 180)-1).Draw(t, "at")
		msg[at] = rapid.OneOf(rapid.Byte(), rapid.ByteRange(0, 30)).Draw(t, "byte")
		peekAgrees(t, msg)
	})
	if total == 0 {
		t.Error("nothing was peeked at: the test tests nothing")
	}
}

// TestPeek peeks at messages that are laid out in one way or another.
func TestPeek(t *testing.T) {
	tuple := func(fill func(*builder)) func(*builder) {
		return func(w *builder) { n := w.nest(AttrTupleOrig); fill(w); w.end(n) }
	}
	addrs := func(w *builder, first, second int) {
		n := w.nest(attrTupleIP)
		w.bytes(first, []byte{10, 0, 0, 1})
		w.bytes(second, []byte{10, 0, 0, 2})
		w.end(n)
	}
	proto := func(w *builder, num uint8) {
		n := w.nest(attrTupleProto)
		w.uint8(attrProtoNum, num)
		w.uint16(attrProtoSrcPort, 4000)
		w.uint16(attrProtoDstPort, 22)
		w.end(n)
	}
	v6 := Tuple{Family: FamilyIPv6, Proto: ProtoUDP, Src: Addr{0: 0xfd, 15: 1}, Dst: Addr{0: 0xfd, 15: 2}, SrcPort: 1, DstPort: 2}
	ping := Tuple{Family: FamilyIPv4, Proto: ProtoICMP, Src: Addr{10: 255, 11: 255, 12: 10}, Dst: Addr{10: 255, 11: 255, 12: 9}}
	ping.SetICMP(8, 0, 7)
	for name, c := range map[string]struct {
		fill func(*builder)
		want int // of two addresses, and of the protocol with its ports
	}{
		"tcp":            {tuple(func(w *builder) { addrs(w, attrIPv4Src, attrIPv4Dst); proto(w, ProtoTCP) }), 3},
		"IPv6":           {func(w *builder) { w.tuple(AttrTupleOrig, &v6, false) }, 3},
		"gre":            {tuple(func(w *builder) { addrs(w, attrIPv4Src, attrIPv4Dst); proto(w, ProtoGRE) }), 3},
		"icmp":           {func(w *builder) { w.tuple(AttrTupleOrig, &ping, false) }, 2},
		"split zone":     {func(w *builder) { w.tuple(AttrTupleOrig, &goodTuple, true) }, 0},
		"no tuple":       {func(w *builder) { w.uint32(AttrMark, 1) }, 0},
		"empty":          {tuple(func(*builder) {}), 0},
		"no addresses":   {tuple(func(w *builder) { proto(w, ProtoTCP) }), 0},
		"no protocol":    {tuple(func(w *builder) { addrs(w, attrIPv4Src, attrIPv4Dst) }), 0},
		"other order":    {tuple(func(w *builder) { proto(w, ProtoTCP); addrs(w, attrIPv4Src, attrIPv4Dst) }), 0},
		"one end twice":  {tuple(func(w *builder) { addrs(w, attrIPv4Dst, attrIPv4Dst); proto(w, ProtoTCP) }), 0},
		"exchanged":      {tuple(func(w *builder) { addrs(w, attrIPv4Dst, attrIPv4Src); proto(w, ProtoTCP) }), 0},
		"protocol twice": {tuple(func(w *builder) { addrs(w, attrIPv4Src, attrIPv4Dst); proto(w, ProtoTCP); proto(w, ProtoUDP) }), 0},
		"addresses twice": {tuple(func(w *builder) {
			addrs(w, attrIPv4Src, attrIPv4Dst)
			proto(w, ProtoTCP)
			addrs(w, attrIPv4Dst, attrIPv4Src)
		}), 0},
		"tuple twice": {func(w *builder) {
			w.tuple(AttrTupleOrig, &goodTuple, false)
			w.tuple(AttrTupleOrig, &v6, false)
		}, 3},
	} {
		w := newBuilder(nil, SubsysConntrack, MsgNew, 1, 0, FamilyIPv4)
		c.fill(&w)
		if got := peekAgrees(t, w.finish()); got != c.want {
			t.Errorf("%s: %d values peeked at, want %d", name, got, c.want)
		}
	}
}

// FuzzPeek peeks at arbitrary bytes in a tuple.
func FuzzPeek(f *testing.F) {
	w := newBuilder(nil, SubsysConntrack, MsgNew, 1, 0, FamilyIPv4)
	w.tuple(AttrTupleOrig, &goodTuple, false)
	w.tuple(AttrTupleReply, &goodTuple, true)
	msg := w.finish()
	f.Add(msg[HeaderLen:])
	f.Add(msg[HeaderLen : len(msg)-8])
	f.Fuzz(func(t *testing.T, attrs []byte) {
		msg := slices.Concat(newBuilder(nil, SubsysConntrack, MsgNew, 1, 0, FamilyIPv4).b, attrs)
		binary.NativeEndian.PutUint32(msg, uint32(len(msg)))
		peekAgrees(t, msg)
	})
}

func TestAddrWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Addr {
			if rapid.Bool().Draw(t, name+" is IPv4") {
				return mapped(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, name))
			}
			return Addr(rapid.SliceOfN(rapid.ByteMax(1), 16, 16).Draw(t, name))
		}
		a, b := draw("a"), draw("b")
		if w := a.Words(); w.Addr() != a || w.Is4() != a.Is4() || w.Less(b.Words()) != (string(a[:]) < string(b[:])) {
			t.Fatalf("%s: %+v", a, w)
		}
	})
}

func BenchmarkPeek(b *testing.B) {
	var v View
	if err := v.Reset(dumped(b)); err != nil {
		b.Fatal(err)
	}
	var t Tuple
	for name, fn := range map[string]func(){
		"ports": func() { v.PeekPorts(Original) },
		"addr":  func() { v.PeekAddr(Original, false) },
		"tuple": func() { v.Tuple(Original, &t) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				fn()
			}
		})
	}
}
