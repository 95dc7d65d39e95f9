package ct

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// print writes one line a flow: text, or JSON where the run asked for it.
func (f *flows) print(c *registry.Call) int {
	w := bufio.NewWriter(f.h.opt.Stdout)
	f.stream(c, f.q, func(fl *flow) bool {
		if f.h.opt.JSON {
			fmt.Fprintln(w, jsonOf(fl.e))
		} else {
			fmt.Fprintln(w, textOf(fl.e))
		}
		return true
	})
	if err := w.Flush(); err != nil {
		c.Raise(luaerr.New(luaerr.EIO, c.Op(), "%w", err))
	}
	return 0
}

// export writes every flow to a file, "-" for standard output. A file is
// written beside its name and moved there when it is complete.
func (f *flows) export(c *registry.Call) int {
	path, format := c.Text(1), c.Text(2)
	if path == "-" {
		c.Raise(f.write(c, f.h.opt.Stdout, format))
		return 0
	}
	if f.h.opt.NoFiles {
		c.Raise(luaerr.New(luaerr.EPERM, c.Op(), "writing files is not allowed to this script").WithHint(`"-" is standard output`))
	}
	// A new file under a name that nobody could have prepared: a link in its
	// place would have root write elsewhere.
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	var refused *os.PathError
	if errors.As(err, &refused) {
		refused.Op, refused.Path = "create", path
	}
	c.Raise(err)
	defer os.Remove(tmp.Name()) // fails after the rename, as it should
	defer tmp.Close()
	c.Raise(f.write(c, tmp, format))
	c.Raise(tmp.Chmod(modeOf(path)))
	c.Raise(tmp.Close())
	c.Raise(os.Rename(tmp.Name(), path))
	return 0
}

// modeOf is the mode of the file that is replaced, or what a new one gets where
// nothing else is said.
func modeOf(path string) os.FileMode {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return info.Mode().Perm()
	}
	return 0o644
}

func (f *flows) write(c *registry.Call, to io.Writer, format string) error {
	w := bufio.NewWriterSize(to, 64<<10)
	switch format {
	case "csv", "tsv":
		sep, cell := ",", escape.CSV
		if format == "tsv" {
			sep, cell = "\t", escape.Terminal
		}
		fmt.Fprintln(w, strings.Join(field.Names(), sep))
		f.stream(c, f.q, func(fl *flow) bool {
			_, err := fmt.Fprintln(w, strings.Join(cells(fl.e, cell), sep))
			return err == nil
		})
	case "json":
		sep := "[\n"
		f.stream(c, f.q, func(fl *flow) bool {
			_, err := fmt.Fprint(w, sep, jsonOf(fl.e))
			sep = ",\n"
			return err == nil
		})
		if sep == "[\n" {
			fmt.Fprint(w, "[")
		}
		fmt.Fprintln(w, "\n]")
	default:
		f.stream(c, f.q, func(fl *flow) bool {
			_, err := fmt.Fprintln(w, jsonOf(fl.e))
			return err == nil
		})
	}
	return w.Flush()
}

// cells are the fields of a flow as text, "" for one that it lacks. Numbers
// need no escape.
func cells(e *wire.Entry, escaped func(string) string) []string {
	fields := field.Fields()
	row := make([]string, len(fields))
	for i := range fields {
		v, ok := fields[i].Get(e)
		if !ok {
			continue
		}
		if row[i] = fields[i].Format(v); fields[i].Kind == field.Text || fields[i].Kind == field.Labels || fields[i].Kind == field.Parent {
			row[i] = escaped(row[i])
		}
	}
	return row
}
