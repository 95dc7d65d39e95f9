package output

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/suggest"
	"github.com/ctsh/ctsh/lua/escape"
)

// measured is how many rows decide the widths of a table.
const measured = 200

// longestBar is what the largest value of the measured rows is drawn as.
const longestBar = 30

// absent is the cell of a value that is not there, as it is kept: no escaped
// text has this character.
const absent = 0

// table writes aligned columns.
type table struct {
	sink
	cols  []column
	opt   Options
	names [][]byte // escaped
	bar   int      // the column that is drawn, -1 for none

	// The measured rows, until the widths are known.
	laid  bool
	cells []byte
	ends  []int // in cells, one a cell
	bars  []float64

	widths  []int // of the columns that are shown
	owed    int   // blanks before the next cell
	longest int   // bar
	top     float64
	scratch []byte
}

func newTable(s sink, opt Options) (*table, error) {
	cols := columnsOf(opt.Fields, &tableForm)
	t := &table{sink: s, cols: cols, opt: opt, bar: -1}
	var numbers []string
	for i := range cols {
		t.names = append(t.names, []byte(escape.Terminal(cols[i].Name)))
		if cols[i].Kind != field.Number {
			continue
		}
		numbers = append(numbers, cols[i].Name)
		if cols[i].Name == opt.Bar {
			t.bar = i
		}
	}
	if opt.Bar != "" && t.bar < 0 {
		return nil, fmt.Errorf("no number column %q to draw as bars: name one of the columns%s", opt.Bar, suggest.Hint(opt.Bar, numbers))
	}
	return t, nil
}

// Row implements Writer.
func (t *table) Row(r *field.Row) error {
	if t.laid {
		for i := range t.widths {
			t.scratch = t.appendCell(t.scratch[:0], i, r)
			t.put(i, t.scratch)
		}
		t.endRow(t.barOf(r))
		return t.spill()
	}
	for i := range t.cols {
		t.cells = t.appendCell(t.cells, i, r)
		t.ends = append(t.ends, len(t.cells))
	}
	t.bars = append(t.bars, t.barOf(r))
	if len(t.bars) < measured {
		return t.err
	}
	t.lay()
	return t.spill()
}

// Flush implements Writer.
func (t *table) Flush() error {
	if !t.laid {
		t.lay()
	}
	return t.sink.Flush()
}

// Close implements Writer.
func (t *table) Close() error {
	if !t.laid && len(t.bars) == 0 {
		return t.sink.Flush() // a table of nothing has no header either
	}
	if !t.laid {
		t.lay()
	}
	if left := t.names[len(t.widths):]; len(left) > 0 {
		what := "columns do"
		if len(left) == 1 {
			what = "column does"
		}
		t.styled(dim, fmt.Appendf(nil, "%d %s not fit: %s", len(left), what, join(left)))
		t.buf = append(t.buf, '\n')
	}
	return t.sink.Flush()
}

func join(names [][]byte) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.Write(n)
	}
	return b.String()
}

// lay finds the widths and writes the header and the rows that waited for it.
func (t *table) lay() {
	if t.opt.Omit {
		t.omit()
	}
	want, shrinks := make([]int, len(t.cols)), make([]bool, len(t.cols))
	for i := range t.cols {
		want[i], shrinks[i] = widthOf(t.names[i]), t.shrinks(i)
	}
	t.eachCell(func(i int, cell []byte) { want[i] = max(want[i], widthOf(cell)) })
	t.widths, t.laid = fit(want, shrinks, t.opt.Width), true
	t.layBars()
	t.header()
	row := 0
	t.eachCell(func(i int, cell []byte) {
		if i < len(t.widths) {
			t.put(i, cell)
		}
		if i == len(t.cols)-1 {
			t.endRow(t.bars[row])
			row++
		}
	})
	t.cells, t.ends, t.bars = nil, nil, nil
}

// omit drops the columns of which all rows so far lack the value, or
// have 0 or no text. Where that is
// every column, or there is no row, all stay.
func (t *table) omit() {
	has := make([]bool, len(t.cols))
	t.eachCell(func(i int, cell []byte) { has[i] = has[i] || !nothing(cell) })
	if !slices.Contains(has, true) {
		return
	}
	var cells []byte
	var ends []int
	t.eachCell(func(i int, cell []byte) {
		if has[i] {
			cells = append(cells, cell...)
			ends = append(ends, len(cells))
		}
	})
	var cols []column
	var names [][]byte
	bar := -1
	for i := range t.cols {
		if !has[i] {
			continue
		}
		if i == t.bar {
			bar = len(cols)
		}
		cols, names = append(cols, t.cols[i]), append(names, t.names[i])
	}
	t.cols, t.names, t.cells, t.ends, t.bar = cols, names, cells, ends, bar
}

// eachCell visits the cells that wait, row by row, with their columns.
func (t *table) eachCell(fn func(i int, cell []byte)) {
	start := 0
	for n, end := range t.ends {
		fn(n%len(t.cols), t.cells[start:end])
		start = end
	}
}

// gone tells whether a kept cell is that of a value that is not there.
func gone(cell []byte) bool { return len(cell) == 1 && cell[0] == absent }

// nothing tells whether a kept cell says nothing: it is not there, empty or 0.
func nothing(cell []byte) bool {
	return gone(cell) || len(cell) == 0 || string(cell) == "0" || string(cell) == "0 B"
}

// layBars gives bars what the columns leave.
func (t *table) layBars() {
	if t.bar < 0 {
		return
	}
	t.longest = longestBar
	if t.opt.Width > 0 {
		left := t.opt.Width
		for _, w := range t.widths {
			left -= w + gap
		}
		t.longest = max(0, min(left, longestBar))
	}
	for _, n := range t.bars {
		t.top = max(t.top, n)
	}
}

func (t *table) header() {
	start := len(t.buf)
	for i := range t.widths {
		t.put(i, t.names[i])
	}
	line := append([]byte(nil), t.buf[start:]...)
	t.buf, t.owed = t.buf[:start], 0
	t.styled(bold, line)
	t.buf = append(t.buf, '\n')
}

// shrinks tells whether a column may be cut: part of a number or an address is
// another one, part of a text is still a hint.
func (t *table) shrinks(i int) bool {
	switch t.cols[i].Kind {
	case field.Text, field.Labels, field.Parent:
		f := t.cols[i].Field
		return f == nil || !f.Whole
	}
	return false
}

// appendCell renders a value for a table.
func (t *table) appendCell(b []byte, i int, r *field.Row) []byte {
	if f := t.cols[i].Field; !t.opt.Human && f.Kind == field.Number && f.Name != "start" && f.Name != "stop" {
		if n, ok := t.cols[i].number(r); ok && finite(n) {
			return appendDecimal(b, n, 3)
		}
	} else if !t.opt.Human || f.Kind != field.Number {
		if b, has := t.cols[i].append(b, r); has {
			return b
		}
	} else if n, ok := t.cols[i].number(r); ok && finite(n) {
		return appendHuman(b, t.cols[i].Field, n)
	}
	return append(b, absent)
}

var tableForm = form{yes: "yes", no: "no", number: appendNumber, text: appendTerminal, labels: appendLabels}

// put writes a cell into its column. The space before it is written with it, so
// that no line ends in blanks.
func (t *table) put(i int, cell []byte) {
	missing := gone(cell)
	if missing {
		cell = dash
	}
	size := widthOf(cell)
	more := size > t.widths[i] && t.opt.Width > 0 && t.shrinks(i)
	if more {
		cell = cut(cell, t.widths[i]-1)
		size = widthOf(cell) + 1
	}
	if i > 0 {
		t.owed += gap
	}
	space := max(0, t.widths[i]-size)
	if t.cols[i].Kind == field.Number {
		t.owed += space
		space = 0
	}
	if len(cell) > 0 || more {
		t.blanks()
	}
	if missing {
		t.styled(dim, cell)
	} else {
		t.buf = append(t.buf, cell...)
	}
	if more {
		t.buf = append(t.buf, "…"...)
	}
	t.owed += space
}

var dash = []byte("-")

// blanks writes the space that is owed.
func (t *table) blanks() {
	for ; t.owed > 0; t.owed-- {
		t.buf = append(t.buf, ' ')
	}
}

// barOf is the value that a row's bar shows, 0 for none.
func (t *table) barOf(r *field.Row) float64 {
	if t.bar < 0 {
		return 0
	}
	n, ok := t.cols[t.bar].number(r)
	if !ok || !finite(n) {
		return 0
	}
	return n
}

// endRow draws the bar and ends the line. What is more than nothing has a bar.
func (t *table) endRow(n float64) {
	if t.longest > 0 && n > 0 && t.top > 0 {
		t.owed += gap
		t.blanks()
		size := math.Round(min(n/t.top, 1) * float64(t.longest))
		for range max(1, int(size)) {
			t.buf = append(t.buf, '#')
		}
	}
	t.owed = 0
	t.buf = append(t.buf, '\n')
}

// The styles of a terminal (ECMA-48 SGR).
const (
	bold = 1
	dim  = 2
)

// styled writes text in a style where colour is asked for.
func (t *table) styled(style int, text []byte) {
	if !t.opt.Color || len(text) == 0 {
		t.buf = append(t.buf, text...)
		return
	}
	t.buf = append(strconv.AppendInt(append(t.buf, "\x1b["...), int64(style), 10), 'm')
	t.buf = append(append(t.buf, text...), "\x1b[0m"...)
}
