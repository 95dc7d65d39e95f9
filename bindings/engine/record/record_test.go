package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"
)

var format = Format{Name: "list", Magic: "ctsh-list", Version: 3}

// rec is one record, its payload kept.
type rec struct {
	typ     byte
	payload []byte
}

// encode is the file that holds list.
func encode(t testing.TB, list []rec) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, format)
	for _, r := range list {
		if err := w.Append(r.typ, r.payload[:len(r.payload)/3], r.payload[len(r.payload)/3:]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if w.Size() != int64(b.Len()) {
		t.Fatalf("Size is %d after %d bytes", w.Size(), b.Len())
	}
	return b.Bytes()
}

// decode reads a file to its end or to its first bad record.
func decode(src io.Reader) (list []rec, r *Reader, err error) {
	if r, err = NewReader(src, format); err != nil {
		return nil, nil, err
	}
	for {
		typ, payload, err := r.Next()
		if err != nil {
			return list, r, err
		}
		list = append(list, rec{typ, bytes.Clone(payload)})
	}
}

// some are n records, their lengths 0, around the buffer's and in between.
func some(n int, seed uint64) []rec {
	rng := rand.New(rand.NewPCG(seed, 0))
	list := make([]rec, n)
	for i := range list {
		size := rng.IntN(400)
		switch rng.IntN(20) {
		case 0:
			size = 0
		case 1:
			size = bufferLen - HeadLen + rng.IntN(3) - 1
		case 2:
			size = 3*bufferLen + rng.IntN(100)
		}
		list[i] = rec{byte(1 + rng.IntN(255)), make([]byte, size)}
		for j := range list[i].payload {
			list[i].payload[j] = byte(rng.Uint32())
		}
	}
	return list
}

// samePrefix tells whether got is how list begins.
func samePrefix(got, list []rec) error {
	if len(got) > len(list) {
		return fmt.Errorf("%d records come back of %d", len(got), len(list))
	}
	for i, g := range got {
		if g.typ != list[i].typ || !bytes.Equal(g.payload, list[i].payload) {
			return fmt.Errorf("record %d is not the one written", i)
		}
	}
	return nil
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 300} {
		list := some(n, uint64(n))
		file := encode(t, list)
		for name, src := range map[string]io.Reader{
			"whole": bytes.NewReader(file), "bytes": iotest.OneByteReader(bytes.NewReader(file)),
			"halves": iotest.HalfReader(bytes.NewReader(file)), "early end": iotest.DataErrReader(bytes.NewReader(file)),
		} {
			got, r, err := decode(src)
			if !errors.Is(err, io.EOF) || len(got) != n || samePrefix(got, list) != nil {
				t.Errorf("%s: %d records of %d, %v, %v", name, len(got), n, samePrefix(got, list), err)
			}
			if r.Offset() != int64(len(file)) || r.Records() != n {
				t.Errorf("%s: at %d behind %d records, want %d behind %d", name, r.Offset(), r.Records(), len(file), n)
			}
			if _, _, again := r.Next(); !errors.Is(again, io.EOF) {
				t.Errorf("%s: after the end %v", name, again)
			}
		}
	}
}

// A file that ends anywhere gives the records that are whole, and is damaged
// unless it ends behind one.
func TestTorn(t *testing.T) {
	list := []rec{{1, []byte("one")}, {2, nil}, {3, bytes.Repeat([]byte("three"), 30)}, {4, []byte{0}}}
	file := encode(t, list)
	ends := []int{len(format.start())} // where k records are whole
	for _, r := range list {
		ends = append(ends, ends[len(ends)-1]+HeadLen+len(r.payload))
	}
	for n := range file {
		whole := 0
		for whole+1 < len(ends) && ends[whole+1] <= n {
			whole++
		}
		got, _, err := decode(bytes.NewReader(file[:n]))
		if len(got) != whole && n >= ends[0] || samePrefix(got, list) != nil {
			t.Fatalf("%d bytes give %d records, want %d", n, len(got), whole)
		}
		var damage *DamageError
		switch clean := n == ends[whole]; {
		case clean:
			if !errors.Is(err, io.EOF) {
				t.Errorf("%d bytes are %d whole records: %v", n, whole, err)
			}
		case !errors.As(err, &damage) || damage.Reason != CutShort || damage.Records != whole:
			t.Errorf("%d bytes: %v", n, err)
		case n >= ends[0] && damage.Offset != int64(ends[whole]):
			t.Errorf("%d bytes: the good part ends at %d, not %d", n, damage.Offset, ends[whole])
		}
	}
}

// Of a file with a wrong bit exactly the records before that bit come back.
func TestFlipped(t *testing.T) {
	list := some(60, 7)
	file := encode(t, list)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		bit := rng.IntN(len(file) * 8)
		file[bit/8] ^= 1 << (bit % 8)
		got, _, err := decode(bytes.NewReader(file))
		file[bit/8] ^= 1 << (bit % 8)
		if err := samePrefix(got, list); err != nil {
			t.Fatalf("bit %d: %v", bit, err)
		}
		at, whole := len(format.start()), 0
		for whole < len(list) && at+HeadLen+len(list[whole].payload) <= bit/8 {
			at += HeadLen + len(list[whole].payload)
			whole++
		}
		var damage *DamageError
		var other *FormatError
		switch {
		case bit/8 < len(format.start()):
			if !errors.As(err, &other) {
				t.Errorf("bit %d of the magic: %v", bit, err)
			}
		case !errors.As(err, &damage) || damage.Records != whole || damage.Offset != int64(at) || len(got) != whole:
			t.Errorf("bit %d lies in record %d: %d come back, %v", bit, whole, len(got), err)
		}
	}
}

func TestWords(t *testing.T) {
	file := encode(t, []rec{{1, []byte("good")}})
	at := len(file)
	for want, tail := range map[string]string{
		"damaged at byte %d: cut short; the record before is good":                                       "\x01",
		"damaged at byte %d: the checksum is wrong; the record before is good":                           strings.Repeat("\x00", 4096),
		"damaged at byte %d: a record of 16777217 bytes is longer than any; the record before is good":   "\x01\x01\x00\x00\x01\x00\x00\x00\x00",
		"damaged at byte %d: a record has type 0; the record before is good":                             string(typeless()),
		"damaged at byte %d: a record of 4294967295 bytes is longer than any; the record before is good": strings.Repeat("\xff", 9),
	} {
		_, _, err := decode(strings.NewReader(string(file) + tail))
		if got := fmt.Sprint(err); got != fmt.Sprintf(want, at) {
			t.Errorf("%q: %s", tail[:min(len(tail), 12)], got)
		}
	}
	for want, file := range map[string]string{
		"not a list of ctsh: it begins with other bytes":                                             "#!/bin/sh",
		"the list has version 9, this ctsh reads version 3; read it with the ctsh that wrote it":     format.Magic + "\x09",
		"damaged at byte 0: cut short; the 0 records before are good":                                format.Magic[:4],
		"damaged at byte 0: cannot be read: " + unix.EIO.Error() + "; the 0 records before are good": "",
	} {
		var src io.Reader = strings.NewReader(file)
		if file == "" {
			src = iotest.ErrReader(unix.EIO)
		}
		if _, _, err := decode(src); fmt.Sprint(err) != want {
			t.Errorf("%q: %v", file, err)
		}
	}
}

// typeless is a record of type 0 whose checksum is right.
func typeless() []byte {
	head := make([]byte, HeadLen)
	sum := checksum(head)
	return append(head[:5], byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
}

// A bad sector ends the good part like a cut does, and is named.
func TestUnreadable(t *testing.T) {
	list := some(3, 1)
	file := encode(t, list)
	_, _, err := decode(io.MultiReader(bytes.NewReader(file[:len(file)-1]), iotest.ErrReader(unix.EIO)))
	var damage *DamageError
	if !errors.As(err, &damage) || !errors.Is(err, unix.EIO) || damage.Records != 2 {
		t.Errorf("%v", err)
	}
}

// A length that lies costs no memory that no bytes come for.
func TestLongLength(t *testing.T) {
	file := encode(t, nil)
	file = append(file, 1, 0, 0xff, 0xff, 0xff, 0, 0, 0, 0)
	file = append(file, make([]byte, bufferLen+bufferLen/2)...)
	_, r, err := decode(bytes.NewReader(file))
	var damage *DamageError
	if !errors.As(err, &damage) || len(r.buf) > 4*bufferLen {
		t.Errorf("%v with a buffer of %d bytes", err, len(r.buf))
	}
}

func TestLongest(t *testing.T) {
	list := []rec{{1, make([]byte, MaxLen)}, {2, []byte("behind")}}
	got, _, err := decode(bytes.NewReader(encode(t, list)))
	if !errors.Is(err, io.EOF) || len(got) != 2 || samePrefix(got, list) != nil {
		t.Errorf("%d records, %v", len(got), err)
	}
	var b bytes.Buffer
	w := NewWriter(&b, format)
	var size *SizeError
	if err := w.Append(1, make([]byte, MaxLen), []byte{1}); !errors.As(err, &size) || size.Len != MaxLen+1 {
		t.Errorf("%v", err)
	}
	if err := w.Append(0, []byte("none")); err == nil {
		t.Error("a record of type 0 was accepted")
	}
	if err := errors.Join(w.Append(2, []byte("behind")), w.Flush()); err != nil {
		t.Fatal(err)
	}
	if got, _, err := decode(&b); !errors.Is(err, io.EOF) || len(got) != 1 || samePrefix(got, list[1:]) != nil {
		t.Errorf("what was refused left %d records, %v", len(got), err)
	}
}

// full takes some bytes and then no more.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	n := min(f.room, len(p))
	f.room -= n
	if n < len(p) {
		return n, unix.ENOSPC
	}
	return n, nil
}

func TestFull(t *testing.T) {
	const each = HeadLen + 100
	for room := range 10 * each {
		disk := &full{room}
		w := NewWriter(disk, format)
		for range 20 {
			_ = w.Append(1, make([]byte, 100))
		}
		if err := w.Flush(); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("%d bytes of room: %v", room, err)
		}
		disk.room = 1 << 20 // too late
		for range bufferLen / each * 2 {
			if err := w.Append(1, make([]byte, 100)); !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("%d bytes of room: a later record: %v", room, err)
			}
		}
	}
}

// Restart reads on from where a reader was.
func TestRestart(t *testing.T) {
	list := some(40, 3)
	file := encode(t, list)
	r, err := NewReader(bytes.NewReader(file), format)
	if err != nil {
		t.Fatal(err)
	}
	for range 11 {
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	at, before := r.Offset(), r.Records()
	var fresh Reader
	for _, r := range []*Reader{r, &fresh} {
		r.Restart(bytes.NewReader(file[at:]), at, before)
		for _, want := range list[11:] {
			typ, payload, err := r.Next()
			if err != nil || typ != want.typ || !bytes.Equal(payload, want.payload) {
				t.Fatalf("type %d for %d, %v", typ, want.typ, err)
			}
		}
		if _, _, err := r.Next(); !errors.Is(err, io.EOF) || r.Offset() != int64(len(file)) || r.Records() != len(list) {
			t.Errorf("%v at %d behind %d records", err, r.Offset(), r.Records())
		}
	}
}

func TestAllocations(t *testing.T) {
	payload := make([]byte, 306)
	w := NewWriter(io.Discard, format)
	if n := testing.AllocsPerRun(1000, func() { _ = w.Append(1, payload, payload) }); n != 0 {
		t.Errorf("%v allocations to write a record", n)
	}
	var file bytes.Buffer
	w = NewWriter(&file, format)
	for range 2000 {
		_ = w.Append(1, payload)
	}
	_ = w.Flush()
	r, err := NewReader(&file, format)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations to read a record", n)
	}
}
