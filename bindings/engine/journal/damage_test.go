package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// torn is a journal to be damaged: its bytes, and what it holds.
func torn(t *testing.T) (s *Store, id string, file []byte, full []change) {
	t.Helper()
	s = at(t)
	w := begin(t, s, some("delete"))
	must(t, w.Intend(Delete, payloads(0, 40)))
	must(t, w.Settle([]int{1, 39}))
	must(t, w.Intend(Update, payloads(1, 3)))
	must(t, w.Settle([]int{0}))
	must(t, w.Intend(Create, payloads(2, 4)))
	must(t, w.End(Outcome{Applied: 44}))
	must(t, s.Close())
	id = w.Header().ID
	file, err := os.ReadFile(filepath.Join(s.dir, id+suffix))
	must(t, err)
	for number, kind := range []Kind{Delete, Update, Create} {
		for _, p := range payloads(number, []int{40, 3, 4}[number]) {
			full = append(full, change{kind, string(p), false})
		}
	}
	return s, id, file, full
}

// put writes the file of a journal.
func put(t testing.TB, s *Store, id string, file []byte) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(s.dir, id+suffix), file, 0o600))
}

// checkPrefix sees that a damaged journal gives what the good part of its file
// says, and nothing that was never written.
func checkPrefix(t *testing.T, s *Store, id string, full []change) (n int, damage *record.DamageError) {
	t.Helper()
	r, err := s.Read(id)
	if err != nil {
		if !errors.As(err, &damage) && !is[*record.FormatError](err) {
			t.Fatalf("%T: %v", err, err)
		}
		return 0, damage
	}
	defer r.Close()
	got := all(t, r)
	next := 0
	for _, c := range got {
		for next < len(full) && (full[next].text != c.text || full[next].kind != c.kind) {
			next++
		}
		if next == len(full) {
			t.Fatalf("%v %.20q was never written, or not there", c.kind, c.text)
		}
		next++
	}
	return len(got), r.Damage()
}

func TestTruncated(t *testing.T) {
	s, id, file, full := torn(t)
	last := -1
	for n := len(file); n >= 0; n-- {
		must(t, os.Truncate(filepath.Join(s.dir, id+suffix), int64(n)))
		got, damage := checkPrefix(t, s, id, full)
		switch {
		case n == len(file) && (got != 44 || damage != nil):
			t.Fatalf("whole: %d changes, %v", got, damage)
		case damage != nil && damage.Reason != record.CutShort:
			t.Fatalf("%d bytes: %v", n, damage)
		}
		// What a missing settlement leaves out shows again; nothing else grows.
		if last >= 0 && got > last+2 {
			t.Fatalf("%d bytes give %d changes, one more gave %d", n, got, last)
		}
		last = got
	}
}

// Of a batch that is not whole exactly the changes before the cut come back, and
// none of them is settled.
func TestTruncatedBatch(t *testing.T) {
	s, id, file, full := torn(t)
	for i := range 40 {
		head := bytes.Index(file, payload(0, i)) - 9
		for _, n := range []int{head, head + 1, head + 9 + len(payload(0, i)) - 1} {
			put(t, s, id, file[:n])
			r := read(t, s, id)
			if got := all(t, r); !slices.Equal(got, full[:i]) || r.Damage() == nil || r.Damage().Reason != record.CutShort {
				t.Fatalf("%d changes before the cut, %d come back, %v", i, len(got), r.Damage())
			}
			if e := entry(t, s, id); e.Counts[Delete] != i || !is[*record.DamageError](e.Err) {
				t.Fatalf("%d changes: %+v", i, e)
			}
			must(t, r.Close())
		}
	}
}

func TestFlipped(t *testing.T) {
	s, id, file, full := torn(t)
	f, err := os.OpenFile(filepath.Join(s.dir, id+suffix), os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		bit := rng.IntN(len(file) * 8)
		_, err := f.WriteAt([]byte{file[bit/8] ^ 1<<(bit%8)}, int64(bit/8))
		must(t, err)
		_, damage := checkPrefix(t, s, id, full)
		_, err = f.WriteAt(file[bit/8:][:1], int64(bit/8))
		must(t, err)
		if magic := len(format.Magic) + 1; bit/8 >= magic && (damage == nil || damage.Offset > int64(bit/8)) {
			t.Fatalf("bit %d: %v", bit, damage)
		}
	}
}

// Records that no Writer makes are damage, however right their checksum.
func TestForged(t *testing.T) {
	s := at(t)
	const id = "0123456789"
	must(t, OS{}.MkdirAll(s.dir))
	header := fmt.Sprintf(`{"id":%q}`, id)
	batch := func(number, n uint32) string {
		b := make([]byte, batchLen)
		binary.BigEndian.PutUint32(b, number)
		binary.BigEndian.PutUint32(b[4:], n)
		return string(b)
	}
	settle := func(number uint32, places string) string {
		return string(binary.BigEndian.AppendUint32(nil, number)) + places
	}
	type rec struct {
		typ     byte
		payload string
	}
	one := []rec{{'H', header}, {'B', batch(0, 1)}, {'d', "x"}}
	with := func(more ...rec) []rec { return append(slices.Clone(one), more...) }
	for _, c := range []struct {
		reason string
		n      int
		list   []rec
	}{
		{"does not begin with a header", 0, []rec{{'B', batch(0, 1)}}},
		{"header is not understood", 0, []rec{{'H', "{"}}},
		{"header of another journal", 0, []rec{{'H', `{"id":"0123456788"}`}}},
		{"longer than any", 0, []rec{{'H', `{"id":"` + id + `","op":"` + strings.Repeat("x", record.MaxHeader) + `"}`}}},
		{"a second header", 1, with(rec{'H', header})},
		{"outside of a batch", 1, with(rec{'d', "y"})},
		{"a batch is not complete", 1, []rec{{'H', header}, {'B', batch(0, 2)}, {'d', "x"}, {'E', "{}"}}},
		{"several kinds", 1, []rec{{'H', header}, {'B', batch(0, 2)}, {'d', "x"}, {'u', "x"}}},
		{"batch 2 of 1 changes does not follow", 1, with(rec{'B', batch(2, 1)})},
		{"batch 1 of 0 changes does not follow", 1, with(rec{'B', batch(1, 0)})},
		{"batch 1 of 1001 changes does not follow", 1, with(rec{'B', batch(1, 1001)})},
		{"begin of a batch is not understood", 1, with(rec{'B', "x"})},
		{"a batch is larger than any", 2, []rec{{'H', header}, {'B', batch(0, 3)}, {'d', "x"}, {'d', "y"}, {'d', strings.Repeat("x", maxBatchBytes-1)}}},
		{"what is settled is no batch", 0, []rec{{'H', header}, {'S', settle(0, "")}}},
		{"not the batch before", 1, with(rec{'S', settle(1, "")})},
		{"not the batch before", 1, with(rec{'S', settle(0, "x")})},
		{"not in the batch", 1, with(rec{'S', settle(0, "\x00\x01")})},
		{"outcome is not understood", 1, with(rec{'E', "["})},
		{"follows the end", 1, with(rec{'E', "{}"}, rec{'S', settle(0, "")})},
		{"type '!' is not known", 1, with(rec{'!', ""})},
		{record.CutShort, 0, nil},
		{"", 1, one},
		{"", 0, with(rec{'S', settle(0, "\x00\x00")}, rec{'S', settle(0, "")}, rec{'E', "{}"})},
	} {
		var b bytes.Buffer
		w := record.NewWriter(&b, format)
		for _, r := range c.list {
			must(t, w.Append(r.typ, []byte(r.payload)))
		}
		must(t, w.Flush())
		put(t, s, id, b.Bytes())
		r, err := s.Read(id)
		if err == nil {
			if d := r.Damage(); d != nil {
				err = d
			}
			if got := all(t, r); len(got) != c.n {
				t.Errorf("%q: %d changes, want %d", c.reason, len(got), c.n)
			}
			must(t, r.Close())
		}
		if c.reason == "" && err != nil || c.reason != "" && (!is[*record.DamageError](err) || !strings.Contains(err.Error(), c.reason)) {
			t.Errorf("%q: %v", c.reason, err)
		}
	}
}

// Where an undo names no journal, one that cannot be read is not passed over in
// silence, unless it never had a change.
func TestNewestDamaged(t *testing.T) {
	s := at(t)
	first := written(t, s, some("delete"), 1)
	second := written(t, s, some("delete"), 1)
	file, err := os.ReadFile(filepath.Join(s.dir, second.ID+suffix))
	must(t, err)
	for _, n := range []int{0, 3, 20} {
		put(t, s, second.ID, file[:n])
		r := read(t, s, "")
		if r.Header().ID != first.ID {
			t.Errorf("%d bytes: %s", n, r.Header().ID)
		}
	}
	for _, i := range []int{0, len(format.Magic), 30} {
		bad := bytes.Clone(file)
		bad[i] ^= 0x40
		put(t, s, second.ID, bad)
		if _, err := s.Read(""); err == nil || !strings.Contains(err.Error(), second.ID) || !strings.Contains(err.Error(), "to undo an older journal name it") {
			t.Errorf("byte %d: %v", i, err)
		}
		if e := entry(t, s, second.ID); e.Err == nil {
			t.Errorf("byte %d: %+v", i, e)
		}
	}
}

// Whatever the file: no panic, what is given was counted, and reading it again
// gives the same.
func FuzzScan(f *testing.F) {
	s := at(f)
	w := begin(f, s, some("delete"))
	must(f, w.Intend(Delete, payloads(0, 3)))
	must(f, w.Settle([]int{1}))
	must(f, w.Intend(Update, payloads(1, 2)))
	must(f, w.End(Outcome{Applied: 4}))
	small(f, s, some("create"), payloads(2, 2))
	small(f, s, some("delete"), payloads(3, 1))
	id := w.Header().ID
	file, err := os.ReadFile(filepath.Join(s.dir, id+suffix))
	must(f, err)
	// The fuzzer changes what the records hold; their checksums are made right
	// again, or it would never come further than the first.
	var types, bodies []byte
	r, err := record.NewReader(bytes.NewReader(file), format)
	must(f, err)
	for {
		typ, payload, err := r.Next()
		if err != nil {
			break
		}
		types, bodies = append(types, typ), Pack(bodies, payload)
	}
	f.Add(types, bodies, uint16(0))
	f.Add(types, bodies, uint16(100))
	f.Fuzz(func(t *testing.T, types, bodies []byte, less uint16) {
		var b bytes.Buffer
		w := record.NewWriter(&b, format)
		parts, _ := Unpack(nil, bodies)
		for i, p := range parts[:min(len(parts), len(types))] {
			_ = w.Append(types[i], p)
		}
		_ = w.Flush()
		file := b.Bytes()
		file = file[:max(0, len(file)-int(less))]
		first, _ := parseID(id)
		c, err := scan(bytes.NewReader(file), int64(len(file)), first)
		if err != nil {
			t.Fatalf("the magic is right: %v", err)
		}
		if c.damage != nil && c.damage.Offset > int64(len(file)) {
			t.Fatalf("the good part ends at %d of %d", c.damage.Offset, len(file))
		}
		src := &source{file: memory{Reader: bytes.NewReader(file)}, first: first, contents: *c}
		size := int64(0)
		for k := range c.extents {
			size += c.extents[k].size
			if rd, err := src.reader(k); err == nil {
				all(t, rd)
			}
			_ = (&cursor{src: src, k: k}).entry()
		}
		if size != int64(len(file)) {
			t.Fatalf("%d journals of together %d bytes in %d", len(c.extents), size, len(file))
		}
	})
}

// memory is a file that is only read.
type memory struct {
	File
	*bytes.Reader
}

func (m memory) ReadAt(p []byte, off int64) (int, error) { return m.Reader.ReadAt(p, off) }
