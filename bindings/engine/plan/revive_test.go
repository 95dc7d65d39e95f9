package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/restore"
	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// saved are flows that were kept a while ago.
type saved struct {
	list []wire.Entry
	age  time.Duration
}

func (s *saved) Len() int           { return len(s.list) }
func (s *saved) Age() time.Duration { return s.age }
func (s *saved) Each(fn func(*wire.Entry) error) error {
	for _, e := range s.list { // a copy each
		if err := fn(&e); err != nil {
			return err
		}
	}
	return nil
}

// entries are the flows of a table.
func entries(t testing.TB, k conntrack.Kernel) (list []wire.Entry) {
	t.Helper()
	for _, f := range restoretest.Read(t, k) {
		list = append(list, f.Entry)
	}
	return list
}

// TestConflicts brings flows back of which some are there, changed since, in
// every way to deal with that.
func TestConflicts(t *testing.T) {
	for _, c := range []struct {
		conflict Conflict
		want     Result
	}{
		{ConflictSkip, Result{Applied: 1190, Exists: 10}},
		{ConflictUpdate, Result{Applied: 1200}},
		{ConflictFail, Result{Applied: 1190, Failed: 10}},
	} {
		quiet(t)
		m, k := made(t, 1200)
		m.Configure(func(s *fake.Sysctls) { s.Timestamp = false })
		from := &saved{list: entries(t, k)}
		apply(t, k, Delete(where(t, k, "udp")), Options{Max: 1200})
		for i := range 10 {
			set(t, k, create(tuple(100*i+1), marked(77)))
		}
		set(t, k, &wire.Update{Key: wire.Key{Tuple: tuple(101)}, Status: wire.StatusFixedTimeout})
		p := Restore("a file", from, RestoreOptions{Conflict: c.conflict})
		if p.Touches() != (c.conflict == ConflictUpdate) {
			t.Errorf("conflict %d: touches %v", c.conflict, p.Touches())
		}
		j := kept(t)
		res := apply(t, k, p, Options{Journal: j})
		adds(t, res)
		if res.Applied != c.want.Applied || res.Exists != c.want.Exists || res.Failed != c.want.Failed || len(rows(t, k)) != 1200 {
			t.Errorf("conflict %d: %v, want %v", c.conflict, res, &c.want)
		}
		for i := range 10 {
			n := 100*i + 1
			if want := fmt.Sprintf("mark=%#x", map[bool]uint32{true: uint32(n % 4), false: 77}[c.conflict == ConflictUpdate]); !strings.Contains(rows(t, k)[tuple(n)], want) {
				t.Errorf("conflict %d: flow %d is %s, want %s", c.conflict, n, rows(t, k)[tuple(n)], want)
			}
		}
		apply(t, k, undo(t, j, ""), Options{})
		if list := rows(t, k); len(list) != 10 || count(t, k, map[string]any{"mark": 77.0}) != 10 {
			t.Errorf("conflict %d, undone: %d flows, %v", c.conflict, len(list), list[tuple(1)])
		}
	}
}

// child is a flow that was expected by another.
func child(n int, master wire.Tuple) *wire.Create {
	c := create(tuple(n))
	c.Entry.Master, c.Entry.Present = master, c.Entry.Present|wire.HasMaster
	return c
}

// TestMasters brings a family back, to its last generation, whatever the order in
// which it was deleted.
func TestMasters(t *testing.T) {
	_, k := made(t, 2)
	for i := 2; i < 40; i++ {
		set(t, k, child(i, tuple(i/2)))
	}
	before := rows(t, k)
	j := kept(t)
	apply(t, k, Delete(where(t, k, "udp")), Options{Journal: j})
	res := apply(t, k, undo(t, j, ""), Options{})
	if res.Applied != 40 || len(res.Notes) != 0 || res.Checked == 0 || res.Differs != 0 {
		t.Errorf("%v %q", res, res.Notes)
	}
	sameRows(t, "undone", rows(t, k), before)
}

// TestMissingMasters brings back children whose master is there, is gone for
// good, or is among their own children.
func TestMissingMasters(t *testing.T) {
	_, k := made(t, 2)
	for i := 2; i < 30; i++ {
		set(t, k, child(i, tuple(i%2)))
	}
	before := rows(t, k)
	j := kept(t)
	apply(t, k, Delete(where(t, k, "expected")), Options{Journal: j})
	set(t, k, gone(1))
	res := apply(t, k, undo(t, j, ""), Options{})
	adds(t, res)
	if res.Applied != 28 || res.Failed != 0 || strings.Count(strings.Join(res.Notes, "\n"), "come back without it, such as udp 10.0.0.") != 1 {
		t.Errorf("%v %q", res, res.Notes)
	}
	table := rows(t, k)
	for i := 2; i < 30; i++ {
		want := before[tuple(i)]
		if i%2 == 1 {
			want = strings.Replace(strings.Replace(want, "EXPECTED,", "", 1), "master="+tuple(1).String(), "master=", 1)
		}
		if table[tuple(i)] != want {
			t.Errorf("flow %d is %s, want %s", i, table[tuple(i)], want)
		}
	}
	var ring []wire.Entry
	for i := range 3 {
		ring = append(ring, child(100+i, tuple(100+(i+1)%3)).Entry)
	}
	ring[0].Timeout, ring[1].Timeout, ring[2].Timeout = 600, 600, 600
	if res := apply(t, k, Restore("a file", &saved{list: ring}, RestoreOptions{}), Options{}); res.Applied != 3 || !strings.Contains(strings.Join(res.Notes, "\n"), "without it") {
		t.Errorf("a ring: %v %q", res, res.Notes)
	}
}

// TestLostMasters brings back children whose masters come back no more: their time
// has run out, or the kernel takes them not.
func TestLostMasters(t *testing.T) {
	for name, master := range map[string]func(*wire.Entry){
		"expired": func(e *wire.Entry) { e.Timeout = 5 },
		"no request": func(e *wire.Entry) {
			e.Helper, e.Present = strings.Repeat("x", 16), e.Present|wire.HasHelper
		},
		"refused": func(e *wire.Entry) { e.Helper, e.Present = "nosuch", e.Present|wire.HasHelper },
	} {
		t.Run(name, func(t *testing.T) {
			_, k := made(t, 0)
			from := &saved{age: 10 * time.Second}
			for i := range 2 {
				from.list = append(from.list, create(tuple(i)).Entry, child(10+i, tuple(i)).Entry)
			}
			for i := range from.list {
				from.list[i].Timeout = 600
			}
			master(&from.list[0])
			res := apply(t, k, Restore("a file", from, RestoreOptions{}), Options{})
			adds(t, res)
			table := rows(t, k)
			if res.Applied != 3 || res.Expired+res.Failed != 1 || !strings.Contains(table[tuple(11)], "master="+tuple(1).String()) || !strings.HasSuffix(table[tuple(10)], "master=") {
				t.Errorf("%v %q: %v", res, res.Errors, table)
			}
		})
	}
}

// TestRestoreGoesOn past a flow for which there is no request, and past those that
// are there when it is to stop at errors.
func TestRestoreGoesOn(t *testing.T) {
	_, k := made(t, 5)
	from := &saved{list: entries(t, k)}
	for i := 5; i < 1500; i++ {
		from.list = append(from.list, create(tuple(i)).Entry)
		from.list[i].Timeout = 600
	}
	bad := &from.list[1200]
	bad.Helper, bad.Present = strings.Repeat("x", 16), bad.Present|wire.HasHelper
	res := apply(t, k, Restore("a file", from, RestoreOptions{}), Options{Journal: kept(t), StopOnError: true, Batch: 1})
	adds(t, res)
	if res.Applied != 1494 || res.Exists != 5 || res.Failed != 1 || len(res.Errors) != 1 || len(rows(t, k)) != 1499 {
		t.Errorf("%v %v", res, res.Errors)
	}
	var there *conntrack.Error
	_, err := Restore("a file", from, RestoreOptions{Conflict: ConflictFail}).Apply(t.Context(), k, Options{StopOnError: true})
	if !errors.As(err, &there) || !errors.Is(err, syscall.EEXIST) {
		t.Errorf("where it is to fail: %v", err)
	}
}

// TestExpired leaves out what would be gone by now, and shortens the rest.
func TestExpired(t *testing.T) {
	_, k := made(t, 0)
	from := &saved{age: 100 * time.Second}
	for i := range 20 {
		e := create(tuple(i)).Entry
		e.Timeout = uint32(90 + i) // of the first eleven nothing is left
		from.list = append(from.list, e)
	}
	res := apply(t, k, Restore("a file", from, RestoreOptions{}), Options{})
	adds(t, res)
	if res.Applied != 9 || res.Expired != 11 || len(rows(t, k)) != 9 {
		t.Errorf("%v", res)
	}
	for _, e := range entries(t, k) {
		if i := int(e.Orig.Src[15]); int(e.Timeout) != i-10 {
			t.Errorf("flow %d has %d s left", i, e.Timeout)
		}
	}
	if res := apply(t, k, Restore("a file", from, RestoreOptions{Frozen: true}), Options{}); res.Applied != 11 || res.Exists != 9 {
		t.Errorf("frozen: %v", res)
	}
}

// TestReadAgain looks at some of what was brought back, and says what is not as it
// was.
func TestReadAgain(t *testing.T) {
	m, k := made(t, 0)
	fill(t, k, 300)
	for i := range 300 {
		set(t, k, &wire.Update{Key: wire.Key{Tuple: tuple(i)}, Labels: labels(3)})
	}
	j := kept(t)
	apply(t, k, Delete(where(t, k, "udp")), Options{Journal: j})
	m.SetLabelRule(false) // labels are lost without a word
	res := apply(t, k, undo(t, j, ""), Options{})
	if res.Applied != 300 || res.Checked != 3 || res.Differs != 3 || len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "labels") {
		t.Errorf("%v %q", res, res.Notes)
	}
	if names := restore.Parts(); len(names) == 0 {
		t.Error("nothing is compared")
	}
}

// TestUndoIsRepeated cancels an undo in its middle and applies it again.
func TestUndoIsRepeated(t *testing.T) {
	for _, stop := range []int{1, 7, 12} {
		quiet(t)
		m, k := made(t, 2000)
		before := rows(t, k)
		j := kept(t)
		apply(t, k, Delete(where(t, k, "udp")), Options{Journal: j})
		ctx, cancel := context.WithCancel(t.Context())
		sends := 0
		tap := &tapped{Kernel: k, sent: func(conntrack.BatchResult) {
			if sends++; sends == stop {
				cancel()
			}
		}}
		today(m)
		first := kept(t)
		res, err := undo(t, j, "").Apply(ctx, tap, Options{Journal: first})
		made := len(rows(t, k))
		if err == nil || res.Applied != made || made == 0 || made == 2000 {
			t.Errorf("%v %v, %d flows", res, err, made)
		}
		if n := len(changes(t, first, res.ID)); n != made {
			t.Errorf("the journal of the undo holds %d flows, %d were made", n, made)
		}
		res = apply(t, k, undo(t, j, ""), Options{})
		if adds(t, res); res.Applied != 2000-made || res.Exists != made {
			t.Errorf("again: %v", res)
		}
		sameRows(t, "undone", rows(t, k), before)
	}
}

// TestJournalOfAnUndo leaves out what an undo found changed, and what was refused:
// the places in a batch of the journal are those of its requests.
func TestJournalOfAnUndo(t *testing.T) {
	m, k := made(t, 8)
	j := kept(t)
	today(m)
	apply(t, k, directly(t, create(tuple(20)), create(tuple(21)), create(tuple(22)), create(tuple(23))), Options{Journal: j})
	tap := &tapped{Kernel: k, told: func(int) { set(t, k, gone(22)) }}
	tap.answer = func(i int, v *wire.View) *wire.View {
		var f wire.Flow
		if v != nil && v.Tuple(wire.Original, &f.Orig) && f.Orig == tuple(23) {
			return nil
		}
		return v
	}
	mine := &Journal{Store: j.Store, Header: withUndoes(j, reading(t, j, "").Header().ID)}
	res := apply(t, tap, undo(t, j, ""), Options{Journal: mine})
	if res.Applied != 2 || res.Gone != 2 {
		t.Fatalf("%v", res)
	}
	got := changes(t, j, res.ID)
	if len(got) != 2 || got[0] != "delete "+tuple(21).String() || got[1] != "delete "+tuple(20).String() {
		t.Errorf("the journal holds %q", got)
	}
}

// TestJournalOfAnUndoOfUpdates is the same with flows that stay as they are.
func TestJournalOfAnUndoOfUpdates(t *testing.T) {
	_, k := made(t, 8)
	j := kept(t)
	apply(t, k, changing(t, where(t, k, "udp"), marking(0x70, 0xf0)), Options{Journal: j})
	for i := range 4 {
		set(t, k, mark(i, 0x99)) // and so are left alone
	}
	tap := &tapped{Kernel: k, told: func(int) { set(t, k, gone(5)) }}
	mine := &Journal{Store: j.Store, Header: withUndoes(j, reading(t, j, "").Header().ID)}
	res := apply(t, tap, undo(t, j, ""), Options{Journal: mine})
	if adds(t, res); res.Applied != 3 || res.Changed != 4 || res.Gone != 1 {
		t.Fatalf("%v", res)
	}
	got := strings.Join(changes(t, j, res.ID), "\n")
	for _, n := range []int{4, 6, 7} {
		if !strings.Contains(got, journal.Update.String()+" "+tuple(n).String()) {
			t.Errorf("flow %d is not in the journal: %s", n, got)
		}
	}
	if strings.Contains(got, tuple(5).String()) {
		t.Errorf("flow 5 was gone: %s", got)
	}
}
