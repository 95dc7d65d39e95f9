package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

func TestJournal(t *testing.T) {
	s := at(t)
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Fatalf("before the first: %v %v", list, err)
	}
	before := Now()
	w := begin(t, s, some("delete"))
	must(t, w.Intend(Delete, payloads(0, 1000)))
	must(t, w.Settle([]int{0, 7, 999}))
	must(t, w.Settle([]int{8}))
	must(t, w.Intend(Update, payloads(1, 3)))
	must(t, w.Settle(nil))
	must(t, w.Intend(Create, payloads(2, 1)))
	must(t, w.Settle([]int{0}))
	must(t, w.Intend(Action, payloads(3, 2)))
	must(t, w.End(Outcome{Applied: 1002, Gone: 3, Failed: 1, Error: "stopped"}))

	var want []change
	for i, p := range payloads(0, 1000) {
		if !slices.Contains([]int{0, 7, 8, 999}, i) {
			want = append(want, change{Delete, string(p), true})
		}
	}
	for _, p := range payloads(1, 3) {
		want = append(want, change{Update, string(p), true})
	}
	for _, p := range payloads(3, 2) {
		want = append(want, change{Action, string(p), true})
	}
	id := w.Header().ID
	for _, name := range []string{id, id[:7], strings.ToUpper(id), ""} {
		r := read(t, s, name)
		if got := all(t, r); !slices.Equal(got, want) {
			t.Errorf("%q: %d changes, want %d", name, len(got), len(want))
		}
		o, ok := r.Outcome()
		if r.Damage() != nil || !ok || o.Applied != 1002 || o.Error != "stopped" || o.At.Boot < before.Boot {
			t.Errorf("%q: %+v %v %v", name, o, ok, r.Damage())
		}
		h := r.Header()
		boot, err := Here()
		if err != nil || h.Boot != boot || boot == "" || h.PID != os.Getpid() || h.Version != 1 || h.Target != "tcp and dport == 22" {
			t.Errorf("header %+v, %v", h, err)
		}
		must(t, r.Each(func(c Change) error {
			if c.At.Boot < before.Boot || c.At.Boot > Now().Boot || c.At.Wall.Before(before.Wall) || h.Age(c.At) > time.Hour {
				return fmt.Errorf("a change at %v, %v after the begin, %v old", c.At, c.At.Boot-before.Boot, h.Age(c.At))
			}
			return nil
		}))
	}
	e := entry(t, s, id)
	if e.Counts[Delete] != 996 || e.Counts[Update] != 3 || e.Counts[Action] != 2 || len(e.Counts) != 3 ||
		e.NotDone != 5 || e.Outcome == nil || e.Live || e.Err != nil || e.Undone != nil {
		t.Errorf("%+v", e)
	}
	if info, err := os.Stat(filepath.Join(s.dir, id+suffix)); err != nil || info.Size() != e.Size || info.Mode() != 0o600 {
		t.Errorf("%v, %d bytes in the list, %v", info, e.Size, err)
	}
	for dir := s.dir; filepath.Base(dir) != "001"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v", dir, info.Mode(), err)
		}
	}
}

// An error of the caller ends the reading and comes back as it is.
func TestStop(t *testing.T) {
	s := at(t)
	h := written(t, s, some("delete"), 5, 5)
	r, stop := read(t, s, h.ID), errors.New("stop")
	for _, walk := range []func(func(Change) error) error{r.Each, r.Back} {
		n := 0
		if err := walk(func(Change) error {
			if n++; n == 7 {
				return stop
			}
			return nil
		}); !errors.Is(err, stop) || n != 7 {
			t.Errorf("%v after %d", err, n)
		}
	}
}

// A batch that cannot be written is refused, and the journal goes on.
func TestRefusedBatches(t *testing.T) {
	s := at(t)
	w := begin(t, s, some("delete"))
	for what, err := range map[string]error{
		"no kind":           w.Intend('D', payloads(0, 1)),
		"nothing":           w.Intend(Delete, nil),
		"1001 changes":      w.Intend(Delete, payloads(0, 1001)),
		"17 MiB":            w.Intend(Delete, [][]byte{make([]byte, 9<<20), make([]byte, 8<<20)}),
		"settle of nothing": w.Settle(nil),
	} {
		if !is[*BatchError](err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(t, w.Intend(Delete, payloads(0, 2)))
	for _, i := range []int{-1, 2} {
		if err := w.Settle([]int{0, i}); !is[*BatchError](err) {
			t.Errorf("place %d: %v", i, err)
		}
	}
	must(t, w.Intend(Delete, [][]byte{make([]byte, 8<<20), make([]byte, 8<<20)}))
	must(t, w.End(Outcome{}))
	if err := w.Intend(Delete, payloads(0, 1)); !is[*Error](err) || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	if err := w.End(Outcome{}); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a second end: %v", err)
	}
	w.Abort()
	if r := read(t, s, ""); r.Len() != 4 || r.Damage() != nil {
		t.Errorf("%d changes, %v", r.Len(), r.Damage())
	}
}

func TestAbort(t *testing.T) {
	s := at(t)
	begin(t, s, some("delete")).Abort()
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("nothing was intended, yet there is %+v %v", list, err)
	}
	w := begin(t, s, some("delete"))
	must(t, w.Intend(Delete, payloads(0, 2)))
	w.Abort()
	w.Abort()
	if e := entry(t, s, w.Header().ID); e.Counts[Delete] != 2 || e.Outcome != nil || e.Live || e.Err != nil {
		t.Errorf("%+v", e)
	}
}

// TestNewestOfSome is of those that are meant; what is damaged among them is told.
func TestNewestOfSome(t *testing.T) {
	s := at(t)
	for _, of := range []string{"a", "b", "a", "c"} {
		h := some("delete")
		h.Namespace = of
		w := begin(t, s, h)
		must(t, w.Intend(Delete, payloads(0, 1)))
		must(t, w.End(Outcome{Applied: 1}))
	}
	var ids []string
	must(t, s.Each(func(e Entry) error { ids = append(ids, e.ID); return nil }))
	for of, want := range map[string]string{"a": ids[1], "b": ids[2], "c": ids[0]} {
		r, err := s.Newest(func(h *Header) bool { return h.Namespace == of })
		if err != nil || r.Header().ID != want {
			t.Fatalf("%s: %v, want %s", of, err, want)
		}
		must(t, r.Close())
	}
	var unknown *UnknownError
	if _, err := s.Newest(func(*Header) bool { return false }); !errors.As(err, &unknown) {
		t.Errorf("of none: %v", err)
	}
}

// TestSettled: what became of the last batch is known where the writer noted it,
// or ended with nothing left open; of those before it is known anyway.
func TestSettled(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(*Writer) error
		last bool
	}{
		"killed":           {func(w *Writer) error { w.Abort(); return nil }, false},
		"killed, noted":    {func(w *Writer) error { defer w.Abort(); return w.Settle([]int{1}) }, true},
		"ended":            {func(w *Writer) error { return w.End(Outcome{Applied: 3}) }, true},
		"ended in a doubt": {func(w *Writer) error { return w.End(Outcome{Applied: 2, Unknown: 1}) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := at(t)
			w := begin(t, s, some("create"))
			must(t, w.Intend(Create, payloads(0, 1)))
			must(t, w.Intend(Create, payloads(1, 2)))
			must(t, tc.end(w))
			got := all(t, read(t, s, ""))
			if want := []bool{true, tc.last}; len(got) < 2 || got[0].settled != want[0] || got[1].settled != want[1] {
				t.Errorf("%v, want settled %v", got, want)
			}
		})
	}
}

// Long texts of a header are cut with a word about it, and come back.
func TestLongHeader(t *testing.T) {
	s := at(t)
	h := some("delete")
	h.Target, h.Command = strings.Repeat("\x01", 1<<20), strings.Repeat("ü", record.MaxText)
	h = written(t, s, h, 1)
	got := read(t, s, h.ID).Header()
	if got.Target != strings.Repeat("\x01", record.MaxText)+" [1044480 bytes cut]" || got.Command != strings.Repeat("ü", record.MaxText/2)+" [4096 bytes cut]" {
		t.Errorf("%d and %d bytes", len(got.Target), len(got.Command))
	}
	if h.Target = strings.Repeat("x", record.MaxText-1) + "üü"; record.Cut(h.Target) != strings.Repeat("x", record.MaxText-1)+" [4 bytes cut]" {
		t.Errorf("%q", record.Cut(h.Target)[record.MaxText-5:])
	}
}

func TestFind(t *testing.T) {
	s := at(t)
	if _, err := s.Read(""); !is[*UnknownError](err) || err.Error() != "nothing to undo: there is no journal" {
		t.Error(err)
	}
	if _, err := s.Read("x"); !is[*UnknownError](err) || err.Error() != `no journal "x": there is none` {
		t.Error(err)
	}
	a, b := written(t, s, some("delete"), 1), written(t, s, some("update"), 2)
	if a.ID >= b.ID || len(a.ID) != idLen {
		t.Errorf("%s is not before %s", a.ID, b.ID)
	}
	if r := read(t, s, ""); r.Header().ID != b.ID {
		t.Errorf("the newest is %s, not %s", r.Header().ID, b.ID)
	}
	if _, err := s.Read(a.ID[:3]); !is[*AmbiguousError](err) || !strings.Contains(err.Error(), b.ID+", "+a.ID) {
		t.Error(err)
	}
	typo := a.ID[:4] + "uu" + a.ID[6:]
	if _, err := s.Read(typo); !is[*UnknownError](err) || !strings.Contains(err.Error(), "did you mean") {
		t.Error(err)
	}
	if _, err := s.Read("../../etc/passwd"); !is[*UnknownError](err) || !strings.Contains(err.Error(), "the newest is "+b.ID) {
		t.Error(err)
	}
}

// Without a name an undo means what holds changes, stands, and is no undo.
func TestNewest(t *testing.T) {
	s := at(t)
	first := written(t, s, some("delete"), 1)
	second := written(t, s, some("delete"), 1)
	written(t, s, some("nothing"))
	w := begin(t, s, some("gone"))
	must(t, w.Intend(Delete, payloads(0, 1)))
	must(t, w.Settle([]int{0}))
	must(t, w.End(Outcome{Gone: 1}))
	want := func(id string) {
		t.Helper()
		r, err := s.Read("")
		if err != nil {
			if id != "" || !is[*UnknownError](err) {
				t.Fatal(err)
			}
			return
		}
		defer r.Close()
		if r.Header().ID != id {
			t.Errorf("%s, want %s", r.Header().ID, id)
		}
	}
	undo := func(id string) string {
		h := some("undo")
		h.Undoes = id
		h = written(t, s, h, 1)
		must(t, s.MarkUndone(id, h.ID))
		return h.ID
	}
	want(second.ID)
	of2 := undo(second.ID)
	want(first.ID)
	of1 := undo(first.ID)
	want("")
	again := undo(of2) // second is done once more
	want(second.ID)
	undo(again)
	want(first.ID[:0])
	undo(of1)
	want(first.ID)
}

func TestLive(t *testing.T) {
	s := at(t)
	old := written(t, s, some("delete"), 1)
	w := begin(t, s, some("delete"))
	defer w.Abort()
	for range 2 {
		if _, err := s.Read(w.Header().ID); !is[*BusyError](err) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
			t.Error(err)
		}
		if _, err := s.Read(""); !is[*BusyError](err) {
			t.Errorf("an older one was taken for the newest: %v", err)
		}
		if e := entry(t, s, w.Header().ID); !e.Live || e.Err != nil || e.Header.Op != "delete" {
			t.Errorf("%+v", e)
		}
		must(t, w.Intend(Delete, payloads(0, 10)))
	}
	// What ends within a record is being written, not damaged.
	f, err := os.OpenFile(filepath.Join(s.dir, w.Header().ID+suffix), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.WriteString("d\x00\x00")
	must(t, errors.Join(err, f.Close()))
	if e := entry(t, s, w.Header().ID); !e.Live || e.Err != nil || e.Counts[Delete] != 20 {
		t.Errorf("%+v", e)
	}
	if r := read(t, s, old.ID); r.Len() != 1 {
		t.Errorf("%d changes", r.Len())
	}
}

// The clock may be set back: a later journal still has the greater ID.
func TestIDs(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n, err := nextFile(now, nil)
	must(t, err)
	id := formatID(n)
	if m, ok := parseID(id); !ok || m != n || n>>randomBits != 1_700_000_000 {
		t.Errorf("%s is %d of %d, %v", id, m, n, ok)
	}
	for range 100 {
		next, err := nextFile(now.Add(-time.Hour), []string{id})
		must(t, err)
		if next != n+fileIDs {
			t.Fatalf("%s after %s", formatID(next), id)
		}
		id, n = formatID(next), next
	}
	if next, _ := nextFile(now.Add(time.Hour), []string{id}); next <= n {
		t.Errorf("%s after %s", formatID(next), id)
	}
	for _, id := range []string{"zzzzzzzzzz", "zzzzzzzw00"} {
		if n, err := nextFile(now, []string{id}); !errors.Is(err, errNoID) {
			t.Error(n, err)
		}
	}
	if n, err := nextFile(now, []string{"zzzzzzzr00"}); err != nil || formatID(n) != "zzzzzzzw00" {
		t.Error(n, err)
	}
	for _, name := range []string{"", ".journal", "0123456789", "0123456789.jour", "012345678u.journal", "x0123456789.journal"} {
		if _, _, ok := split(name); ok {
			t.Errorf("%q is taken for ours", name)
		}
	}
}

func TestAge(t *testing.T) {
	now := Moment{time.Unix(5000, 0), 900 * time.Second}
	m := Moment{time.Unix(9000, 0), 300 * time.Second} // the clock was set back since
	if got := m.age(now, true); got != 600*time.Second {
		t.Errorf("%v", got)
	}
	if got := m.age(now, false); got != 0 {
		t.Errorf("%v before its time", got)
	}
	if got := (Moment{time.Unix(4000, 0), 0}).age(now, false); got != 1000*time.Second {
		t.Errorf("%v", got)
	}
	h := Header{Boot: "another"}
	if got := h.Age(Moment{time.Now().Add(-time.Hour), 0}); got < time.Hour || got > 2*time.Hour {
		t.Errorf("%v across a boot", got)
	}
}

func TestDir(t *testing.T) {
	home := func(s string, err error) func() (string, error) { return func() (string, error) { return s, err } }
	none := home("", errors.New("no such user"))
	for _, c := range []struct {
		state, home string
		uid         int
		lookUp      func() (string, error)
		want        string
	}{
		{"/s", "/home/a", 1, none, "/s/ctsh/journal"},
		{"s", "/home/a", 1, none, "/home/a/.local/state/ctsh/journal"},
		{"", "", 0, home("/srv/admin", nil), "/srv/admin/.local/state/ctsh/journal"},
		{"", "", 0, none, "/var/lib/ctsh/journal"},
		{"", "a", 7, home("/home/b", nil), "/home/b/.local/state/ctsh/journal"},
		{"", "", 7, none, ""},
	} {
		got, err := dir(func(name string) string {
			return map[string]string{"XDG_STATE_HOME": c.state, "HOME": c.home}[name]
		}, c.uid, c.lookUp)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v: %q %v", c, got, err)
		}
	}
	t.Setenv("XDG_STATE_HOME", "/s")
	if got, err := Dir(); got != "/s/ctsh/journal" || err != nil {
		t.Error(got, err)
	}
}

func TestPack(t *testing.T) {
	in := [][]byte{[]byte("message"), {}, []byte("change")}
	payload := Pack([]byte("x"), in...)[1:]
	out, err := Unpack(nil, payload)
	if err != nil || len(out) != 3 || string(out[0]) != "message" || len(out[1]) != 0 || string(out[2]) != "change" {
		t.Errorf("%q %v", out, err)
	}
	for n := range payload {
		if n == 11 || n == 15 { // behind a part
			continue
		}
		if _, err := Unpack(nil, payload[:n]); err == nil && n > 0 {
			t.Errorf("%d of %d bytes were taken", n, len(payload))
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(Pack(nil, []byte("message"), nil, []byte("change")))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		parts, err := Unpack(nil, payload)
		if err == nil && string(Pack(nil, parts...)) != string(payload) {
			t.Errorf("%q of %q", parts, payload)
		}
	})
}
