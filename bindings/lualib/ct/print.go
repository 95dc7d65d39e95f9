package ct

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/output"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/file"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// formats is how the formats of output are declared.
var formats = `"` + strings.Join(output.Formats(), `" | "`) + `"`

// shownFlow are the columns of a flow in a table that nobody chose others for;
// of those behind the first seven only the ones that some flow has.
var shownFlow = strings.Fields("proto src sport dst dport state flags icmp_type icmp_id zone mark labels helper nat_src nat_sport nat_dst nat_dport rate bytes age timeout netns")

// The verbs that write.
func init() {
	queryType.
		Method("print(options?: {format?: "+formats+", fields?: string})",
			"writes the rows, while they are being read: as a table that fits the terminal, as JSON lines with --json, or in another format; conntrack is that of conntrack -L. fields are the columns, as in select",
			func(s *selection, c *registry.Call) int { return s.print(c) }).
		Raises("ETYPE for a format that cannot show the rows").
		Example(`ct> flows:where{dport = 53}:print()
proto  src       sport  dst         dport  flags      mark  timeout
udp    10.0.0.1   4001  192.0.2.53     53  unreplied     1     ...
ct> flows:sort("src"):print{fields = "src, dport * 2 as twice"}
src       twice
10.0.0.1    106
10.0.0.2     42
10.0.0.3  10706
ct> flows:where{dport = 53}:print{format = "conntrack"}
udp      17 ... src=10.0.0.1 dst=192.0.2.53 sport=4001 dport=53 [UNREPLIED] src=192.0.2.53 dst=10.0.0.1 sport=53 dport=4001 mark=1 use=1`).
		Method("export(path: string, format: "+formats+" = \"ndjson\")",
			"writes every field of every row to a file, complete or not at all; - is standard output. Fields that are worked out of others are left out unless select names them", func(s *selection, c *registry.Call) int { return s.export(c) }).
		Example(`ct> flows:where{dport = 53}:export("-", "csv")
src,dst,sport,dport,proto,...
10.0.0.1,192.0.2.53,4001,53,udp,...`).
		Method("watch(interval: duration 0.01..86400, options?: {times?: int 1..1000000000})",
			"prints the rows again and again, in the same place of a terminal, until Ctrl-C or so many times", func(s *selection, c *registry.Call) int { return s.watch(c) }).
		Example(`ct> flows:by("proto"):count():sort("proto"):watch("10ms", {times = 2})
proto  n
tcp    1
udp    2

proto  n
tcp    1
udp    2`).
		Method("explain() -> text", "how the query is going to be run: what is left to the kernel, what is looked at here, what a missing sysctl hides, and how much will match, from a sample", func(s *selection, c *registry.Call) int {
			return s.explain(c)
		}).
		Example(`ct> flows:where("udp and dport == 53 and src in 10.0.0.0/8"):explain()
source   conntrack table...
...
wire     ...
...`).
		Show(func(c *registry.Call, s *selection) string { return s.show(c) })
}

// fieldsShown are the columns of a table of s, and whether those may be left
// out that no row has.
func (s *selection) fieldsShown() (list []*field.Field, omit bool) {
	if !s.q.IsFlows() {
		return s.q.Fields().Fields(), false
	}
	whole := s.q.Fields().Fields()
	for _, name := range shownFlow {
		if f, ok := s.q.Fields().Lookup(name); ok {
			list = append(list, f)
		}
	}
	return append(list, whole[len(field.Flow.Fields()):]...), true // with what was added
}

// writer makes what writes the rows of s.
func (s *selection) writer(w io.Writer, format string) (output.Writer, error) {
	opt := output.Options{Format: format, Fields: s.q.Fields().Whole()}
	if format == "table" {
		opt.Fields, opt.Omit = s.fieldsShown()
		opt.Human, opt.Color = s.h.opt.Human, s.h.opt.Color
		opt.Bar = s.q.Bar()
		if s.h.opt.Width != nil {
			opt.Width = s.h.opt.Width()
		}
	}
	return output.New(w, opt)
}

// print writes the rows to standard output.
func (s *selection) print(c *registry.Call) int {
	t := c.Table(1)
	format := t.Text("format")
	if format == "" {
		format = "table"
		if s.h.opt.JSON {
			format = "ndjson"
		}
	}
	if t.Has("fields") {
		s = &selection{s.h, s.q.Select(s.columns(c, t.Text("fields"))), s.all}
	}
	c.Raise(s.write(c, s.h.opt.Stdout, format))
	return 0
}

// turnWriter takes the turn to write: what other tasks of the script print
// stays apart from it.
type turnWriter struct{ h *Host }

func (w turnWriter) Write(p []byte) (int, error) {
	w.h.vm.Tasks.Lock()
	defer w.h.vm.Tasks.Unlock()
	return w.h.opt.Stdout.Write(p)
}

// write writes the rows in a format.
func (s *selection) write(c *registry.Call, to io.Writer, format string) error {
	onScreen := to == s.h.opt.Stdout && s.h.opt.Human // there the rows themselves are the progress
	if to == s.h.opt.Stdout && !s.q.Calls() {
		to = turnWriter{s.h}
	}
	w, err := s.writer(to, format)
	if err != nil {
		return luaerr.New(luaerr.ETYPE, c.Op(), "%s: %w", c.Op(), err)
	}
	s.h.scan(c, s.q, s.h.opt.Progress && !onScreen, w.Row)
	return s.written(c, s.close(w))
}

// close ends what was written, which also takes the turn.
func (s *selection) close(w output.Writer) (err error) {
	if s.q.Calls() {
		return w.Close()
	}
	s.h.do(func(context.Context) { err = w.Close() })
	return err
}

func (s *selection) written(c *registry.Call, err error) error {
	if err == nil {
		return nil
	}
	return luaerr.New(luaerr.EIO, c.Op(), "%w", err)
}

// export writes every row to a file, "-" for standard output.
func (s *selection) export(c *registry.Call) int {
	path, format := c.Text(1), c.Text(2)
	if path == "-" {
		c.Raise(s.write(c, s.h.opt.Stdout, format))
		return 0
	}
	c.Raise(s.h.replace(c, path, modeOf(path), func(w io.Writer) error { return s.write(c, w, format) }))
	return 0
}

// mayUseFiles is the error of a script that may not: what it may not write it may
// not read either, and would tell in its errors.
func (h *Host) mayUseFiles(c *registry.Call) error {
	if !h.opt.NoFiles {
		return nil
	}
	e := luaerr.New(luaerr.EPERM, c.Op(), "%s: files are not allowed to this script", c.Op())
	if c.Op() == "query:export" {
		e = e.WithHint(`"-" is standard output`)
	}
	return e
}

// replace writes a file, complete or not at all.
func (h *Host) replace(c *registry.Call, path string, mode os.FileMode, write func(io.Writer) error) error {
	if err := h.mayUseFiles(c); err != nil {
		return err
	}
	to, err := file.Replace(path, mode)
	if err != nil {
		return err
	}
	defer to.Abort()
	if err := write(to); err != nil {
		return err
	}
	return to.Commit()
}

// modeOf is the mode of the file that is replaced, or what a new one gets where
// nothing else is said.
func modeOf(path string) os.FileMode {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return info.Mode().Perm()
	}
	return 0o644
}

// clearScreen moves a terminal to its upper left corner and clears it.
const clearScreen = "\x1b[H\x1b[2J"

// watch prints the rows every so often.
func (s *selection) watch(c *registry.Call) int {
	every := time.Duration(c.Number(1) * float64(time.Second))
	times := c.Table(2).Int("times")
	for n := 0; times == 0 || n < times; n++ {
		var page bytes.Buffer
		began := time.Now()
		format := "table"
		if s.h.opt.JSON {
			format = "ndjson"
		}
		c.Raise(s.write(c, &page, format))
		before := ""
		switch {
		case s.h.opt.Human:
			before = clearScreen
		case n > 0 && format == "table":
			before = "\n"
		}
		_, err := fmt.Fprint(s.h.opt.Stdout, before, page.String())
		c.Raise(s.written(c, err))
		if times > 0 && n+1 == times {
			break
		}
		c.Raise(s.h.pause(every - time.Since(began)))
	}
	return 0
}

// pause waits without the turn.
func (h *Host) pause(d time.Duration) (err error) {
	h.do(func(ctx context.Context) {
		wait := time.NewTimer(d)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			err = luaerr.Interrupted(ctx)
		}
	})
	return err
}

// shownRows is how many rows a prompt shows of a query.
const shownRows = 20

// show is what a prompt shows of a query: its first rows.
func (s *selection) show(c *registry.Call) string {
	var page bytes.Buffer
	w, err := s.writer(&page, "table")
	c.Raise(err)
	n := 0
	first := selection{s.h, s.q.Limit(shownRows + 1), s.all}
	s.h.lookAt(c, first.q, func(r *field.Row) error {
		if n++; n > shownRows {
			return conntrack.ErrStop
		}
		return w.Row(r)
	})
	c.Raise(w.Close())
	switch {
	case n == 0:
		return "no rows: " + s.q.String()
	case n > shownRows:
		fmt.Fprintf(&page, "... and more: :print() writes all, :count() counts them\n")
	}
	return strings.TrimSuffix(page.String(), "\n")
}

// explain is q:explain().
func (s *selection) explain(c *registry.Call) int {
	var x query.Explanation
	var err error
	s.h.do(func(ctx context.Context) { x, err = s.q.Explain(ctx, s.h.learned()) })
	c.Raise(fail(err))
	return c.Return(lua.LString(x.String()))
}
