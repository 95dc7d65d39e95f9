package output

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/escape"
)

func FuzzAppendJSON(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, s, 1.5, uint64(1), uint64(0), []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x00\x00\x01"), true, uint8(255))
	}
	f.Add("n", "", math.Inf(1), uint64(0), uint64(1<<63), []byte{}, false, uint8(0))
	f.Add("n", "", 1e300, uint64(0), uint64(1<<63), []byte{}, false, uint8(2))
	f.Fuzz(func(t *testing.T, name, text string, n float64, low, high uint64, addr []byte, on bool, has uint8) {
		var a wire.Addr
		copy(a[:], addr)
		var cols []*field.Field
		cells := []field.Cell{cell(text), cell(n), cell(on), cell(a), cell(wire.Labels{low, high}), cell(text)}
		for i, kind := range []field.Kind{field.Text, field.Number, field.Flag, field.Address, field.Labels, field.Parent} {
			cols = append(cols, &field.Field{Name: name + string(rune('0'+i)), Kind: kind})
			cells[i].Has = has>>i&1 == 1
		}
		fields := field.Columns(cols...).Fields()
		var row field.Row
		row.ResetCells(cells)
		got := AppendJSON(nil, fields, &row)
		if !json.Valid(got) {
			t.Fatalf("%q is no JSON", got)
		}
		if r, bad := raw(string(got), ""); bad {
			t.Errorf("%q: %U is raw", got, r)
		}
		var out strings.Builder
		w, err := New(&out, Options{Format: "ndjson", Fields: fields})
		if err != nil {
			t.Fatal(err)
		}
		if w.Row(&row) != nil || w.Close() != nil || out.String() != string(got)+"\n" {
			t.Errorf("the writer says %q, AppendJSON %q", out.String(), got)
		}
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if quoted := appendQuoted(nil, text); string(quoted) != string(escape.JSON(encoded)) {
			t.Errorf("%q is quoted as %s, the encoder says %s", text, quoted, encoded)
		}
	})
}
