package output

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// Options say how rows are written.
type Options struct {
	Format string         // one of Formats
	Fields []*field.Field // the columns in order; conntrack text needs none
	Width  int            // of the terminal in columns, 0 is no limit; of a table
	Human  bool           // amounts as people read them: 1.5 MB, 2h5m; of a table
	Color  bool           // bold header, dim "-"; of a table
	Omit   bool           // columns in which the first rows have nothing, 0 or no text, are left out; of a table
	Bar    string         // the number column that a table draws as bars, "" is none
}

// Writer writes rows in one format. It is used by one goroutine. After an error
// every call returns that error.
type Writer interface {
	// Row writes one row. It keeps nothing of it.
	Row(*field.Row) error
	// Flush sends what was written so far, as a slow stream of events needs. A
	// table fixes its widths at its first Flush.
	Flush() error
	// Close writes what ends the text and flushes. It does not close the
	// io.Writer below.
	Close() error
}

// Formats lists the formats by name.
func Formats() []string { return []string{"table", "json", "ndjson", "csv", "tsv", "conntrack"} }

// New makes a writer of rows to w. It fails on a format that does not exist,
// and on columns that the format cannot show.
func New(w io.Writer, opt Options) (Writer, error) {
	s := sink{w: w}
	if opt.Format == "conntrack" {
		if err := wholeFlows(opt.Fields); err != nil {
			return nil, err
		}
		return &lines{sink: s}, nil
	}
	var made Writer
	switch opt.Format {
	case "table":
		t, err := newTable(s, opt)
		if err != nil {
			return nil, err
		}
		made = t
	case "json":
		made = &objects{sink: s, cols: columnsOf(opt.Fields, &jsonForm), array: true}
	case "ndjson":
		made = &objects{sink: s, cols: columnsOf(opt.Fields, &jsonForm)}
	case "csv":
		made = newCells(s, opt.Fields, ',', &csvForm)
	case "tsv":
		made = newCells(s, opt.Fields, '\t', &tsvForm)
	default:
		return nil, fmt.Errorf("unknown format %q: want one of %s%s", opt.Format, strings.Join(Formats(), ", "), suggest.Hint(opt.Format, Formats()))
	}
	if len(opt.Fields) == 0 {
		return nil, errors.New("no columns to write: name at least one field")
	}
	return made, nil
}

// sink collects text and writes it in large pieces.
type sink struct {
	w   io.Writer
	buf []byte
	err error
}

// spillSize is how much is collected before it is written.
const spillSize = 32 << 10

// spill writes when enough has come together.
func (s *sink) spill() error {
	if len(s.buf) < spillSize {
		return s.err
	}
	return s.Flush()
}

// Flush implements Writer.
func (s *sink) Flush() error {
	if s.err == nil && len(s.buf) > 0 {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
	return s.err
}
