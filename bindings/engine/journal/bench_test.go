package journal

import (
	"fmt"
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

// small writes a change of one flow.
func small(t testing.TB, s *Store, h Header, batch [][]byte) Header {
	t.Helper()
	w := begin(t, s, h)
	must(t, w.Intend(Delete, batch))
	must(t, w.End(Outcome{Applied: len(batch)}))
	return w.Header()
}

// fullOf is a store as full as it becomes of changes of n flows: so many files
// that the next one would cost another, each as long as one becomes.
func fullOf(b *testing.B, n int) (s *Store, journals int, oldest Header) {
	b.Helper()
	dir := b.TempDir() + "/journal"
	batch := make([][]byte, n)
	for i := range batch {
		batch[i] = make([]byte, flowLen)
	}
	for range keepFiles {
		s = Open(dir, On(unsynced{OS{}}))
		for first := true; first || len(s.idle) > 0; first = false {
			if h := small(b, s, some("delete"), batch); journals == 0 {
				oldest = h
			}
			journals++
		}
	}
	return s, journals, oldest
}

// unsynced is a file system that does not sync.
type unsynced struct{ FS }

func (u unsynced) OpenDir(path string) (Folder, error) {
	d, err := u.FS.OpenDir(path)
	return unsyncedFolder{d}, err
}

type unsyncedFolder struct{ Folder }

func (d unsyncedFolder) Sync() error { return nil }

func (d unsyncedFolder) Create(name string) (File, error) {
	f, err := d.Folder.Create(name)
	return unsyncedFile{f}, err
}

type unsyncedFile struct{ File }

func (unsyncedFile) Sync() error { return nil }

// BenchmarkFull lists and reads in a store of 20 files of 4 MiB.
func BenchmarkFull(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		s, journals, oldest := fullOf(b, n)
		list, err := s.List()
		must(b, err)
		size, newest := int64(0), list[0].ID
		for _, e := range list {
			size += e.Size
		}
		if len(list) != journals || list[journals-1].ID != oldest.ID {
			b.Fatalf("%d journals of %d", len(list), journals)
		}
		read := func(id, want string) func() {
			return func() {
				r, err := s.Read(id)
				must(b, err)
				if r.Len() != n || r.Header().ID != want || r.Close() != nil {
					b.Fatal(r.Header().ID, r.Len())
				}
			}
		}
		for name, fn := range map[string]func(){
			"list":        func() { _, err := s.List(); must(b, err) },
			"read newest": read("", newest),
			"read by id":  read(oldest.ID, oldest.ID),
		} {
			b.Run(fmt.Sprintf("%s of %d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					fn()
				}
				b.ReportMetric(float64(journals), "journals")
				b.ReportMetric(float64(size)/(1<<20), "MiB")
			})
		}
	}
}

// BenchmarkSmall makes changes of one flow each.
func BenchmarkSmall(b *testing.B) {
	s, batch := at(b), [][]byte{make([]byte, flowLen)}
	for b.Loop() {
		small(b, s, some("delete"), batch)
	}
	must(b, s.Close())
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
