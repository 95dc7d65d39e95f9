package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// undoing takes a journal back and takes that down too, as a script does.
func undoing(t testing.TB, k conntrack.Kernel, j *Journal, id string, revert Revert) *Result {
	t.Helper()
	r := reading(t, j, id)
	res := apply(t, k, Undo(r, revert), Options{Journal: &Journal{Store: j.Store, Header: withUndoes(j, r.Header().ID)}})
	if err := j.Store.MarkUndone(r.Header().ID, res.ID); err != nil {
		t.Fatal(err)
	}
	return res
}

// undone are plans of one and of several steps for a table of 400 flows.
var undone = []struct {
	name string
	plan func(*testing.T, conntrack.Kernel) *Plan
	n    int // changes
}{
	{"delete", func(t *testing.T, k conntrack.Kernel) *Plan { return deleting(t, k, "mark == 1") }, 100},
	{"delete all", func(t *testing.T, k conntrack.Kernel) *Plan { return deleting(t, k, "udp") }, 400},
	{"mark", func(t *testing.T, k conntrack.Kernel) *Plan {
		return updating(t, k, "mark == 1 or mark == 2", marking(0x50, 0xf3))
	}, 200},
	{"labels", func(t *testing.T, k conntrack.Kernel) *Plan {
		return updating(t, k, "mark == 1", Change{Labels: labels(5), LabelMask: labels(5, 6)})
	}, 100},
	{"create", func(t *testing.T, _ conntrack.Kernel) *Plan { return directly(t, create(tuple(1000))) }, 1},
	{"creates", func(t *testing.T, _ conntrack.Kernel) *Plan {
		var reqs []wire.Request
		for i := range 300 {
			reqs = append(reqs, create(tuple(1000+i)))
		}
		return directly(t, reqs...)
	}, 300},
	{"mark, delete", func(t *testing.T, k conntrack.Kernel) *Plan {
		return updating(t, k, "mark == 1", marking(9, ^uint32(0))).Plus(deleting(t, k, "src in 10.0.0.0/25"))
	}, 228},
	{"delete, create the same", func(t *testing.T, k conntrack.Kernel) *Plan {
		return deleting(t, k, "mark == 1").Plus(directly(t, create(tuple(1), marked(33)))).Plus(directly(t, create(tuple(5), marked(34)), create(tuple(999))))
	}, 103},
	{"mark twice", func(t *testing.T, k conntrack.Kernel) *Plan {
		return updating(t, k, "udp", marking(0x100, 0xf00)).Plus(updating(t, k, "udp", marking(0x200, 0xf00)))
	}, 800},
	{"mark and label", func(t *testing.T, k conntrack.Kernel) *Plan {
		return updating(t, k, "mark == 3", Change{Labels: labels(1), LabelMask: labels(1)}).Plus(updating(t, k, "mark == 3", marking(4, ^uint32(0))))
	}, 200},
	{"delete twice", func(t *testing.T, k conntrack.Kernel) *Plan {
		return deleting(t, k, "mark == 1").Plus(deleting(t, k, "mark == 1"))
	}, 100},
	{"all of it", func(t *testing.T, k conntrack.Kernel) *Plan {
		return updating(t, k, "mark == 1", marking(7, ^uint32(0))).Plus(deleting(t, k, "mark == 2")).Plus(directly(t, create(tuple(900), marked(8)))).
			Plus(updating(t, k, "udp", Change{Labels: labels(9), LabelMask: labels(9)})).Plus(deleting(t, k, "mark == 0"))
	}, 100 + 100 + 1 + 300 + 100},
}

func deleting(t *testing.T, k conntrack.Kernel, text string) *Plan { return Delete(where(t, k, text)) }

func updating(t *testing.T, k conntrack.Kernel, text string, c Change) *Plan {
	return changing(t, where(t, k, text), c)
}

// takenBack applies a plan and takes it back: the table is as it was. A second
// time nothing is done, and the undo can be undone. Between two of these some
// time passes.
func takenBack(t *testing.T, k conntrack.Kernel, plan func(*testing.T, conntrack.Kernel) *Plan, n int, pass func()) {
	t.Helper()
	before := rows(t, k)
	j := kept(t)
	pass()
	res := apply(t, k, plan(t, k), Options{Journal: j})
	adds(t, res)
	if got := len(changes(t, j, res.ID)); res.Applied != n || got != n {
		t.Fatalf("%v, %d in the journal; want %d", res, got, n)
	}
	after := rows(t, k)
	pass()
	back := undoing(t, k, j, res.ID, nil)
	adds(t, back)
	sameRows(t, "undone", rows(t, k), before)
	if back.Failed+back.Unknown > 0 || back.Applied < n-100 {
		t.Errorf("undo: %v", back)
	}
	again := undoing(t, k, j, res.ID, nil)
	if again.Failed+again.Unknown > 0 {
		t.Errorf("again: %v", again)
	}
	sameRows(t, "undone twice", rows(t, k), before)
	pass()
	redo := undoing(t, k, j, back.ID, nil)
	adds(t, redo)
	sameRows(t, "undo undone", rows(t, k), after)
	undoing(t, k, j, redo.ID, nil)
	sameRows(t, "and again", rows(t, k), before)
}

func TestUndoOfPlans(t *testing.T) {
	for _, c := range undone {
		for _, times := range []bool{false, true} { // whether the kernel tells when flows began
			t.Run(fmt.Sprintf("%s, times %v", c.name, times), func(t *testing.T) {
				quiet(t)
				m, k := made(t, 0)
				m.Configure(func(s *fake.Sysctls) { s.Timestamp = times })
				fill(t, k, 400)
				takenBack(t, k, c.plan, c.n, func() { today(m) })
			})
		}
	}
}

// TestUndoLeavesOthersChanges takes back an update of flows that somebody else
// has changed since: what he did stays.
func TestUndoLeavesOthersChanges(t *testing.T) {
	_, k := made(t, 12)
	for i := range 12 {
		set(t, k, &wire.Update{Key: wire.Key{Tuple: tuple(i)}, Labels: labels(2), Mark: &wire.Masked32{Value: 0x120, Mask: 0xff0}})
	}
	j := kept(t)
	apply(t, k, changing(t, where(t, k, "udp"), Change{Mark: &wire.Masked32{Value: 0x40, Mask: 0xf0}, Labels: labels(7), LabelMask: labels(2, 7), Timeout: seconds(300)}), Options{Journal: j})
	set(t, k, mark(1, 0x999),
		&wire.Update{Key: wire.Key{Tuple: tuple(2)}, Mark: &wire.Masked32{Value: 0x5, Mask: 0xf}},                   // other bits
		&wire.Update{Key: wire.Key{Tuple: tuple(3)}, Labels: labels(2), LabelMask: labels(2)},                       // one of the labels
		&wire.Update{Key: wire.Key{Tuple: tuple(4)}, Labels: labels(90), LabelMask: labels(90)},                     // another label
		&wire.Update{Key: wire.Key{Tuple: tuple(5)}, Timeout: seconds(5000)},                                        // it is longer now
		&wire.Update{Key: wire.Key{Tuple: tuple(6)}, Status: wire.StatusFixedTimeout}, gone(7), mark(8, 0x148&^0xf), // the same as it is
	)
	res := apply(t, k, undo(t, j, ""), Options{})
	adds(t, res)
	if res.Gone != 1 || res.Failed != 0 || len(res.Notes) != 1 {
		t.Errorf("%v %q", res, res.Notes)
	}
	got := map[int]string{}
	var e wire.Entry
	for i := range 12 {
		if found, err := k.Get(t.Context(), wire.Get{Key: wire.Key{Tuple: tuple(i)}}, &e); err != nil || found != (i != 7) {
			t.Fatal(i, found, err)
		} else if found {
			got[i] = fmt.Sprintf("%#x %x %d", e.Mark, e.Labels, e.Timeout)
		}
	}
	for i, want := range map[int]string{0: "0x120 [4 0] 600", 1: "0x999 [4 0] 600", 2: "0x125 [4 0] 600", 3: "0x123 [84 0] 600", 4: "0x120 [4 4000000] 600",
		5: "0x121 [4 0] 5000", 6: "0x122 [4 0] 300", 8: "0x120 [4 0] 600", 9: "0x121 [4 0] 600"} {
		if got[i] != want {
			t.Errorf("flow %d is %s, want %s", i, got[i], want)
		}
	}
}

// TestUndoOfAChangeThatFixes takes back an update that fixed the timeout too: the
// kernel refuses another timeout, which must not hold up the rest.
func TestUndoOfAChangeThatFixes(t *testing.T) {
	_, k := made(t, 4)
	j := kept(t)
	apply(t, k, changing(t, where(t, k, "udp"), Change{Mark: &wire.Masked32{Value: 9, Mask: ^uint32(0)}, Timeout: seconds(100), Status: wire.StatusFixedTimeout}), Options{Journal: j})
	res := apply(t, k, undo(t, j, ""), Options{})
	if res.Failed != 0 || count(t, k, map[string]any{"mark": 9.0}) != 0 || !strings.Contains(strings.Join(res.Notes, " "), "clears none") {
		t.Errorf("%v %q", res, res.Notes)
	}
}

// TestUndoOfWhatOthersMadeAnew has flows that were made by a plan, and went, and
// were made anew by others with the same addresses.
func TestUndoOfWhatOthersMadeAnew(t *testing.T) {
	m, k := made(t, 0)
	j := kept(t)
	there := tuple(2)
	back, _ := there.Invert()
	today(m)
	apply(t, k, directly(t, create(tuple(0)), create(tuple(1)), create(tuple(2))), Options{Journal: j})
	m.Advance(time.Minute)
	set(t, k, gone(1), gone(2), create(tuple(1)), create(back))
	res := apply(t, k, undo(t, j, ""), Options{})
	adds(t, res)
	table := rows(t, k)
	if res.Applied != 1 || res.Changed != 2 || table[tuple(1)] == "" || table[back] == "" || len(table) != 2 {
		t.Errorf("%v, left %v", res, table)
	}
}

// TestUndoOfUpsert takes back a plan that made a flow or changed the one that was
// there.
func TestUndoOfUpsert(t *testing.T) {
	over := func(c *wire.Create) { c.Upsert, c.Entry.Timeout = true, 60 }
	for _, times := range []bool{false, true} {
		m, k := made(t, 0)
		m.Configure(func(s *fake.Sysctls) { s.Timestamp = times })
		fill(t, k, 4)
		before := rows(t, k)
		j := kept(t)
		p := directly(t, create(tuple(1), marked(7), over)).Plus(directly(t, create(tuple(90), over)))
		if !p.Touches() {
			t.Error("it may change a flow that is there")
		}
		today(m)
		if res := apply(t, k, p, Options{Journal: j}); res.Applied != 2 || count(t, k, map[string]any{"mark": 7.0}) != 1 {
			t.Errorf("%v", res)
		}
		apply(t, k, undo(t, j, ""), Options{})
		sameRows(t, "undone", rows(t, k), before)
		if res := apply(t, k, p, Options{Guard: protecting(t, "mark == 1")}); res.Protected != 1 || res.Applied != 1 || rows(t, k)[tuple(1)] != before[tuple(1)] {
			t.Errorf("a flow that is protected: %v, %s", res, rows(t, k)[tuple(1)])
		}
	}
}

// TestUpsertOfWhatComesMeanwhile has a flow that comes to be between the look and
// the request: it stays as it is, and an undo leaves it.
func TestUpsertOfWhatComesMeanwhile(t *testing.T) {
	_, k := made(t, 0)
	j := kept(t)
	tap := &tapped{Kernel: k, do: func() { set(t, k, create(tuple(1), marked(9))) }}
	over := create(tuple(1), marked(7), func(c *wire.Create) { c.Upsert = true })
	var refused *conntrack.Error
	if res, err := directly(t, over).Apply(t.Context(), tap, Options{Journal: j}); !errors.As(err, &refused) || !errors.Is(err, syscall.EEXIST) || res.Failed != 1 {
		t.Errorf("%v %v", res, err)
	}
	if count(t, k, map[string]any{"mark": 9.0}) != 1 {
		t.Errorf("it was changed: %v", rows(t, k))
	}
}

// expected is the request to expect a connection back to the client of a flow.
func expected(master wire.Tuple) *wire.ExpectCreate {
	e := wire.Expect{Master: master, Tuple: wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoTCP, Src: master.Dst, Dst: master.Src, DstPort: 2021}}
	e.Mask = wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoTCP, Src: addr("255.255.255.255"), Dst: addr("255.255.255.255"), DstPort: 0xffff}
	return &wire.ExpectCreate{Expect: e}
}

// TestUndoOfExpectations takes nothing away from the master of an expectation.
func TestUndoOfExpectations(t *testing.T) {
	m, k := made(t, 0)
	m.Configure(func(s *fake.Sysctls) { s.Timestamp = false })
	master := tuple(1)
	master.Proto, master.DstPort = wire.ProtoTCP, 21
	set(t, k, create(master, func(c *wire.Create) { c.Entry.Helper, c.Entry.Present = "ftp", c.Entry.Present|wire.HasHelper }))
	before := rows(t, k)
	j := kept(t)
	apply(t, k, directly(t, expected(master)), Options{Journal: j})
	del, err := wire.NewExpectDelete(&expected(master).Expect)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, k, directly(t, del, del), Options{Journal: j})
	for _, n := range []string{"", ""} {
		res := undoing(t, k, j, n, nil)
		if res.Failed+res.Unknown > 0 || len(res.Notes) == 0 {
			t.Errorf("%v %q", res, res.Notes)
		}
		sameRows(t, "undone", rows(t, k), before)
	}
}

// TestUndoOfActions takes actions back, the last one first.
func TestUndoOfActions(t *testing.T) {
	_, k := made(t, 4)
	value := []int{0}
	set := func(n int) Action {
		return Action{N: 1, Do: func(context.Context) (Counts, error) { value = append(value, n); return Counts{Applied: 1}, nil },
			Undo: func() (Note, error) { b, err := json.Marshal(value[len(value)-1]); return Note{"number", b}, err }}
	}
	revert := func(n Note) (a Action, err error) {
		var was int
		if err = json.Unmarshal(n.Data, &was); err == nil {
			a = set(was)
		}
		return a, err
	}
	j := kept(t)
	fails := Act("set", "x", Action{N: 3, Do: func(context.Context) (Counts, error) { return Counts{}, errors.New("no") }, Undo: set(0).Undo})
	p := Act("set", "x = 5", set(5)).Plus(Delete(where(t, k, "mark == 1"))).Plus(Act("set", "x = 6", set(6)))
	before := rows(t, k)
	res := apply(t, k, p, Options{Journal: j})
	if res.Applied != 3 || res.Matched != 3 || !slices.Equal(value, []int{0, 5, 6}) {
		t.Fatalf("%v %v", res, value)
	}
	back := undoing(t, k, j, "", revert)
	if back.Applied != 3 || !slices.Equal(value, []int{0, 5, 6, 5, 0}) {
		t.Errorf("%v %v", back, value)
	}
	sameRows(t, "undone", rows(t, k), before)
	bad, err := fails.Apply(t.Context(), k, Options{Journal: j})
	if err == nil || bad.Failed != 3 || reading(t, j, bad.ID).Len() != 0 {
		t.Errorf("%v %v: what failed is not to be undone", bad, err)
	}
	unknown := func(Note) (Action, error) { return Action{}, errors.New("nobody knows") }
	if res, err := Undo(reading(t, j, res.ID), unknown).Apply(t.Context(), k, Options{}); err == nil || !strings.Contains(err.Error(), "nobody knows") || res.Applied > 0 {
		t.Errorf("%v %v", res, err)
	}
}
