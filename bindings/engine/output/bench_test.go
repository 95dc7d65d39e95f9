package output

import (
	"io"
	"net/netip"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// fullFlow is a translated TCP connection with all that a kernel tells with
// accounting and timestamps, but for a parent and a security context.
func fullFlow() *wire.Entry {
	e := &wire.Entry{}
	t := &e.Orig
	t.Family, t.Proto = wire.FamilyIPv4, wire.ProtoTCP
	t.Src, t.Dst = addrOf("10.0.12.34"), addrOf("203.0.113.77")
	t.SrcPort, t.DstPort = 50123, 443
	e.Reply, _ = t.Invert()
	e.Reply.Dst, e.Reply.DstPort = addrOf("192.0.2.1"), 61001
	e.Present = wire.HasReply | wire.HasStatus | wire.HasTimeout | wire.HasMark | wire.HasID | wire.HasUse |
		wire.HasCounters | wire.HasStart | wire.HasState | wire.HasHelper | wire.HasLabels
	e.Status = wire.StatusSeenReply | wire.StatusAssured | wire.StatusConfirmed | wire.StatusSrcNAT | wire.StatusSrcNATDone
	e.Timeout, e.Mark, e.ID, e.Use, e.State = 431998, 0x2a, 3070731839, 1, 3
	e.Counter = [2]wire.Counters{{Packets: 1234, Bytes: 1234567}, {Packets: 2345, Bytes: 23456789}}
	e.Start = 1_795_443_210_713_811_000
	e.Labels = wire.Labels{}.Set(3).Set(120)
	e.Helper = "ftp"
	e.Flow.Helper = wire.InternHelper([]byte(e.Helper))
	e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 8}, Flags: [2]wire.TCPFlags{0x23, 0x23}})
	return e
}

func addrOf(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }

func benchRows(b *testing.B, opt Options) {
	var row field.Row
	row.ResetEntry(fullFlow())
	row.In(&field.World{Now: 1_795_443_999_000_000_000})
	w, err := New(io.Discard, opt)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Row(&row); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRow(b *testing.B) {
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) { benchRows(b, Options{Format: format, Fields: field.Flow.Whole()}) })
	}
	b.Run("table for people", func(b *testing.B) {
		benchRows(b, Options{Format: "table", Fields: field.Flow.Whole(), Width: 120, Human: true})
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	var row field.Row
	row.ResetEntry(fullFlow())
	fields, buf := field.Flow.Whole(), []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendJSON(buf[:0], fields, &row)
	}
}

func BenchmarkLine(b *testing.B) {
	e, buf := fullFlow(), []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		buf = (&Line{}).Append(buf[:0], e)
	}
}
