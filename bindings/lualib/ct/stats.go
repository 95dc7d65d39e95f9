package ct

import (
	"context"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
	"github.com/ctsh/ctsh/lua/value"
)

// statsRow makes a table of the counters of a CPU; what this kernel does not
// count is nil.
func statsRow(L *lua.LState, c *wire.CPUStats) *lua.LTable {
	t := L.NewTable()
	for _, s := range wire.Stats() {
		if v, ok := c.Get(s); ok {
			t.RawSetString(s.String(), lua.LNumber(v))
		}
	}
	return t
}

func (h *Host) cpuStats(a *value.Args) (rows []wire.CPUStats) {
	a.AtMost(0)
	var err error
	h.do(func(ctx context.Context) { rows, err = h.kernel.Stats(ctx) })
	a.Raise(fail(err))
	return rows
}

var statsType = value.NewType[*Host]("stats").
	Method("list", func(a *value.Args, h *Host) int {
		list := a.L.NewTable()
		for _, c := range h.cpuStats(a) {
			row := statsRow(a.L, &c)
			row.RawSetString("cpu", lua.LNumber(c.CPU))
			list.Append(row)
		}
		return a.Return(list)
	}).
	Method("total", func(a *value.Args, h *Host) int {
		var sum wire.CPUStats
		for _, c := range h.cpuStats(a) {
			sum.Add(c)
		}
		return a.Return(statsRow(a.L, &sum))
	}).
	Method("print", func(a *value.Args, h *Host) int {
		for _, c := range h.cpuStats(a) {
			parts := []string{fmt.Sprintf("cpu=%d", c.CPU)}
			for _, s := range wire.Stats() {
				if v, ok := c.Get(s); ok {
					parts = append(parts, fmt.Sprintf("%s=%d", s, v))
				}
			}
			fmt.Fprintln(h.opt.Stdout, strings.Join(parts, " "))
		}
		return 0
	}).
	Method("expect", func(a *value.Args, h *Host) int {
		var rows []wire.ExpectCPUStats
		var err error
		h.do(func(ctx context.Context) { rows, err = h.kernel.ExpectStats(ctx) })
		a.Raise(fail(err))
		list := a.L.NewTable()
		for _, c := range rows {
			list.Append(value.ToLua(a.L, map[string]any{"cpu": c.CPU, "new": int(c.New), "create": int(c.Create), "delete": int(c.Delete)}))
		}
		return a.Return(list)
	}).
	Text(func(*Host) string { return "stats" })

// usage is ct.usage(): how full the table is.
func (h *Host) usage(a *value.Args) int {
	a.AtMost(0)
	var tot wire.Totals
	var err error
	h.do(func(ctx context.Context) { tot, err = h.kernel.Count(ctx) })
	a.Raise(fail(err))
	limit := int64(tot.Max)
	if !tot.HasMax {
		limit, err = h.sysctl.Get("nf_conntrack_max")
		a.Raise(fail(err))
	}
	t := a.L.NewTable()
	t.RawSetString("count", lua.LNumber(tot.Entries))
	t.RawSetString("max", lua.LNumber(limit))
	if limit > 0 {
		t.RawSetString("ratio", lua.LNumber(float64(tot.Entries)/float64(limit)))
	}
	if buckets, err := h.sysctl.Get("nf_conntrack_buckets"); err == nil {
		t.RawSetString("buckets", lua.LNumber(buckets))
	}
	return a.Return(t)
}

// sysTable is sys: the sysctls of connection tracking in this namespace.
func (h *Host) sysTable(L *lua.LState) *lua.LTable {
	t := L.NewTable()
	t.RawSetString("get", value.Func(L, "sys.get", func(a *value.Args) int {
		a.AtMost(1)
		v, err := h.sysctl.Get(a.String(1, "key"))
		a.Raise(fail(err))
		return a.Return(lua.LNumber(v))
	}))
	t.RawSetString("set", value.Func(L, "sys.set", func(a *value.Args) int {
		a.AtMost(2)
		key, text := a.String(1, "key"), a.L.ToStringMeta(a.Get(2)).String()
		if a.Missing(2) {
			a.Bad("value", "want a number or a duration, got nil")
		}
		k, err := sysctl.Lookup(key)
		a.Raise(fail(err))
		_, err = k.Parse(text)
		a.Raise(fail(err))
		return h.plan(a, plan.Act("set", key+" = "+text, func() error {
			if h.opt.ReadOnly {
				return conntrack.ErrReadOnly
			}
			_, err := h.sysctl.Set(key, text)
			return err
		}), nil)
	}))
	return t
}
