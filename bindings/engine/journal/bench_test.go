package journal

import (
	"testing"
)

// flows is the table that is deleted, flowLen what a dump says of one.
const (
	flows   = 90_000
	flowLen = 306
)

// flowBatches are the payloads of all, a batch each.
func flowBatches() [][][]byte {
	var list [][][]byte
	for range flows / maxBatch {
		batch := make([][]byte, maxBatch)
		for i := range batch {
			batch[i] = make([]byte, flowLen)
		}
		list = append(list, batch)
	}
	return list
}

func writeFlows(b *testing.B, s *Store, list [][][]byte) {
	b.Helper()
	w := begin(b, s, some("delete"))
	for _, batch := range list {
		must(b, w.Intend(Delete, batch))
		must(b, w.Settle(nil))
	}
	must(b, w.End(Outcome{Applied: flows}))
}

// BenchmarkJournal writes and reads the journal of 90 000 deleted flows, 91
// syncs in it.
func BenchmarkJournal(b *testing.B) {
	list := flowBatches()
	perFlow := func(name string, fn func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(flows * flowLen)
			b.ReportAllocs()
			for b.Loop() {
				fn()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/flows, "ns/record")
		})
	}
	s := at(b)
	perFlow("write", func() { writeFlows(b, s, list) })
	perFlow("read", func() {
		r, err := s.Read("")
		must(b, err)
		n := 0
		must(b, r.Back(func(Change) error { n++; return nil }))
		if must(b, r.Close()); n != flows {
			b.Fatalf("%d changes", n)
		}
	})
}

// A batch costs the same however many came before it.
func TestBatchAllocations(t *testing.T) {
	w := begin(t, at(t), some("delete"))
	defer w.Abort()
	batch, none := payloads(0, 100), []int{1, 2, 3}
	if n := testing.AllocsPerRun(50, func() {
		if w.Intend(Delete, batch) != nil || w.Settle(none) != nil {
			t.Fatal("a batch failed")
		}
	}); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}
