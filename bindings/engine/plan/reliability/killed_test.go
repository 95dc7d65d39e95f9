package reliability

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// size is how much is written in a directory.
func size(dir string) (n int64) {
	list, _ := os.ReadDir(dir) // it may not be there yet
	for _, f := range list {
		if info, err := f.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// killedAt plays a role and kills it a moment after it has written so many
// bytes. It tells whether the role was killed before its end.
func killedAt(t *testing.T, ns *netns.NS, role, dir string, bytes int64, later time.Duration) bool {
	t.Helper()
	cmd := play(role, dir)
	cmd.Stderr = os.Stderr
	from := size(dir)
	ended := start(t, ns, cmd)
	for size(dir)-from <= bytes && len(ended) == 0 {
		time.Sleep(20 * time.Microsecond)
	}
	for begin := time.Now(); time.Since(begin) < later; {
	}
	return kill(t, cmd, ended)
}

// deleted are the flows that a journal says are deleted, or may be. Each must
// be one of those that were there.
func deleted(t *testing.T, store *journal.Store, before *table) map[wire.Tuple]bool {
	t.Helper()
	r, err := store.Read("")
	var unknown *journal.UnknownError
	if errors.As(err, &unknown) {
		return nil
	}
	must(t, err)
	defer r.Close()
	all := map[wire.Tuple]bool{}
	must(t, r.Each(func(c journal.Change) error {
		var v wire.View
		var e wire.Entry
		if err := v.Reset(c.Payload); err != nil {
			return err
		}
		v.Entry(&e)
		was := before.rows[e.Orig]
		if was == nil || c.Kind != journal.Delete || was.ID != e.ID {
			return fmt.Errorf("the journal has a %s of %+v, there was %+v", c.Kind, e, was)
		}
		if names := differences(was, &e, 0, time.Since(before.began)); len(names) > 0 {
			return fmt.Errorf("the journal has %+v, which differs in %q from %+v", e, names, was)
		}
		all[e.Orig] = true
		return nil
	}))
	return all
}

// Whenever a deletion is killed, what is gone is in the journal, and an undo
// brings all of it back. So does one that was killed itself.
func TestReliabilityKilledDelete(t *testing.T) {
	n, points := scale(5_000, 100_000), scale(5, 20)
	ns, k := lab(t)
	fill(t, k, n)
	root := t.TempDir()

	// One that is not killed tells how much there is to write.
	dir := filepath.Join(root, "whole")
	first := read(t, k)
	if killedAt(t, ns, "delete", dir, 1<<40, 0) {
		t.Fatal("killed")
	}
	whole := size(dir)
	if left := read(t, k); len(left.rows) > 0 {
		t.Fatalf("%d flows are left", len(left.rows))
	}
	began := time.Now()
	res, err := undo(k, opened(t, dir), "", nil)
	if err != nil || res.Applied != n {
		t.Fatalf("%v %v", res, err)
	}
	last := read(t, k)
	first.same(t, last)
	t.Logf("%d flows, %d bytes each in the journal, undone in %v", n, whole/int64(n), time.Since(began).Round(time.Millisecond))

	rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
	k0 := &killing{ns: ns, k: k, rng: rng, last: last}
	for tries := 0; k0.middle < points && tries < 10*points; tries++ {
		k0.point(t, filepath.Join(root, fmt.Sprint(tries)), whole)
	}
	t.Logf("killed at %d points in the middle, %d before the first change, %d behind the last, %d times not at all; undo killed too at %d; gone each time: %v",
		k0.middle, k0.early, k0.late, k0.ended, k0.undos, k0.gone)
	k0.last.same(t, read(t, k))
	if k0.middle < points || len(first.rows) < n {
		t.Errorf("load too small: %d points, want %d", k0.middle, points)
	}
}

// killing counts at which points a deletion was killed.
type killing struct {
	ns   *netns.NS
	k    conntrack.Kernel
	rng  *rand.Rand
	last *table // what was there at the end of the last point

	middle, early, late, ended, undos int
	gone                              []int
}

// point kills a deletion at one point, and undoes it.
func (p *killing) point(t *testing.T, dir string, whole int64) {
	t.Helper()
	store := opened(t, dir)
	before := p.last
	at, later := p.rng.Int64N(whole), time.Duration(p.rng.Int64N(int64(5*time.Millisecond)))
	killed := killedAt(t, p.ns, "delete", dir, at, later)
	after := read(t, p.k)
	gone, more := before.missing(after)
	p.gone = append(p.gone, len(gone))
	switch {
	case more != 0:
		t.Fatalf("%d flows more than before", more)
	case !killed:
		p.ended++
	case len(gone) == 0:
		p.early++
	case len(gone) == len(before.rows):
		p.late++
	default:
		p.middle++
	}
	known := deleted(t, store, before)
	for _, e := range gone {
		if !known[e.Orig] {
			t.Fatalf("%s is gone, and not in the journal", e.Orig)
		}
	}
	if known == nil {
		return
	}
	back := 0
	if p.rng.IntN(2) == 0 {
		if killedAt(t, p.ns, "undo", dir, p.rng.Int64N(1+whole*int64(len(gone))/int64(len(before.rows))), later) {
			p.undos++
		}
		back = len(read(t, p.k).rows) - len(after.rows)
	}
	p.undone(t, store, before, len(known), len(gone)-back)
}

// undone undoes the newest journal of a store, which must bring so many flows
// back, and see the others of known there. It does it again, which must change
// nothing.
func (p *killing) undone(t *testing.T, store *journal.Store, before *table, known, want int) {
	t.Helper()
	r, err := store.Read("")
	if err != nil && want == 0 { // the undo that was to be killed had come to its end
		p.last = before.reread(t, p.k)
		before.same(t, p.last)
		return
	}
	must(t, err)
	id := r.Header().ID
	must(t, r.Close())
	var first *table
	for range 2 {
		res, err := undo(p.k, store, id, nil)
		if err != nil || res.Applied != want || res.Exists != known-want || res.Failed+res.Unknown+res.Expired+res.Differs > 0 {
			t.Fatalf("%v %v, want %d applied and %d there already", res, err, want, known-want)
		}
		now := before.reread(t, p.k)
		before.same(t, now)
		if first != nil {
			first.untouched(t, now)
		}
		first, want, p.last = now, 0, now
	}
}
