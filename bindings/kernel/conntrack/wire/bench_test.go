package wire

import "testing"

// dumped is a message as a dump has it: TCP, replied, accounted and stamped,
// 276 bytes.
func dumped(tb testing.TB) []byte {
	w := newBuilder(nil, SubsysConntrack, MsgNew, 1, 0, FamilyIPv4)
	reply, _ := goodTuple.Invert()
	w.tuple(AttrTupleOrig, &goodTuple, false)
	w.tuple(AttrTupleReply, &reply, false)
	w.uint32(AttrStatus, uint32(StatusSeenReply|StatusAssured|StatusConfirmed))
	w.uint32(AttrTimeout, 431999)
	for _, typ := range []int{AttrCountersOrig, AttrCountersReply} {
		n := w.nest(typ)
		w.uint64(attrCountersPackets, 5)
		w.uint64(attrCountersBytes, 500)
		w.end(n)
	}
	n := w.nest(AttrTimestamp)
	w.uint64(attrTimestampStart, 1700000000000000000)
	w.end(n)
	f := Flow{Orig: goodTuple, State: 3, Present: HasState}
	f.SetTCP(TCPInfo{WScale: [2]uint8{7, 7}, Flags: [2]TCPFlags{3, 3}})
	w.protoInfo(&f, [2]TCPFlags{})
	w.uint32(AttrMark, 7)
	w.uint32(AttrID, 99)
	w.uint32(AttrUse, 1)
	b := w.finish()
	var v View
	if err := v.Reset(b); err != nil {
		tb.Fatal(err)
	}
	return b
}

// cases are the ways in which a dump is read.
func cases(tb testing.TB) map[string]func() {
	msg := dumped(tb)
	var v View
	var f Flow
	var t Tuple
	buf := make([]byte, 0, 1024)
	return map[string]func(){
		"index": func() { _ = v.Reset(msg) },
		"six": func() {
			_ = v.Reset(msg)
			v.Tuple(Original, &t)
			v.Status()
			v.Timeout()
			v.Mark()
			v.Zone()
			v.ID()
		},
		"flow":   func() { _ = v.Reset(msg); v.Flow(&f) },
		"delete": func() { _ = v.Reset(msg); buf, _ = v.AppendDelete(buf[:0], 1, 0) },
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	for name, fn := range cases(t) {
		if n := testing.AllocsPerRun(100, fn); n != 0 {
			t.Errorf("%s: %v allocations a message", name, n)
		}
	}
}

func BenchmarkMessage(b *testing.B) {
	for name, fn := range cases(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fn()
			}
		})
	}
}
