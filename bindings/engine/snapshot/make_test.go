package snapshot

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// second is one of the times in these tests.
const second = uint64(1e9)

// at is a world of a time in seconds.
func at(seconds float64) *field.World { return &field.World{Now: uint64(seconds * 1e9)} }

// taken makes a snapshot of flows.
func taken(seconds float64, flows ...*wire.Entry) *Snapshot {
	s := New(at(seconds))
	var r field.Row
	for _, e := range flows {
		r.ResetEntry(e)
		s.Add(&r)
	}
	return s
}

// entries reads a snapshot back.
func entries(tb testing.TB, s *Snapshot) []*wire.Entry {
	var list []*wire.Entry
	err := s.Each(func(r *field.Row) error {
		e := *r.Need(field.PartAll)
		list = append(list, &e)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// random makes a flow, in one of two with some of what a wire.Flow cannot hold.
func random(r *rand.Rand) *wire.Entry {
	e := filtertest.Flow(r)
	maybe := func(has wire.Present, set func()) {
		if r.IntN(4) == 0 {
			e.Present |= has
			set()
		}
	}
	text := func(kind string) string { return fmt.Sprintf("%s%d", kind, r.IntN(3)) }
	maybe(wire.HasStart, func() { e.Start = uint64(1+r.IntN(20)) * second })
	maybe(wire.HasUse, func() { e.Use = uint16(1 + r.IntN(3)) })
	maybe(wire.HasLabels, func() { e.Labels = wire.Labels{r.Uint64(), r.Uint64()} })
	maybe(wire.HasHelper, func() { e.Helper = text("helper"); e.Flow.Helper = wire.InternHelper([]byte(e.Helper)) })
	if e.Orig.Proto == wire.ProtoTCP {
		maybe(0, func() { e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 8}, Flags: [2]wire.TCPFlags{1, 3}}) })
	}
	if r.IntN(2) == 0 {
		return e
	}
	maybe(wire.HasMaster, func() { e.Master = filtertest.Flow(r).Orig })
	maybe(wire.HasSeqAdj, func() { e.SeqAdj = [2]wire.SeqAdj{{Correction: r.Uint32(), Before: 2, After: 3}, {Correction: 4}} })
	maybe(wire.HasSynProxy, func() { e.SynProxy = wire.SynProxy{ISN: r.Uint32(), ITS: 2, TSOff: 3} })
	maybe(wire.HasSecCtx, func() { e.SecCtx = text("context") })
	maybe(wire.HasEventTime, func() { e.EventAt = r.Uint64() })
	maybe(0, func() { e.HelpInfo = []byte(text("info")) })
	return e
}

// numbered is a flow like most: TCP, with all that the kernel tells of one.
func numbered(i int) *wire.Entry {
	e := &wire.Entry{}
	e.Orig = wire.Tuple{
		Src: wire.AddrFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})), Dst: wire.AddrFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1})),
		SrcPort: uint16(1024 + i%60000), DstPort: 443, Family: wire.FamilyIPv4, Proto: wire.ProtoTCP,
	}
	e.Reply, _ = e.Orig.Invert()
	e.Present = wire.HasReply | wire.HasStatus | wire.HasTimeout | wire.HasMark | wire.HasID | wire.HasUse | wire.HasCounters | wire.HasStart | wire.HasState
	e.Status, e.Timeout, e.ID, e.Use, e.State = wire.StatusConfirmed|wire.StatusSeenReply, 100, uint32(i)*2654435761, 1, 3
	e.Counter = [2]wire.Counters{{Packets: 10, Bytes: 1000}, {Packets: 20, Bytes: 20000}}
	e.Start = 5 * second
	e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 7}, Flags: [2]wire.TCPFlags{3, 3}})
	return e
}

// message is a flow as a dump has it, with further attributes.
func message(tb testing.TB, e *wire.Entry, more ...[]byte) []byte {
	tb.Helper()
	b, err := (&wire.Create{Entry: *e}).Append(nil, 1, 0)
	if err != nil {
		tb.Fatal(err)
	}
	big := binary.BigEndian
	if e.Has(wire.HasCounters) {
		for dir, c := range e.Counter {
			more = append(more, attr(wire.AttrCountersOrig+dir, attr(1, big.AppendUint64(nil, c.Packets)), attr(2, big.AppendUint64(nil, c.Bytes))))
		}
	}
	if e.Has(wire.HasStart) {
		more = append(more, attr(wire.AttrTimestamp, attr(1, big.AppendUint64(nil, e.Start))))
	}
	more = append(more, attr(wire.AttrID, big.AppendUint32(nil, e.ID)), attr(wire.AttrUse, big.AppendUint32(nil, uint32(e.Use))))
	for _, a := range more {
		b = append(b, a...)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

// attr is an attribute of some payloads, padded.
func attr(typ int, payloads ...[]byte) []byte {
	b := make([]byte, 4)
	for _, p := range payloads {
		b = append(b, p...)
	}
	binary.NativeEndian.PutUint16(b, uint16(len(b)))
	binary.NativeEndian.PutUint16(b[2:], uint16(typ))
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
