package reliability

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/journal/journaltest"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// trip is a disk that gets its fault at one of the operations of a journal.
type trip struct {
	journaltest.Disk
	ops  []op
	at   int     // the operation that fails, -1 for none
	room float64 // of a write that fails, the part that fits
	lies bool    // says that there is no space
}

// op is an operation: a write of n bytes, or the sync of the file (n -1) or of
// its directory (n -2).
type op int

const (
	syncFile op = -1 - iota
	syncDir
)

func (o op) String() string {
	switch o {
	case syncFile:
		return "sync"
	case syncDir:
		return "sync of the directory"
	}
	return fmt.Sprintf("write of %d bytes", int(o))
}

// next is called before an operation.
func (d *trip) next(o op) {
	if len(d.ops) == d.at {
		if o < 0 {
			d.BreakAfter(0)
		} else {
			d.FillAfter(min(int64(d.room*float64(o)), int64(o)-1))
		}
	}
	d.ops = append(d.ops, o)
}

func (d *trip) OpenDir(path string) (journal.Folder, error) {
	f, err := d.Disk.OpenDir(path)
	if err != nil {
		return nil, err
	}
	return &tripFolder{f, d}, nil
}

type tripFolder struct {
	journal.Folder
	disk *trip
}

func (f *tripFolder) Sync() error {
	f.disk.next(syncDir)
	return f.Folder.Sync()
}

func (f *tripFolder) Create(name string) (journal.File, error) {
	c, err := f.Folder.Create(name)
	if err != nil {
		return nil, err
	}
	return &tripFile{c, f.disk}, nil
}

type tripFile struct {
	journal.File
	disk *trip
}

func (f *tripFile) Sync() error {
	f.disk.next(syncFile)
	return f.File.Sync()
}

func (f *tripFile) Write(p []byte) (int, error) {
	f.disk.next(op(len(p)))
	return f.File.Write(p)
}

// promised is how many batches may be sent where operation fail fails: those that
// are synced before, with the directory where the file is a new one.
func promised(ops []op, fail int) (n int) {
	for i, o := range ops[:fail] {
		if o == syncDir || o == syncFile && ops[i+1] != syncDir {
			n++
		}
	}
	return n
}

// faulty is a kind of change under faults.
type faulty struct {
	name  string
	flows int
	undo  bool // the change is the undo of what plan does
	plan  func(t *testing.T, k conntrack.Kernel) *plan.Plan
}

func selecting(t *testing.T, k conntrack.Kernel, text string) *plan.Plan {
	t.Helper()
	f, err := filter.Compile(text, nil, nil)
	must(t, err)
	q, err := flows(k).Where(f)
	must(t, err)
	return plan.Delete(q)
}

func marking(t *testing.T, k conntrack.Kernel) *plan.Plan {
	t.Helper()
	p, err := plan.Update(flows(k), plan.Change{Mark: &wire.Masked32{Value: 0x500, Mask: 0xf00}})
	must(t, err)
	return p
}

// created are flows that are to be made.
func created() []*wire.Create { return usual(1008, scale(300, 600)) }

func deleting(_ *testing.T, k conntrack.Kernel) *plan.Plan { return plan.Delete(flows(k)) }

var faults = []faulty{
	{"delete", scale(300, 600), false, deleting},
	{"update", scale(300, 600), false, marking},
	{"create", 16, false, func(t *testing.T, _ conntrack.Kernel) *plan.Plan {
		var reqs []wire.Request
		for _, c := range created() {
			reqs = append(reqs, c)
		}
		p, err := plan.Direct("create", reqs...)
		must(t, err)
		return p
	}},
	{"combined", scale(300, 600), false, func(t *testing.T, k conntrack.Kernel) *plan.Plan {
		return selecting(t, k, "proto == udp").Plus(marking(t, k))
	}},
	{"undo", scale(1100, 2300), true, deleting},
}

// Wherever the disk fails, nothing is changed that was not taken down before,
// and the plan says so.
func TestReliabilityDiskFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			_, k := lab(t)
			restoretest.Make(t, k, usual(0, f.flows))
			b := &bench{faulty: f, k: k, last: read(t, k)}
			for _, c := range created() {
				b.others = append(b.others, c.Entry.Orig)
			}
			clean := &trip{at: -1}
			if changed, _, err := b.run(t, clean); err != nil || changed == 0 {
				t.Fatalf("%d changed, %v", changed, err)
			}
			cases := 0
			for i, o := range clean.ops {
				rooms, want := scale([]float64{0.5}, []float64{0, 0.5, 1}), error(unix.ENOSPC)
				if o < 0 {
					rooms, want = rooms[:1], unix.EIO
				}
				for _, room := range rooms {
					cases++
					changed, notes, err := b.run(t, &trip{at: i, room: room})
					var kept *journal.Error
					if i >= len(clean.ops)-2 { // only the end is not noted
						if err != nil || !strings.Contains(notes, "journal") {
							t.Errorf("%s (%d): %v, notes %q", o, i, err, notes)
						}
					} else if !errors.As(err, &kept) || !errors.Is(err, want) {
						t.Errorf("%s (%d): %v, want an error of the journal", o, i, err)
					}
					if batches := promised(clean.ops, i); (changed > 0) != (batches > 0) {
						t.Errorf("%s (%d): %d changed, %d batches were taken down", o, i, changed, batches)
					}
				}
			}
			var space *journal.SpaceError
			if changed, _, err := b.run(t, &trip{at: -1, lies: true}); changed > 0 || !errors.As(err, &space) {
				t.Errorf("no space: %d changed, %v", changed, err)
			}
			b.last.same(t, read(t, k))
			t.Logf("%d faults at %d operations: %v", cases, len(clean.ops), clean.ops)
			if len(clean.ops) < 8 { // a header, two batches, an end
				t.Error("load too small")
			}
		})
	}
}

// bench is where a change is tried again and again.
type bench struct {
	faulty
	k      conntrack.Kernel
	last   *table       // what is there
	others []wire.Tuple // that may be there
}

// run makes the change on a disk, sees that exactly what was promised to the
// kernel has changed, and takes it back. It returns how many changes there were.
func (b *bench) run(t *testing.T, disk *trip) (changed int, notes string, err error) {
	t.Helper()
	store := opened(t, filepath.Join(t.TempDir(), "journal"), journal.On(disk))
	apply := func() (*plan.Result, error) {
		return b.plan(t, b.k).Apply(context.Background(), b.k, plan.Options{Journal: keep(store)})
	}
	before, at, id := b.last, disk.at, ""
	if b.undo { // first something to undo
		disk.at = -1
		res, err := apply()
		must(t, err)
		id, disk.ops, disk.at = res.ID, nil, at
		r, err := store.Read(id)
		must(t, err)
		defer r.Close()
		apply = func() (*plan.Result, error) { return takeBack(b.k, store, r, nil) }
	}
	if disk.lies {
		disk.Claim(1 << 20)
	}
	from := before.reread(t, b.k, b.others...)
	var res *plan.Result
	within(t, func() { res, err = apply() })
	disk.Repair()
	disk.at = -1
	ops, batches := disk.ops, math.MaxInt
	if at >= 0 {
		batches = promised(ops, at)
	}
	changes := changesOf(from, before.reread(t, b.k, b.others...))
	if len(changes) != res.Applied {
		t.Errorf("%d flows changed, the result says %v", len(changes), res)
	}
	onlyPromised(t, store, res.ID, batches, changes)
	if id == "" {
		id = res.ID
	}
	if id != "" && (len(changes) > 0 || b.undo) {
		_, err := undo(b.k, store, id, nil)
		must(t, err)
	}
	disk.ops = ops
	b.last = before.reread(t, b.k, b.others...)
	before.same(t, b.last)
	return len(changes), strings.Join(res.Notes, " "), err
}

// changesOf are the flows that are gone, new, or marked otherwise.
func changesOf(before, after *table) map[wire.Tuple]bool {
	all := map[wire.Tuple]bool{}
	gone, _ := before.missing(after)
	for _, e := range gone {
		all[e.Orig] = true
	}
	for key, is := range after.rows {
		if was := before.rows[key]; was == nil || was.Mark != is.Mark {
			all[key] = true
		}
	}
	return all
}

// onlyPromised sees that the changes are those of the first batches of a journal.
func onlyPromised(t *testing.T, store *journal.Store, id string, batches int, changes map[wire.Tuple]bool) {
	t.Helper()
	want := map[wire.Tuple]bool{}
	if id != "" && batches > 0 {
		r, err := store.Read(id)
		must(t, err)
		defer r.Close()
		n, last := 0, journal.Moment{}
		must(t, r.Each(func(c journal.Change) error {
			if c.At != last {
				n, last = n+1, c.At
			}
			if n <= batches {
				want[changedBy(t, c)] = true
			}
			return nil
		}))
	}
	for key := range changes {
		if !want[key] {
			t.Fatalf("%s changed, and is not in the %d batches that were promised", key, batches)
		}
	}
	if len(changes) < len(want) {
		t.Fatalf("%d of %d flows of the %d batches that were promised did not change", len(want)-len(changes), len(want), batches)
	}
}
