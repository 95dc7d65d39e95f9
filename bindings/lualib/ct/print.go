package ct

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// print writes one line a flow: text, or JSON where the run asked for it.
func (f *flows) print(a *value.Args) int {
	w := bufio.NewWriter(f.h.opt.Stdout)
	f.stream(a, f.q, func(fl *flow) bool {
		if f.h.opt.JSON {
			fmt.Fprintln(w, jsonOf(fl.e))
		} else {
			fmt.Fprintln(w, textOf(fl.e))
		}
		return true
	})
	if err := w.Flush(); err != nil {
		a.Raise(luaerr.New(luaerr.EIO, a.Op, "%w", err))
	}
	return 0
}

// formats of export.
var formats = []string{"ndjson", "json", "csv", "tsv"}

// export writes every flow to a file, "-" for standard output. A file is
// written beside its name and moved there when it is complete.
func (f *flows) export(a *value.Args) int {
	path, format := a.String(1, "path"), "ndjson"
	if !a.Missing(2) {
		format = a.String(2, "format")
	}
	if !slices.Contains(formats, format) {
		e := luaerr.New(luaerr.ETYPE, a.Op, "unknown format %q, want one of %s", format, strings.Join(formats, " "))
		luaerr.Raise(a.L, e.WithHint(luaerr.DidYouMean(format, formats)))
	}
	if path == "-" {
		a.Raise(f.write(a, f.h.opt.Stdout, format))
		return 0
	}
	tmp, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	a.Raise(err)
	defer os.Remove(tmp.Name()) // fails after the rename, as it should
	defer tmp.Close()
	a.Raise(f.write(a, tmp, format))
	a.Raise(tmp.Close())
	a.Raise(os.Rename(tmp.Name(), path))
	return 0
}

func (f *flows) write(a *value.Args, to io.Writer, format string) error {
	w := bufio.NewWriterSize(to, 64<<10)
	switch format {
	case "csv", "tsv":
		c := csv.NewWriter(w)
		if format == "tsv" {
			c.Comma = '\t'
		}
		if err := c.Write(query.Names()); err != nil {
			return err
		}
		f.stream(a, f.q, func(fl *flow) bool { return c.Write(cells(fl.e)) == nil })
		c.Flush()
		if err := c.Error(); err != nil {
			return err
		}
	case "json":
		sep := "[\n"
		f.stream(a, f.q, func(fl *flow) bool {
			_, err := fmt.Fprint(w, sep, jsonOf(fl.e))
			sep = ",\n"
			return err == nil
		})
		if sep == "[\n" {
			fmt.Fprint(w, "[")
		}
		fmt.Fprintln(w, "\n]")
	default:
		f.stream(a, f.q, func(fl *flow) bool {
			_, err := fmt.Fprintln(w, jsonOf(fl.e))
			return err == nil
		})
	}
	return w.Flush()
}

// cells are the fields of a flow as text, "" for one that it lacks.
func cells(e *wire.Entry) []string {
	fields := query.Fields()
	row := make([]string, len(fields))
	for i := range fields {
		if v, ok := fields[i].Get(e); ok {
			row[i] = escapeCell(fields[i].Format(v))
		}
	}
	return row
}

// escapeCell keeps a spreadsheet from taking text for a formula.
func escapeCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
