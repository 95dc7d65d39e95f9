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
	"github.com/ctsh/ctsh/lua/registry"
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

func (h *Host) cpuStats(c *registry.Call) (rows []wire.CPUStats) {
	var err error
	h.do(func(ctx context.Context) { rows, err = h.kernel.Stats(ctx) })
	c.Raise(fail(err))
	return rows
}

var statsType = registry.NewType[*Host]("stats", "counters of connection tracking. A counter that this kernel lacks is nil, not 0").
	Example(`ct> stats:total().drop
0`).
	Method("list() -> table[]", "one table a processor: cpu, found, invalid, insert, insert_failed, drop, early_drop, error, search_restart, clash_resolve, chain_toolong", func(h *Host, c *registry.Call) int {
		list := c.L.NewTable()
		for _, s := range h.cpuStats(c) {
			row := statsRow(c.L, &s)
			row.RawSetString("cpu", lua.LNumber(s.CPU))
			list.Append(row)
		}
		return c.Return(list)
	}).
	Example(`ct> stats:list()[1].cpu
0`).
	Method("total() -> table", "the sums over all processors", func(h *Host, c *registry.Call) int {
		var sum wire.CPUStats
		for _, s := range h.cpuStats(c) {
			sum.Add(s)
		}
		return c.Return(statsRow(c.L, &sum))
	}).
	Example(`ct> stats:total().insert_failed
0`).
	Method("print()", "writes a line a processor", func(h *Host, c *registry.Call) int {
		for _, row := range h.cpuStats(c) {
			parts := []string{fmt.Sprintf("cpu=%d", row.CPU)}
			for _, s := range wire.Stats() {
				if v, ok := row.Get(s); ok {
					parts = append(parts, fmt.Sprintf("%s=%d", s, v))
				}
			}
			fmt.Fprintln(h.opt.Stdout, strings.Join(parts, " "))
		}
		return 0
	}).
	Example(`ct> stats:print()
cpu=0 found=...
...`).
	Method("expect() -> table[]", "counters of expectations, one table a processor: cpu, new, create, delete", func(h *Host, c *registry.Call) int {
		var rows []wire.ExpectCPUStats
		var err error
		h.do(func(ctx context.Context) { rows, err = h.kernel.ExpectStats(ctx) })
		c.Raise(fail(err))
		list := c.L.NewTable()
		for _, s := range rows {
			list.Append(value.ToLua(c.L, map[string]any{"cpu": s.CPU, "new": int(s.New), "create": int(s.Create), "delete": int(s.Delete)}))
		}
		return c.Return(list)
	}).
	Example(`ct> stats:expect()[1].cpu
0`).
	Text(func(*Host) string { return "stats" })

// usage is ct.usage().
func (h *Host) usage(c *registry.Call) int {
	var tot wire.Totals
	var err error
	h.do(func(ctx context.Context) { tot, err = h.kernel.Count(ctx) })
	c.Raise(fail(err))
	limit := int64(tot.Max)
	if !tot.HasMax {
		limit, err = h.sysctl.Get("nf_conntrack_max")
		c.Raise(fail(err))
	}
	t := c.L.NewTable()
	t.RawSetString("count", lua.LNumber(tot.Entries))
	t.RawSetString("max", lua.LNumber(limit))
	if limit > 0 {
		t.RawSetString("ratio", lua.LNumber(float64(tot.Entries)/float64(limit)))
	}
	if buckets, err := h.sysctl.Get("nf_conntrack_buckets"); err == nil {
		t.RawSetString("buckets", lua.LNumber(buckets))
	}
	return c.Return(t)
}

// sysModule is sys: the sysctls of connection tracking in this namespace.
var sysModule = registry.NewModule[*Host]("sys", "the sysctls of connection tracking. Their names may leave out net.netfilter.").
	Example(`ct> sys.get("nf_conntrack_acct")
0`).
	Func("get(key: string) -> number", "reads one", func(h *Host, c *registry.Call) int {
		v, err := h.sysctl.Get(c.Text(1))
		c.Raise(fail(err))
		return c.Return(lua.LNumber(v))
	}).
	Raises("EFIELD for a key that no kernel has, ENOTSUP for one that this kernel lacks").
	Example(`ct> sys.get("nf_conntrack_udp_timeout")
30`).
	Func("set(key: string, value: number | string | bool) -> plan", "plans to set one; a duration may be written with its unit", func(h *Host, c *registry.Call) int {
		key, text := c.Text(1), c.Get(2).String()
		k, err := sysctl.Lookup(key)
		c.Raise(fail(err))
		_, err = k.Parse(text)
		c.Raise(fail(err))
		return h.plan(c, plan.Act("set", key+" = "+text, func() error {
			if h.opt.ReadOnly {
				return conntrack.ErrReadOnly
			}
			_, err := h.sysctl.Set(key, text)
			return err
		}), nil)
	}).
	Example(`ct> sys.set("nf_conntrack_udp_timeout", "1m"):apply()
set: 1 matched, 1 applied in ...
ct> sys.get("nf_conntrack_udp_timeout")
60`)
