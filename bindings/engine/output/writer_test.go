package output

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/escape"
)

// cell is a value of a computed row: a string, a number, a bool, an address,
// labels, or nil for none.
func cell(x any) field.Cell {
	c := field.Cell{Has: true}
	switch x := x.(type) {
	case string:
		c.Str = x
	case int:
		c.Num = float64(x)
	case float64:
		c.Num = x
	case bool:
		c.On = x
	case wire.Addr:
		c.Addr = x
	case wire.Labels:
		c.Bits = x
	default:
		c.Has = false
	}
	return c
}

// columnsFor makes the fields of computed rows: "name:kind:unit", the kind one
// of text, number, flag, address and labels.
func columnsFor(specs ...string) []*field.Field {
	kinds := map[string]field.Kind{"text": field.Text, "number": field.Number, "flag": field.Flag, "address": field.Address, "labels": field.Labels}
	var cols []*field.Field
	for _, spec := range specs {
		parts := append(strings.Split(spec, ":"), "")
		cols = append(cols, &field.Field{Name: parts[0], Kind: kinds[parts[1]], Unit: parts[2]})
	}
	return field.Columns(cols...).Fields()
}

// write writes computed rows.
func write(t testing.TB, opt Options, rows ...[]any) string {
	t.Helper()
	var out strings.Builder
	w, err := New(&out, opt)
	if err != nil {
		t.Fatal(err)
	}
	var row field.Row
	for _, values := range rows {
		cells := make([]field.Cell, len(values))
		for i, v := range values {
			cells[i] = cell(v)
		}
		row.ResetCells(cells)
		if err := w.Row(&row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestNewRefuses(t *testing.T) {
	src, _ := field.Flow.Lookup("src")
	flow := []*field.Field{src}
	for _, c := range []struct {
		opt  Options
		want string
	}{
		{Options{Format: "jsno", Fields: flow}, `unknown format "jsno": want one of table, json, ndjson, csv, tsv, conntrack; did you mean "json"?`},
		{Options{Format: "", Fields: flow}, `unknown format "": want one of table, json, ndjson, csv, tsv, conntrack`},
		{Options{Format: "csv"}, "no columns to write: name at least one field"},
		{Options{Format: "conntrack", Fields: columnsFor("n:number")}, `conntrack text shows whole flows and not "n": leave the columns out or choose another format`},
		{Options{Format: "conntrack", Fields: columnsFor("src:address")}, `conntrack text shows whole flows and not "src": leave the columns out or choose another format`},
		{Options{Format: "table", Fields: columnsFor("n:number", "from:text"), Bar: "m"}, `no number column "m" to draw as bars: name one of the columns; did you mean "n"?`},
		{Options{Format: "table", Fields: columnsFor("n:number", "from:text"), Bar: "from"}, `no number column "from" to draw as bars: name one of the columns`},
	} {
		if _, err := New(io.Discard, c.opt); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v\nwant %s", c.opt, err, c.want)
		}
	}
	for _, fields := range [][]*field.Field{nil, flow, field.Flow.Whole()} {
		if _, err := New(io.Discard, Options{Format: "conntrack", Fields: fields}); err != nil {
			t.Error(err)
		}
	}
	for _, format := range Formats() {
		if _, err := New(io.Discard, Options{Format: format, Fields: flow}); err != nil {
			t.Error(err)
		}
	}
	w, _ := New(io.Discard, Options{Format: "conntrack"})
	var row field.Row
	row.ResetCells([]field.Cell{cell(1)})
	if err := w.Row(&row); !errors.Is(err, errNoFlow) {
		t.Errorf("a computed row as conntrack text: %v", err)
	}
}

func TestFormats(t *testing.T) {
	fields := columnsFor("from:address", "n:number", "bytes:number:bytes", "new:flag", "svc:text", "labels:labels")
	rows := [][]any{
		{addrOf("10.0.0.1"), 3, 1500.5, true, "http", wire.Labels{}.Set(1).Set(127)},
		{addrOf("fd00::1"), 1 << 54, nil, false, nil, wire.Labels{}},
		{nil, nil, math.NaN(), nil, `a "b", c`, nil},
	}
	for format, want := range map[string]string{
		"json": `[
{"from":"10.0.0.1","n":3,"bytes":1500.5,"new":true,"svc":"http","labels":["1","127"]},
{"from":"fd00::1","n":"18014398509481984","new":false,"labels":[]},
{"svc":"a \"b\", c"}
]
`,
		"ndjson": `{"from":"10.0.0.1","n":3,"bytes":1500.5,"new":true,"svc":"http","labels":["1","127"]}
{"from":"fd00::1","n":"18014398509481984","new":false,"labels":[]}
{"svc":"a \"b\", c"}
`,
		"csv": `from,n,bytes,new,svc,labels
10.0.0.1,3,1500.5,true,http,"1,127"
fd00::1,18014398509481984,,false,,
,,,,"a ""b"", c",
`,
		"tsv": "from\tn\tbytes\tnew\tsvc\tlabels\n10.0.0.1\t3\t1500.5\ttrue\thttp\t1,127\n" +
			"fd00::1\t18014398509481984\t\tfalse\t\t\n\t\t\t\ta \"b\", c\t\n",
		"table": `from                      n   bytes  new  svc       labels
10.0.0.1                  3  1500.5  yes  http      1,127
fd00::1   18014398509481984       -  no   -
-                         -       -  -    a "b", c  -
`,
	} {
		if got := write(t, Options{Format: format, Fields: fields}, rows...); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", format, got, want)
		}
	}
	for format, want := range map[string]string{"json": "[\n]\n", "ndjson": "", "csv": "n\n", "tsv": "n\n", "table": "", "conntrack": ""} {
		opt := Options{Format: format, Fields: columnsFor("n:number")}
		if format == "conntrack" {
			opt.Fields = nil
		}
		if got := write(t, opt); got != want {
			t.Errorf("%s without rows: %q, want %q", format, got, want)
		}
	}
	// A reader of CSV passes over an empty line.
	if got := write(t, Options{Format: "csv", Fields: columnsFor("n:number")}, []any{nil}, []any{1}); got != "n\n\"\"\n1\n" {
		t.Errorf("one column: %q", got)
	}
}

// TestAgainstEncoders writes flows and compares with the encoders of the
// standard library over Field.Format.
func TestAgainstEncoders(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	fields := field.Flow.Fields()
	for i := range 500 {
		e := randomEntry(r)
		var row field.Row
		row.ResetEntry(e)
		row.In(&field.World{Now: e.Start + 5e9, Netns: "blue"})
		want, cells := naive(t, fields, &row)
		if got := string(AppendJSON(nil, fields, &row)); got != want {
			t.Fatalf("AppendJSON:\n%s\nwant\n%s", got, want)
		}
		for format, want := range map[string]string{
			"ndjson": want + "\n",
			"csv":    strings.Join(field.NamesOf(fields), ",") + "\n" + strings.Join(cells, ",") + "\n",
		} {
			var out strings.Builder
			w, err := New(&out, Options{Format: format, Fields: fields})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Row(&row), w.Close()); err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Fatalf("flow %d, %s:\n%s\nwant\n%s", i, format, out.String(), want)
			}
			if format == "csv" {
				if _, err := csv.NewReader(strings.NewReader(want)).ReadAll(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// naive is a row as JSON and as the cells of a CSV line.
func naive(t *testing.T, fields []*field.Field, row *field.Row) (object string, cells []string) {
	t.Helper()
	var members []string
	for _, f := range fields {
		v, ok := f.Of(row)
		if !ok {
			cells = append(cells, "")
			continue
		}
		text := f.Format(v)
		var x any = text
		switch f.Kind {
		case field.Number:
			x = json.Number(text)
		case field.Flag:
			x = v.On
		case field.Labels:
			x = field.LabelNames(v.Bits)
		}
		value, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, strconv.Quote(f.Name)+":"+string(escape.JSON(value)))
		if f.Kind == field.Text || f.Kind == field.Labels || f.Kind == field.Parent {
			text = escape.CSV(text)
		}
		cells = append(cells, text)
	}
	return "{" + strings.Join(members, ",") + "}", cells
}

// randomEntry is a flow with all that an Entry holds, at random.
func randomEntry(r *rand.Rand) *wire.Entry {
	e := filtertest.Flow(r)
	maybe := func(p wire.Present, set func()) {
		if r.IntN(2) == 0 {
			e.Present |= p
			set()
		}
	}
	texts := []string{"ftp", "=cmd", "a,b", "größe", "x\x1b[31m", "\xff", "<&>", `"`, " ", "\u202e"}
	maybe(wire.HasHelper, func() {
		e.Helper = texts[r.IntN(len(texts))]
		e.Flow.Helper = wire.InternHelper([]byte(e.Helper))
	})
	maybe(wire.HasSecCtx, func() { e.SecCtx = texts[r.IntN(len(texts))] })
	maybe(wire.HasLabels, func() { e.Labels = wire.Labels{1 << r.IntN(64), 1 << r.IntN(64)} })
	maybe(wire.HasStart, func() { e.Start = r.Uint64N(2e9) * 1e9 })
	maybe(wire.HasStop, func() { e.Stop = r.Uint64N(2e18) })
	maybe(wire.HasMaster, func() { e.Master = e.Reply })
	maybe(wire.HasUse, func() { e.Use = uint16(r.Uint32()) })
	maybe(wire.HasCounters, func() {
		e.Counter = [2]wire.Counters{{Packets: r.Uint64N(1 << 40), Bytes: r.Uint64N(1 << 52)}, {Packets: r.Uint64N(9), Bytes: r.Uint64N(999)}}
	})
	switch e.Orig.Proto {
	case wire.ProtoTCP:
		e.SetTCP(wire.TCPInfo{WScale: [2]uint8{uint8(r.IntN(15)), 7}, Flags: [2]wire.TCPFlags{0x23, 0xa}})
	case wire.ProtoSCTP:
		e.SetVTags([2]uint32{r.Uint32(), r.Uint32()})
	}
	return e
}

// failing accepts so many bytes.
type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriteErrorsStay(t *testing.T) {
	for _, format := range Formats() {
		w, err := New(&failing{left: 100_000}, Options{Format: format, Fields: field.Flow.Whole()})
		if err != nil {
			t.Fatal(err)
		}
		var row field.Row
		row.ResetEntry(fullFlow())
		at := 0
		for i := 1; i <= 2000 && at == 0; i++ {
			if err := w.Row(&row); err != nil {
				at = i
			}
		}
		if at == 0 || at == 1 {
			t.Errorf("%s: failed at row %d", format, at)
		}
		if err := w.Row(&row); !errors.Is(err, errFull) {
			t.Errorf("%s: a row after the failure: %v", format, err)
		}
		if err := w.Close(); !errors.Is(err, errFull) {
			t.Errorf("%s: close after the failure: %v", format, err)
		}
	}
}

// TestStreams checks that rows go out before the last is there, and at once
// when they are flushed.
func TestStreams(t *testing.T) {
	for _, format := range Formats() {
		var out strings.Builder
		w, err := New(&out, Options{Format: format, Fields: field.Flow.Whole()})
		if err != nil {
			t.Fatal(err)
		}
		var row field.Row
		row.ResetEntry(fullFlow())
		for range 1000 {
			if err := w.Row(&row); err != nil {
				t.Fatal(err)
			}
		}
		if lines := strings.Count(out.String(), "\n"); lines < 800 {
			t.Errorf("%s: %d lines of 1000 are out", format, lines)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(out.String(), "\n"); lines < 1000 {
			t.Errorf("%s: %d lines of 1000 are out after a flush", format, lines)
		}
	}
}

func TestAllocations(t *testing.T) {
	e := fullFlow()
	var row field.Row
	row.ResetEntry(e)
	row.In(&field.World{Now: e.Start})
	for _, format := range Formats() {
		w, err := New(io.Discard, Options{Format: format, Fields: field.Flow.Whole(), Width: 100})
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 { // the buffers grow
			_ = w.Row(&row)
		}
		if n := testing.AllocsPerRun(1000, func() { _ = w.Row(&row) }); n != 0 {
			t.Errorf("%s: %v allocations a row", format, n)
		}
	}
	buf := make([]byte, 0, 4096)
	fields := field.Flow.Whole()
	if n := testing.AllocsPerRun(1000, func() { AppendJSON(buf, fields, &row) }); n != 0 {
		t.Errorf("AppendJSON: %v allocations", n)
	}
	if n := testing.AllocsPerRun(1000, func() { (&Line{}).Append(buf, e) }); n != 0 {
		t.Errorf("AppendLine: %v allocations", n)
	}
}
