package archive

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// torn is a file to be damaged, and its flows.
func torn(t testing.TB) (file []byte, flows [][]byte) {
	t.Helper()
	flows = messages()[500:512]
	file, err := os.ReadFile(save(t, Header{Name: "torn"}, flows))
	if err != nil {
		t.Fatal(err)
	}
	return file, flows
}

// prefix sees that a damaged file gives flows from the beginning of the list as
// they were written, and says that it is damaged. It returns how many.
func prefix(t *testing.T, what string, file []byte, flows [][]byte) int {
	t.Helper()
	f, err := in(file)
	var damage *record.DamageError
	if err != nil {
		var unknown *UnknownError
		var version *record.FormatError
		var line *LineError // the first byte is that of a comment now
		if !errors.As(err, &damage) && !errors.As(err, &unknown) && !errors.As(err, &version) && !errors.As(err, &line) {
			t.Fatalf("%s: %T %v", what, err, err)
		}
		return 0
	}
	damage = f.Damage()
	if damage == nil {
		t.Fatalf("%s: no damage", what)
	}
	got, err := raws(f)
	var again *record.DamageError
	if !errors.As(err, &again) || *again != *damage || len(got) != f.Len() {
		t.Fatalf("%s: %d flows of %d, then %v instead of %v", what, len(got), f.Len(), err, damage)
	}
	if len(got) > len(flows) {
		t.Fatalf("%s: %d flows of %d", what, len(got), len(flows))
	}
	for i := range got {
		if !bytes.Equal(got[i], flows[i]) {
			t.Fatalf("%s: flow %d was never written: % x", what, i, got[i])
		}
	}
	return len(got)
}

// TestTorn cuts a file at every byte.
func TestTorn(t *testing.T) {
	file, flows := torn(t)
	if f, err := in(file); err != nil || f.Damage() != nil || f.Len() != len(flows) {
		t.Fatalf("whole: %v", err)
	}
	last := 0
	for n := 1; n < len(file); n++ {
		got := prefix(t, "cut", file[:n], flows)
		if got < last {
			t.Fatalf("cut at byte %d: %d flows, %d before", n, got, last)
		}
		last = got
	}
	if last != len(flows) {
		t.Errorf("without its last byte the file has %d flows of %d", last, len(flows))
	}
}

// TestFlipped flips every bit of a file, one at a time, and then several.
func TestFlipped(t *testing.T) {
	file, flows := torn(t)
	some := 0
	for bit := range 8 * len(file) {
		bad := bytes.Clone(file)
		bad[bit/8] ^= 1 << (bit % 8)
		some += prefix(t, "flipped", bad, flows)
	}
	if some == 0 {
		t.Error("no flow before a flipped bit was read")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		bad := bytes.Clone(file)
		for range 1 + r.IntN(5) {
			at := r.IntN(len(bad))
			bad[at] ^= byte(1 + r.IntN(255))
		}
		if !bytes.Equal(bad, file) {
			prefix(t, "changed", bad, flows)
		}
	}
}

// TestSpliced takes whole records out, or puts more in: each checksum is right.
func TestSpliced(t *testing.T) {
	file, flows := torn(t)
	at := boundaries(t, file)
	for i := range at[:len(at)-1] {
		without := append(bytes.Clone(file[:at[i]]), file[at[i+1]:]...)
		f, err := in(without)
		if err == nil && f.Damage() == nil {
			t.Errorf("without record %d: no damage", i)
		}
		twice := append(bytes.Clone(file[:at[i+1]]), file[at[i]:]...)
		if f, err = in(twice); err == nil && f.Damage() == nil {
			t.Errorf("with record %d twice: no damage", i)
		}
	}
	if n := prefix(t, "continued", append(bytes.Clone(file), 0), flows); n != len(flows) {
		t.Errorf("%d flows before what stands behind the end", n)
	}
}

// boundaries are where records begin, and the end.
func boundaries(t *testing.T, file []byte) (at []int64) {
	t.Helper()
	r, err := record.NewReader(bytes.NewReader(file), format)
	if err != nil {
		t.Fatal(err)
	}
	for {
		at = append(at, r.Offset())
		if _, _, err := r.Next(); err != nil {
			return at
		}
	}
}

// TestForeignRecords reads files that somebody else made, with good checksums.
func TestForeignRecords(t *testing.T) {
	type rec struct {
		typ     byte
		payload string
	}
	header, end := rec{'H', `{"name":"x"}`}, rec{'E', "\x00\x00\x00\x00\x00\x00\x00\x00"}
	for i, c := range []struct {
		list []rec
		ok   bool // readable, with damage
	}{
		{[]rec{end}, false},
		{[]rec{{'H', "{"}, end}, false},
		{[]rec{{'H', string(make([]byte, record.MaxHeader+1))}, end}, false},
		{[]rec{header, header, end}, true},
		{[]rec{header, {'F', "no message"}, end}, true},
		{[]rec{header, {'X', ""}, end}, true},
		{[]rec{header, {'E', ""}}, true},
		{[]rec{header, {'E', "\x00\x00\x00\x00\x00\x00\x00\x01"}}, true},
		{[]rec{header, end, end}, true},
	} {
		var file bytes.Buffer
		w := record.NewWriter(&file, format)
		for _, r := range c.list {
			if err := w.Append(r.typ, []byte(r.payload)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		f, err := in(file.Bytes())
		var damage *record.DamageError
		if c.ok != (err == nil) || err != nil && !errors.As(err, &damage) || err == nil && f.Damage() == nil {
			t.Errorf("file %d: %v", i, err)
		}
	}
}
