package ct

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/archive"
	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// The verbs about flows in files.
func init() {
	queryType.
		Method("save(path: string) -> int",
			"writes the flows to a file, for restore: complete or not at all, for you alone to read, and with all that the kernel says of them. It returns how many there are",
			func(s *selection, c *registry.Call) int { return s.save(c) }).
		Raises("ETYPE for rows that are no flows, and for the flows of several namespaces; EIO where the file cannot be written").
		Example(`ct> flows:save("example.flows")
3`)
	ctModule.
		Func(`restore(path: string, options?: {zone?: int 0..65535, on_conflict?: "skip" | "update" | "fail" = "skip", frozen?: bool, force?: bool}) -> plan`,
			"plans to make the flows of a file again, as save or conntrack -L -o save wrote it, masters first. What their time has run out of since is left away, unless frozen gives them what they had left then. "+
				"zone moves them. A flow that is there stays as it is, or with update gets mark, labels and timeout; in no case it is removed. "+
				"Counters, start times, ids and the windows of TCP are the kernel's and do not come back. One of a hundred is read again, and the result tells what differs",
			func(h *Host, c *registry.Call) int { return h.restore(c) }).
		Raises("EIO where the file cannot be read, and by apply where it has changed since; EPARTIAL where it is damaged: force = true takes its good part").
		Example(`ct> flows:save("example.flows")
3
ct> r = flows:where("udp"):delete():apply()
ct> ct.restore("example.flows"):apply()
restore: 3 matched, 2 applied, 1 there already in ...
ct> flows:count()
3`).
		Func("open(path: string) -> query", "the flows of a file that save wrote, or conntrack -L -o save: the same verbs, seen from when it was written", func(h *Host, c *registry.Call) int {
			f := h.archive(c, false)
			src := &query.Computed{Name: fmt.Sprintf("ct.open(%q)", c.Text(1)), Set: field.Flow, Rows: func(_ context.Context, fn func(*field.Row) error) error {
				return rowsOf(f, fn)
			}}
			return c.Return(queryType.New(c.L, &selection{h: h, q: query.New(src)}))
		}).
		Raises("EIO where the file cannot be read, and by the verbs where it has changed since").
		Example(`ct> flows:save("example.flows")
3
ct> ct.open("example.flows"):where("udp"):by("dport"):count():sort("dport"):first().dport
53
ct> flows:unless(ct.open("example.flows")):count()
0`)
}

// save writes the flows of s to a file.
func (s *selection) save(c *registry.Call) int {
	if !s.q.IsFlows() {
		c.Raise(luaerr.New(luaerr.ETYPE, c.Op(), "%s: its rows are no flows", c.Op()))
	}
	c.Raise(s.h.mayUseFiles(c))
	space, err := s.q.Space(c.Op())
	c.Raise(fail(err))
	of := s.h.hosting(space)
	id, err := of.identity()
	c.Raise(err)
	head := archive.Header{Namespace: id, Name: of.name(), Query: s.q.String(), Accounting: of.isOn("nf_conntrack_acct"), Timestamps: of.isOn("nf_conntrack_timestamp")}
	w, err := archive.Create(c.Text(1), head)
	c.Raise(fail(err))
	defer w.Abort()
	n := 0
	s.h.lookAt(c, s.q, func(r *field.Row) error {
		n++
		if v := r.View(); v != nil {
			return w.Add(v.Raw())
		}
		return w.AddEntry(r.Need(field.PartAll))
	})
	s.h.do(func(context.Context) { err = w.Close() })
	c.Raise(fail(err))
	return c.Return(lua.LNumber(n))
}

// isOn tells whether a sysctl is not 0.
func (h *Host) isOn(key string) bool {
	v, err := h.sysctl.Get(key)
	return err == nil && v != 0
}

// archive opens the file that is named first.
func (h *Host) archive(c *registry.Call, damaged bool) *archive.File {
	c.Raise(h.mayUseFiles(c))
	var f *archive.File
	var err error
	h.do(func(context.Context) { f, err = archive.Open(c.Text(1)) })
	c.Raise(fail(err))
	if d := f.Damage(); d != nil && !damaged {
		e := luaerr.New(luaerr.EPARTIAL, c.Op(), "%s: %s is %s", c.Op(), c.Text(1), d)
		c.Raise(e.WithHint(fmt.Sprintf("the %d flows before that are good: force = true takes them", f.Len())))
	}
	return f
}

// rowsOf passes the flows of a file, as they are seen from when it was written.
func rowsOf(f *archive.File, fn func(*field.Row) error) error {
	var r field.Row
	if head := f.Header(); head != nil {
		r.In(&field.World{Now: uint64(head.Saved.Wall.UnixNano())})
	}
	return f.Views(func(v *wire.View) error {
		r.Reset(v)
		return fn(&r)
	})
}

// restore is ct.restore(path).
func (h *Host) restore(c *registry.Call) int {
	t := c.Table(2)
	opt := plan.RestoreOptions{Frozen: t.Bool("frozen")}
	if t.Has("zone") {
		zone := uint16(t.Int("zone"))
		opt.Zone = &zone
	}
	switch t.Text("on_conflict") {
	case "update":
		opt.Conflict = plan.ConflictUpdate
	case "fail":
		opt.Conflict = plan.ConflictFail
	}
	f := h.archive(c, t.Bool("force"))
	return h.plan(c, plan.Restore(strconv.Quote(c.Text(1)), goodPart{f}, opt), nil)
}

// goodPart is what can be read of a file that is damaged. Damage that came since
// it was opened is an error: nobody has agreed to lose what stood behind that.
type goodPart struct{ *archive.File }

// Each implements plan.Saved.
func (g goodPart) Each(fn func(*wire.Entry) error) error {
	err := g.File.Each(fn)
	var damage *record.DamageError
	if known := g.Damage(); known != nil && errors.As(err, &damage) && damage.Offset == known.Offset {
		return nil
	}
	return err
}
