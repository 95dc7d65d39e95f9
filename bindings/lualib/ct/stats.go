package ct

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/value"
)

// counterFields are the columns of the counters, one a kind beside cpu.
var counterFields = func() *field.Set {
	list := []*field.Field{column("cpu", field.Number, "number of the processor")}
	for _, s := range wire.Stats() {
		list = append(list, column(s.String(), field.Number, "counter "+s.String()))
	}
	for _, f := range list {
		f.Max = math.MaxUint32
	}
	return field.Columns(list...)
}()

// cellsOfCPU are the columns of the counters of a processor; what this kernel
// does not count is absent.
func cellsOfCPU(c *wire.CPUStats) []field.Cell {
	cells := []field.Cell{{Value: field.Value{Num: float64(c.CPU)}, Has: true}}
	for _, s := range wire.Stats() {
		v, ok := c.Get(s)
		cells = append(cells, field.Cell{Value: field.Value{Num: float64(v)}, Has: ok})
	}
	return cells
}

// counters is where the counters of a namespace come from.
func (h *Host) counters() query.Source {
	return &query.Computed{Name: "stats", Set: counterFields, Rows: func(ctx context.Context, fn func(*field.Row) error) error {
		rows, err := h.kernel.Stats(ctx)
		var r field.Row
		for i := range rows {
			if err == nil {
				r.ResetCells(cellsOfCPU(&rows[i]))
				err = fn(&r)
			}
		}
		return err
	}}
}

// The verbs of counters alone.
func init() {
	queryType.
		Method("total() -> table", "of stats: the sums over all processors", func(s *selection, c *registry.Call) int {
			s.mustCount(c)
			var sum wire.CPUStats
			var err error
			s.h.do(func(ctx context.Context) {
				var rows []wire.CPUStats
				rows, err = s.h.kernel.Stats(ctx)
				for i := range rows {
					sum.Add(rows[i])
				}
			})
			c.Raise(fail(err))
			var r field.Row
			r.ResetCells(cellsOfCPU(&sum))
			return c.Return(tableOf(c.L, counterFields.Fields()[1:], &r))
		}).
		Raises("ETYPE for any other query").
		Example(`ct> stats:total().insert_failed
0
ct> stats:sum("drop")
0`).
		Method("expect() -> table[]", "of stats: counters of expectations, one table a processor: cpu, new, create, delete", func(s *selection, c *registry.Call) int {
			s.mustCount(c)
			var rows []wire.ExpectCPUStats
			var err error
			s.h.do(func(ctx context.Context) { rows, err = s.h.kernel.ExpectStats(ctx) })
			c.Raise(fail(err))
			list := c.L.NewTable()
			for _, x := range rows {
				list.Append(value.ToLua(c.L, map[string]any{"cpu": x.CPU, "new": int(x.New), "create": int(x.Create), "delete": int(x.Delete)}))
			}
			return c.Return(list)
		}).
		Raises("ETYPE for any other query").
		Example(`ct> stats:expect()[1].cpu
0`)
}

// mustCount refuses what is not stats itself.
func (s *selection) mustCount(c *registry.Call) {
	if s.q.Fields() != counterFields || s.q.Narrowed() {
		c.Raise(luaerr.New(luaerr.ETYPE, c.Op(), "%s: is a verb of stats alone", c.Op()))
	}
}

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
	Func("set(key: string, value: number | string | bool) -> plan", "plans to set one; a duration may be written with its unit. undo gives it the value that it had, unless it was set since", func(h *Host, c *registry.Call) int {
		key, text := c.Text(1), c.Get(2).String()
		k, err := sysctl.Lookup(key)
		c.Raise(fail(err))
		to, err := k.Parse(text)
		c.Raise(fail(err))
		return h.plan(c, plan.Act("set", key+" = "+text, h.setting(k.Name, to)), nil)
	}).
	Example(`ct> sys.set("nf_conntrack_udp_timeout", "1m"):apply()
set: 1 matched, 1 applied in ...
ct> sys.get("nf_conntrack_udp_timeout")
60`)

// setting is the change of a sysctl.
func (h *Host) setting(key string, to int64) plan.Action {
	return plan.Action{N: 1,
		Do: func(context.Context) (plan.Counts, error) {
			if h.opt.ReadOnly {
				return plan.Counts{}, conntrack.ErrReadOnly
			}
			if _, err := h.sysctl.SetInt(key, to); err != nil {
				return plan.Counts{}, err
			}
			return plan.Counts{Applied: 1}, nil
		},
		Undo: func() (plan.Note, error) {
			was, err := h.sysctl.Get(key)
			if err != nil {
				return plan.Note{}, err
			}
			return sysctlNote{key, was, to}.note()
		},
	}
}

// sysctlNote is what the journal keeps of a changed sysctl.
type sysctlNote struct {
	Key string `json:"key"`
	Was int64  `json:"was"`
	Set int64  `json:"set"`
}

// note is n for the journal.
func (n sysctlNote) note() (plan.Note, error) {
	data, err := json.Marshal(n)
	return plan.Note{Kind: "sysctl", Data: data}, err
}

// revertSysctl gives a sysctl the value that it had, where it still has the one
// that it was set to.
func (h *Host) revertSysctl(note plan.Note) (plan.Action, error) {
	var n sysctlNote
	if err := json.Unmarshal(note.Data, &n); err != nil {
		return plan.Action{}, err
	}
	key, err := sysctl.Lookup(n.Key)
	return plan.Action{N: 1,
		Do: func(context.Context) (plan.Counts, error) {
			if h.opt.ReadOnly {
				return plan.Counts{}, conntrack.ErrReadOnly
			}
			change, done, err := h.sysctl.Replace(n.Key, n.Set, n.Was)
			switch {
			case err != nil:
				return plan.Counts{}, err
			case done:
				return plan.Counts{Applied: 1}, nil
			case change.Now != key.Kept(n.Was):
				return plan.Counts{Changed: 1, Notes: []string{fmt.Sprintf("%s was set to %s meanwhile: it stays as it is", key.Name, key.Format(change.Now))}}, nil
			}
			return plan.Counts{Exists: 1}, nil
		},
		Undo: func() (plan.Note, error) {
			now, err := h.sysctl.Get(n.Key)
			if err != nil || now != key.Kept(n.Set) {
				return plan.Note{}, err
			}
			return sysctlNote{n.Key, now, n.Was}.note()
		},
	}, err
}
