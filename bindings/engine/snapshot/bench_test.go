package snapshot

import (
	"runtime"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

const million = 1_000_000

// filled is n flows at a time.
func filled(seconds float64, n int) *Snapshot {
	s := New(at(seconds))
	var r field.Row
	for i := range n {
		r.ResetEntry(numbered(i))
		s.Add(&r)
	}
	return s
}

// TestMemory measures what flows take.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a million flows")
	}
	used := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	began := used()
	s := filled(1, million)
	flows := (used() - began) / million
	s.Find(&wire.Flow{})
	index := (used()-began)/million - flows
	runtime.KeepAlive(s)
	t.Logf("%.2f bytes a flow, %.2f more when looked up", flows, index)
	if flows > 176.5 || index > 8.1 {
		t.Error("want 176 and 8")
	}
}

// TestAllocations counts them over the flows of a page: one is for the page.
func TestAllocations(t *testing.T) {
	var v wire.View
	if err := v.Reset(message(t, numbered(1))); err != nil {
		t.Fatal(err)
	}
	var read, kept field.Row
	read.In(at(9))
	s := New(at(1))
	if n := testing.AllocsPerRun(100, func() {
		for range pageLen / 2 {
			read.Reset(&v)
			s.Add(&read)
			kept.ResetFlow(s.flows.at(0))
			s.Add(&kept)
		}
	}); n > 2 {
		t.Errorf("%v allocations to add %d flows", n, pageLen)
	}
	s.Find(s.flows.at(0))
	if n := testing.AllocsPerRun(10, func() {
		for range ratesAtOnce {
			read.Reset(&v)
			s.Rate(&read)
		}
	}); n > 1 {
		t.Errorf("%v allocations for the rates of %d flows", n, ratesAtOnce)
	}
	if n := testing.AllocsPerRun(10, func() { _ = s.Each(func(*field.Row) error { return nil }) }); n > 2 {
		t.Errorf("%v allocations to read all", n)
	}
	later := filled(2, 2*pageLen)
	if n := testing.AllocsPerRun(10, func() { Diff(later, later) }); n > 10 {
		t.Errorf("%v allocations to find nothing changed", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	var v wire.View
	if err := v.Reset(message(b, numbered(1))); err != nil {
		b.Fatal(err)
	}
	var read, kept field.Row
	kept.ResetEntry(numbered(1))
	for name, add := range map[string]func(*Snapshot){
		"message": func(s *Snapshot) { read.Reset(&v); s.Add(&read) },
		"kept":    func(s *Snapshot) { s.Add(&kept) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s := New(nil)
			for b.Loop() {
				if s.Len() == million {
					s = New(nil)
				}
				add(s)
			}
		})
	}
}

// perFlow runs fn, which goes over a million flows, and reports ns a flow.
func perFlow(b *testing.B, name string, fn func()) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fn()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/flow")
	})
}

func BenchmarkMillion(b *testing.B) {
	s, later := filled(1, million), filled(2, million)
	var next wire.Flow
	perFlow(b, "each", func() { _ = s.Each(func(*field.Row) error { return nil }) })
	perFlow(b, "index", func() { s.index = nil; s.Find(&next) })
	perFlow(b, "find", func() {
		for i := range million { // as in another order than they were added
			s.Find(later.flows.at(i * 7919 % million))
		}
	})
	perFlow(b, "find in order", func() {
		for i := range million {
			s.Find(later.flows.at(i))
		}
	})
	perFlow(b, "find none", func() {
		for i := range million {
			next = *later.flows.at(i)
			next.Orig.DstPort = 9
			s.Find(&next)
		}
	})
	delta := func(s, later *Snapshot) func() {
		return func() {
			s.index = nil
			_ = Delta(s, later, func(*field.Row) error { return nil })
		}
	}
	diff := func(s, later *Snapshot) func() {
		return func() {
			s.index, later.index = nil, nil
			Diff(s, later)
		}
	}
	churned, shuffled := New(at(2)), New(at(2))
	var r field.Row
	for i := range million {
		r.ResetFlow(later.flows.at(i))
		if i%10 == 0 { // one in ten is gone and one is new
			r.Need(field.PartNone).Orig.DstPort = 9
		}
		churned.Add(&r)
		later.At(i*7919%million, &r)
		shuffled.Add(&r)
	}
	perFlow(b, "delta", delta(s, later))
	perFlow(b, "delta a tenth new", delta(s, churned))
	perFlow(b, "delta in another order", delta(s, shuffled))
	perFlow(b, "diff", diff(s, later))
	perFlow(b, "diff a tenth new", diff(s, churned))
}
