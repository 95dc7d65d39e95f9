package output

import (
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/escape"
)

// cells writes a header and one line a row, the cells separated by commas (CSV)
// or tabs (TSV). Absent values are empty.
type cells struct {
	sink
	cols []column
	sep  byte
}

var (
	csvForm = form{yes: "true", no: "false", number: appendNumber, text: appendCSV, labels: appendLabelCell}
	tsvForm = form{yes: "true", no: "false", number: appendNumber, text: appendTerminal, labels: appendLabels}
)

func newCells(s sink, fields []*field.Field, sep byte, f *form) *cells {
	c := &cells{sink: s, cols: columnsOf(fields, f), sep: sep}
	for i := range fields {
		if i > 0 {
			c.buf = append(c.buf, sep)
		}
		c.buf = f.text(c.buf, fields[i].Name)
	}
	c.buf = append(c.buf, '\n')
	return c
}

// Row implements Writer.
func (c *cells) Row(r *field.Row) error {
	start := len(c.buf)
	for i := range c.cols {
		if i > 0 {
			c.buf = append(c.buf, c.sep)
		}
		c.buf, _ = c.cols[i].append(c.buf, r)
	}
	if len(c.buf) == start && c.sep == ',' {
		c.buf = append(c.buf, `""`...) // readers pass over an empty line
	}
	c.buf = append(c.buf, '\n')
	return c.spill()
}

// Close implements Writer.
func (c *cells) Close() error { return c.Flush() }

func appendCSV(b []byte, s string) []byte { return append(b, escape.CSV(s)...) }

func appendTerminal(b []byte, s string) []byte { return append(b, escape.Terminal(s)...) }

// appendLabelCell appends what escape.CSV makes of the joined names, without
// joining them: two names have a comma between them and so need quotes.
func appendLabelCell(b []byte, l wire.Labels) []byte {
	bit, rest, ok := nextLabel(l)
	if !ok {
		return b
	}
	first := labelTexts()[bit]
	if rest == (wire.Labels{}) {
		return append(b, escape.CSV(first)...)
	}
	b = append(b, '"')
	if first != "" && strings.IndexByte("=+-@", first[0]) >= 0 {
		b = append(b, '\'')
	}
	return append(joinLabels(b, l, quotesDoubled), '"')
}

func quotesDoubled(s string) string { return strings.ReplaceAll(escape.Terminal(s), `"`, `""`) }
