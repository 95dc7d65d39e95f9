package plan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// deleted is a table of 1000 flows of which all were deleted, with the journal of
// that as bytes.
func deleted(t *testing.T) (k conntrack.Kernel, before map[wire.Tuple]string, id string, text []byte) {
	t.Helper()
	_, c := made(t, 1000)
	before = rows(t, c)
	dir := filepath.Join(t.TempDir(), "journal")
	j := &Journal{Store: journal.Open(dir), Header: journal.Header{Namespace: "x"}}
	res := apply(t, c, Delete(where(t, c, "udp")), Options{Journal: j})
	text, err := os.ReadFile(filepath.Join(dir, res.ID+".journal"))
	if err != nil {
		t.Fatal(err)
	}
	return c, before, res.ID, text
}

// written is a store with one journal of these bytes.
func written(t testing.TB, id string, text []byte) *Journal {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "journal")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, id+".journal"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return &Journal{Store: journal.Open(dir)}
}

// TestUndoOfADamagedJournal takes back what stands before the damage, which it
// tells, and nothing else.
func TestUndoOfADamagedJournal(t *testing.T) {
	k, before, id, whole := deleted(t)
	for name, text := range map[string][]byte{
		"cut short": whole[:len(whole)*3/5], "cut by a byte": whole[:len(whole)-1], "a flipped bit": flipped(whole, len(whole)/2),
		"zeroes": append(bytes.Clone(whole[:len(whole)/3]), make([]byte, 4096)...), "doubled": append(bytes.Clone(whole), whole...),
		"swapped": append(bytes.Clone(whole[:len(whole)/2]), whole[len(whole)/4:]...),
	} {
		j := written(t, id, text)
		r := reading(t, j, id)
		want := map[wire.Tuple]string{}
		if err := r.Each(func(c journal.Change) error {
			var v wire.View
			var tup wire.Tuple
			err := v.Reset(c.Payload)
			v.Tuple(wire.Original, &tup)
			want[tup] = before[tup]
			return err
		}); err != nil {
			t.Fatal(err)
		}
		res := apply(t, k, undo(t, j, id), Options{})
		if adds(t, res); len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "damaged") || res.Applied != len(want) {
			t.Errorf("%s: %v %q, want %d", name, res, res.Notes, len(want))
		}
		sameRows(t, name, rows(t, k), want)
		view, err := undo(t, j, id).Preview(t.Context(), k, Protection{}, 3)
		if err != nil || view.Matched() != len(want) {
			t.Errorf("%s: %v %v", name, view, err)
		}
		apply(t, k, Delete(flows(k)), Options{})
	}
}

func flipped(text []byte, at int) []byte {
	text = bytes.Clone(text)
	text[at] ^= 4
	return text
}

// batch is changes of one kind that were made together, a while ago.
type batch struct {
	kind     journal.Kind
	past     time.Duration
	payloads [][]byte
}

// ago is a journal of changes that were made a while ago.
func ago(t testing.TB, kind journal.Kind, past time.Duration, payloads ...[]byte) *Journal {
	t.Helper()
	return noted(t, batch{kind, past, payloads})
}

// noted is a journal of batches.
func noted(t testing.TB, batches ...batch) *Journal {
	t.Helper()
	const id = "1aaaaaaaaa"
	boot, err := journal.Here()
	if err != nil {
		t.Fatal(err)
	}
	now := journal.Now()
	head, err := json.Marshal(journal.Header{Version: 1, ID: id, Boot: boot, Started: now, Op: "delete", Target: "some"})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	w := record.NewWriter(&text, record.Format{Name: "journal", Magic: "ctshjrnl", Version: 1})
	_ = w.Append('H', head)
	for i, b := range batches {
		begin := binary.BigEndian.AppendUint32(nil, uint32(i))
		begin = binary.BigEndian.AppendUint32(begin, uint32(len(b.payloads)))
		begin = binary.BigEndian.AppendUint64(begin, uint64(now.Wall.Add(-b.past).UnixNano()))
		begin = binary.BigEndian.AppendUint64(begin, uint64(now.Boot-b.past))
		_ = w.Append('B', begin)
		for _, p := range b.payloads {
			_ = w.Append(byte(b.kind), p)
		}
	}
	_ = w.Append('E', []byte(`{"applied":1}`))
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return written(t, id, text.Bytes())
}

// raw is a flow as a dump tells it.
func raw(t testing.TB, n int, change func(*wire.Entry)) []byte {
	t.Helper()
	e := create(tuple(n)).Entry
	e.Reply, _ = e.Orig.Invert()
	e.Status, e.ID = wire.StatusConfirmed, uint32(n)
	e.Present |= wire.HasReply | wire.HasStatus | wire.HasID
	change(&e)
	return e.AppendMessage(nil)
}

// TestUndoOfLongAgo shortens timeouts by the time that has passed, and leaves out
// what would be gone.
func TestUndoOfLongAgo(t *testing.T) {
	_, k := made(t, 0)
	left := func(n uint32) func(*wire.Entry) { return func(e *wire.Entry) { e.Timeout = n } }
	j := ago(t, journal.Delete, time.Hour, raw(t, 1, left(3000)), raw(t, 2, left(7200)), raw(t, 3, left(3600)), raw(t, 4, left(432000)))
	res := apply(t, k, undo(t, j, ""), Options{})
	if adds(t, res); res.Applied != 2 || res.Expired != 2 {
		t.Errorf("%v", res)
	}
	for _, e := range entries(t, k) {
		if want := map[byte]uint32{2: 3600, 4: 428400}[e.Orig.Src[15]]; e.Timeout > want || e.Timeout+60 < want {
			t.Errorf("%s has %d s left, want %d", e.Orig, e.Timeout, want)
		}
	}
	view, err := undo(t, j, "").Preview(t.Context(), k, Protection{}, 0)
	if err != nil || view.Matched() != 4 || view.Again != 4 {
		t.Errorf("%v %v", view, err)
	}
}

// TestUndoOfAnUpdateLongAgo gives flows what is left of the timeout they had.
func TestUndoOfAnUpdateLongAgo(t *testing.T) {
	_, k := made(t, 6)
	u := &wire.Update{Key: wire.Key{Tuple: tuple(0)}, Timeout: seconds(9000), Mark: &wire.Masked32{Value: 8, Mask: 0xff}}
	msg, err := u.Append(nil, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	for n, timeout := range map[int]uint32{0: 4000, 1: 3000, 2: 9000} {
		set(t, k, &wire.Update{Key: wire.Key{Tuple: tuple(n)}, Timeout: seconds(5400), Mark: u.Mark})
		list = append(list, journal.Pack(nil, raw(t, n, func(e *wire.Entry) { e.Timeout, e.Present = timeout, e.Present&^wire.HasID }), msg))
	}
	res := apply(t, k, undo(t, ago(t, journal.Update, time.Hour, list...), ""), Options{})
	if adds(t, res); res.Applied != 3 {
		t.Errorf("%v", res)
	}
	for _, e := range entries(t, k) {
		// Of the second nothing would be left: it ends.
		if want := map[byte]uint32{0: 400, 1: 1, 2: 5400}[e.Orig.Src[15]]; want > 0 && (e.Timeout > want || e.Timeout+60 < want || e.Mark != 0) {
			t.Errorf("%s has mark %d and %d s left, want %d", e.Orig, e.Mark, e.Timeout, want)
		}
	}
}

// TestUndoLeavesTimeoutsThatBeganAnew, by a packet or somebody else.
func TestUndoLeavesTimeoutsThatBeganAnew(t *testing.T) {
	_, k := made(t, 3)
	u := &wire.Update{Key: wire.Key{Tuple: tuple(0)}, Timeout: seconds(9000)}
	msg, err := u.Append(nil, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	for n, now := range []uint32{5400, 5390, 30} {
		set(t, k, &wire.Update{Key: wire.Key{Tuple: tuple(n)}, Timeout: seconds(now)})
		list = append(list, journal.Pack(nil, raw(t, n, func(e *wire.Entry) { e.Timeout, e.Present = 4000, e.Present&^wire.HasID }), msg))
	}
	res := apply(t, k, undo(t, ago(t, journal.Update, time.Hour, list...), ""), Options{})
	if adds(t, res); res.Applied != 1 || res.Changed != 2 {
		t.Errorf("%v", res)
	}
	for _, e := range entries(t, k) {
		if want := []uint32{400, 5390, 30}[e.Orig.Src[15]]; e.Timeout != want {
			t.Errorf("%s has %d s left, want %d", e.Orig, e.Timeout, want)
		}
	}
}

// TestUndoOfSlowCreation takes back flows that were made one by one over minutes:
// each is known by the time that it was made at. One that others made is left.
func TestUndoOfSlowCreation(t *testing.T) {
	m, k := made(t, 0)
	today(m)
	var list []batch
	for i := range 20 {
		c := create(tuple(i))
		msg, err := c.Append(nil, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, batch{journal.Create, time.Duration(20-i) * 15 * time.Second, [][]byte{msg}})
	}
	m.Advance(-300 * time.Second)
	for i := range 20 {
		set(t, k, create(tuple(i)))
		m.Advance(15 * time.Second)
	}
	set(t, k, gone(7), create(tuple(7)))
	res := apply(t, k, undo(t, noted(t, list...), ""), Options{})
	if table := rows(t, k); res.Applied != 19 || res.Changed != 1 || len(table) != 1 || table[tuple(7)] == "" {
		t.Errorf("%v, %d flows are left", res, len(table))
	}
}

// TestUndoOfNonsense has journals that are whole and hold what no plan wrote.
func TestUndoOfNonsense(t *testing.T) {
	_, k := made(t, 8)
	before := rows(t, k)
	good := raw(t, 1, func(*wire.Entry) {})
	for name, j := range map[string]*Journal{
		"no flow": ago(t, journal.Delete, 0, make([]byte, 20)), "half a flow": ago(t, journal.Delete, 0, good[:len(good)-3]),
		"empty":                     ago(t, journal.Delete, 0, []byte{}),
		"no tuple":                  ago(t, journal.Create, 0, make([]byte, 20)),
		"one part":                  ago(t, journal.Update, 0, journal.Pack(nil, good)),
		"no parts":                  ago(t, journal.Update, 0, []byte{0, 0, 0, 9, 1}),
		"bad parts":                 ago(t, journal.Update, 0, journal.Pack(nil, []byte("x"), []byte("y"))),
		"no change":                 ago(t, journal.Update, 0, journal.Pack(nil, good, make([]byte, 20))),
		"no action":                 ago(t, journal.Action, 0, []byte("{")),
		"a kind of a later version": ago(t, 'q', 0, []byte("x")),
	} {
		within(t, name, func() {
			res, err := undo(t, j, "").Apply(t.Context(), k, Options{})
			if err == nil && res.Applied > 0 {
				t.Errorf("%s: %v", name, res)
			}
			if err != nil && (!strings.Contains(err.Error(), " ") || strings.Contains(err.Error(), "%!")) {
				t.Errorf("%s: %v", name, err)
			}
			_, _ = undo(t, j, "").Preview(t.Context(), k, Protection{}, 3)
		})
		sameRows(t, name, rows(t, k), before)
	}
}
