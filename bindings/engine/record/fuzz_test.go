package record

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// Whatever the bytes: no panic, and the good part is what a Writer makes of the
// records.
func FuzzReader(f *testing.F) {
	list := []rec{{1, []byte("one")}, {2, nil}, {3, make([]byte, 300)}}
	file := encode(f, list)
	f.Add(file)
	f.Add(file[:len(file)-7])
	f.Add(append(file[:len(file):len(file)], make([]byte, 50)...))
	f.Add(append(encode(f, nil), 1, 0, 0xff, 0xff, 0xff))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		list, r, err := decode(bytes.NewReader(file))
		if r == nil {
			if err == nil {
				t.Fatal("neither a reader nor an error")
			}
			return
		}
		if again := encode(t, list); !bytes.Equal(again, file[:r.Offset()]) {
			t.Fatalf("%d records are not the first %d bytes", len(list), r.Offset())
		}
		var damage *DamageError
		switch {
		case errors.Is(err, io.EOF):
			if r.Offset() != int64(len(file)) {
				t.Fatalf("a clean end at %d of %d", r.Offset(), len(file))
			}
		case !errors.As(err, &damage) || damage.Offset != r.Offset() || damage.Records != len(list):
			t.Fatalf("%v at %d behind %d", err, r.Offset(), len(list))
		}
	})
}
