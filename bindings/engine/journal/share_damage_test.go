package journal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// victim is a journal of a file that is to be damaged.
type victim struct {
	id string
	extent
	want  []change // what it gives while it is good
	wrote []string // what was ever written to it
}

// several is a file of journals: its bytes, and what each holds.
func several(t *testing.T) (s *Store, file []byte, list []*victim) {
	t.Helper()
	s = at(t)
	for n, batches := range [][]int{{3}, {1, 2}, {}, {1}} {
		p := &victim{}
		w := begin(t, s, Header{Op: "delete"})
		for number, size := range batches {
			var batch [][]byte
			for i := range size {
				batch = append(batch, payload(10*n+number, i)[:5+i])
				p.wrote = append(p.wrote, string(batch[i]))
			}
			must(t, w.Intend(Delete, batch))
			if number == 0 {
				must(t, w.Settle([]int{0}[:min(size-1, 1)]))
			}
		}
		must(t, w.End(Outcome{}))
		p.id = w.Header().ID
		p.want = all(t, read(t, s, p.id))
		list = append(list, p)
	}
	must(t, s.Close())
	file, err := os.ReadFile(filepath.Join(s.dir, list[0].id+suffix))
	must(t, err)
	first, _ := parseID(list[0].id)
	c, err := scan(bytes.NewReader(file), int64(len(file)), first)
	must(t, err)
	if len(c.extents) != len(list) || c.damage != nil {
		t.Fatalf("%d journals of %d, %v", len(c.extents), len(list), c.damage)
	}
	for k, p := range list {
		p.extent = c.extents[k]
	}
	return s, file, list
}

// part reads what there is of a journal, which is nothing that was never written.
// It is whole where it is as it was.
func (p *victim) part(t *testing.T, s *Store) (n int, whole bool, err error) {
	t.Helper()
	r, err := s.Read(p.id)
	if err != nil {
		return 0, false, err
	}
	defer r.Close()
	if r.Header().ID != p.id {
		t.Fatalf("%s in place of %s", r.Header().ID, p.id)
	}
	got := all(t, r)
	for _, c := range got {
		if !slices.Contains(p.wrote, c.text) {
			t.Fatalf("%q was never written to %s", c.text, p.id)
		}
	}
	_, ended := r.Outcome()
	return len(got), ended && slices.Equal(got, p.want), nil
}

// Wherever a file of several journals ends, those before are whole, those behind
// are unknown, and that which is cut gives what is left of it.
func TestSharedTruncated(t *testing.T) {
	s, file, planted := several(t)
	for n := int64(len(file)); n >= 0; n-- {
		must(t, os.Truncate(filepath.Join(s.dir, planted[0].id+suffix), n))
		newest := ""
		for k, p := range planted {
			got, whole, err := p.part(t, s)
			var damage *record.DamageError
			switch {
			case p.offset+p.size <= n && !whole:
				t.Fatalf("%d bytes: journal %d is not whole: %v", n, k, err)
			case p.offset >= n && k > 0 && !is[*UnknownError](err):
				t.Fatalf("%d bytes: journal %d: %v", n, k, err)
			case p.offset < n && p.offset+p.size > n && err != nil && (!errors.As(err, &damage) || damage.Reason != record.CutShort):
				t.Fatalf("%d bytes: journal %d: %v", n, k, err)
			case got > 0:
				newest = p.id
			}
		}
		r, err := s.Read("")
		switch {
		case err == nil && (r.Header().ID != newest || r.Close() != nil):
			t.Fatalf("%d bytes: the newest is %s, want %s", n, r.Header().ID, newest)
		case err != nil && (newest != "" || !is[*UnknownError](err)):
			t.Fatalf("%d bytes: %v, want %q", n, err, newest)
		}
		list, err := s.List()
		must(t, err)
		for i, e := range list {
			if i > 0 && e.Err != nil || e.Live {
				t.Fatalf("%d bytes: %+v", n, e)
			}
		}
	}
}

// One bit that is wrong costs the journal it is in and those behind it. They are
// refused and not passed over.
func TestSharedFlipped(t *testing.T) {
	s, file, planted := several(t)
	f, err := os.OpenFile(filepath.Join(s.dir, planted[0].id+suffix), os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	rng := rand.New(rand.NewPCG(5, 6))
	var bits []int
	for i := range record.HeadLen * 8 { // one that seems longer than the file must not seem torn
		bits = append(bits, int(planted[3].header.offset)*8+i, int(planted[1].header.offset)*8+i)
	}
	for range 700 {
		bits = append(bits, rng.IntN(len(file)*8))
	}
	for _, bit := range bits {
		pos := int64(bit / 8)
		_, err := f.WriteAt([]byte{file[pos] ^ 1<<(bit%8)}, pos)
		must(t, err)
		if pos > int64(len(format.Magic)) {
			hit := slices.IndexFunc(planted, func(p *victim) bool { return pos < p.offset+p.size })
			flipped(t, s, planted, hit)
		} else if _, err := s.Read(""); !is[*record.FormatError](err) {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("bit %d", bit)
		}
		_, err = f.WriteAt(file[pos:][:1], pos)
		must(t, err)
	}
}

// flipped tests what is given of journals one of which was hit.
func flipped(t *testing.T, s *Store, planted []*victim, hit int) {
	t.Helper()
	last := len(planted) - 1
	list, err := s.List()
	must(t, err)
	if len(list) != len(planted) {
		t.Fatalf("%d journals are listed, %d was hit", len(list), hit)
	}
	for k, p := range planted {
		_, whole, err := p.part(t, s)
		e := list[last-k]
		switch {
		case e.ID != p.id, e.Size != p.size, k >= hit && !is[*record.DamageError](e.Err), k < hit-1 && e.Err != nil, k != hit && e.Header.ID != p.id:
			t.Errorf("journal %d, %d was hit: %+v", k, hit, e)
		case k < hit != whole:
			t.Errorf("journal %d, %d was hit: whole %v, %v", k, hit, whole, err)
		case k > hit && (!is[*record.DamageError](err) || !strings.Contains(err.Error(), p.id)):
			t.Errorf("journal %d, %d was hit: %v", k, hit, err)
		}
	}
	r, err := s.Read("")
	switch {
	case err != nil:
		if !strings.Contains(err.Error(), planted[last].id) || !strings.Contains(err.Error(), "to undo an older journal name it") {
			t.Error(err)
		}
	case r.Header().ID != planted[last].id || hit < last || r.Damage() == nil || r.Len() == 0 || r.Close() != nil:
		t.Errorf("%s was taken for the newest, %d was hit", r.Header().ID, hit)
	}
}

// A header that seems to be cut short is not taken for one that was being written
// when its process died, since a batch follows.
func TestFlippedHeaderOfKilled(t *testing.T) {
	s := at(t)
	one(t, s, 0)
	w := begin(t, s, some("delete"))
	must(t, w.Intend(Delete, payloads(1, 1)))
	w.Abort()
	name := filesOf(t, s)[0]
	file, err := os.ReadFile(filepath.Join(s.dir, name))
	must(t, err)
	head := int(entry(t, s, name[:idLen]).Size)
	for bit := range record.HeadLen * 8 {
		bad := bytes.Clone(file)
		bad[head+bit/8] ^= 1 << (bit % 8)
		put(t, s, name[:idLen], bad)
		if _, err := s.Read(""); !is[*record.DamageError](err) || !strings.Contains(err.Error(), w.Header().ID) {
			t.Errorf("bit %d: %v", bit, err)
		}
	}
}

// A file may be damaged while it is written to.
func TestDamagedWhileLive(t *testing.T) {
	s := at(t)
	var ids []string
	for n := range 4 {
		ids = append(ids, one(t, s, n).ID)
	}
	w := begin(t, s, some("delete"))
	must(t, w.Intend(Delete, payloads(4, 1)))
	ids = append(ids, w.Header().ID)
	path := filepath.Join(s.dir, ids[0]+suffix)
	file, err := os.ReadFile(path)
	must(t, err)
	file[bytes.Index(file, payload(1, 0))] ^= 1
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(file, 0)
	must(t, errors.Join(err, f.Close()))
	check := func(live bool) {
		t.Helper()
		list, err := s.List()
		if err != nil || len(list) != 5 {
			t.Fatalf("%d %v", len(list), err)
		}
		holds(t, s, ids[0], 0)
		for k, id := range ids[1:] {
			_, err := s.Read(id)
			if busy := live && k == 3; busy && !is[*BusyError](err) || !busy && k > 0 && !is[*record.DamageError](err) || list[3-k].Live != busy {
				t.Errorf("journal %d: %v %+v", k+1, err, list[3-k])
			}
		}
		if _, err := s.Read(""); is[*BusyError](err) != live || is[*record.DamageError](err) == live {
			t.Errorf("the newest: %v", err)
		}
	}
	check(true)
	must(t, w.End(Outcome{}))
	check(true) // behind the damage nobody sees an end
	must(t, s.Close())
	check(false)
}

// What is no journal behind the end of one is damage of both.
func TestSharedGarbage(t *testing.T) {
	s, file, planted := several(t)
	last := len(planted) - 1
	for what, more := range map[string]string{"zeroes": strings.Repeat("\x00", 4096), "itself": string(file), "words": strings.Repeat("HHHH{", 20_000)} {
		put(t, s, planted[0].id, append(bytes.Clone(file), more...))
		for k, p := range planted {
			if _, whole, err := p.part(t, s); !whole {
				t.Errorf("%s: journal %d is not whole: %v", what, k, err)
			}
		}
		if r := read(t, s, planted[last].id); r.Damage() == nil {
			t.Errorf("%s: no damage", what)
		}
		if _, err := s.Read(""); !is[*record.DamageError](err) {
			t.Errorf("%s: %v", what, err)
		}
		if list, err := s.List(); err != nil || len(list) != len(planted)+1 || list[0].Err == nil || list[1].Err == nil || list[2].Err != nil {
			t.Errorf("%s: %+v %v", what, list, err)
		}
	}
}
