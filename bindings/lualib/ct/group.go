package ct

import (
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/group"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/lua/registry"
)

// groups are the rows of a query by some values, as a script holds them.
type groups struct {
	s *selection
	g query.Groups
}

var groupsType = registry.NewType[*groups]("groups", "the rows of a query by some values: say what to tell of every group").
	Example(`ct> flows:by("proto")
flows:by("proto")`).
	Text(func(g *groups) string { return g.g.String() })

// totalDocs are the aggregates of one field: how they are called and what they
// tell.
var totalDocs = []struct{ name, sig, doc, groups, total string }{
	{"sum", `(field: string)`, "the sum of a number", `ct> flows:by("proto"):sum("dport"):sort("sum"):first().sum
21`, `ct> flows:sum("dport")
5427`},
	{"avg", `(field: string)`, "the mean of a number", `ct> flows:by("proto"):avg("dport"):where("proto == udp"):first().avg
2703`, `ct> flows:avg("dport")
1809`},
	{"min", `(field: string)`, "the smallest value of a number", `ct> flows:by("proto"):min("dport"):where("proto == udp"):first().min
53`, `ct> flows:min("dport")
21`},
	{"max", `(field: string)`, "the largest value of a number", `ct> flows:by("proto"):max("dport"):where("proto == udp"):first().max
5353`, `ct> flows:max("dport")
5353`},
	{"uniq", `(field: string)`, "how many different values there are: exact up to about a thousand, then estimated to 2 %, which is said", `ct> flows:by("proto"):uniq("dst"):where("proto == udp"):first().uniq
1`, `ct> flows:uniq("dst")
2`},
	{"pct", `(share: number 0..100, field: string)`, "the value that so many percent of the values do not exceed: exact for a few hundred, then estimated to 1 %, which is said", `ct> flows:by("proto"):pct(50, "dport"):where("proto == tcp"):first().pct
21`, `ct> flows:pct(50, "dport")
53`},
}

func init() {
	queryType.
		Method("by(keys: string, options?: {keys?: int 1..10000000}) -> groups", "groups the rows by values: fields and computations. keys bounds how many groups are held: the heaviest ones by the first aggregate, and it is said what was lost",
			func(s *selection, c *registry.Call) int {
				cols := s.columns(c, c.Text(1))
				return c.Return(groupsType.New(c.L, &groups{s, s.q.By(cols, c.Table(2).Int("keys"))}))
			}).
		Example(`ct> flows:by("proto, net(dst, 24) as lan"):count():sort("proto"):print()
proto  lan        n
tcp    192.0.2.0  1
udp    192.0.2.0  2`).
		Method("having(filter: string | table | function | query | ct.all, ...: any) -> query", "is where, for the rows that a grouping made", func(s *selection, c *registry.Call) int {
			return s.where(c, false)
		}).
		Example(`ct> flows:by("proto"):count():having("n > 1"):first().proto
udp`).
		Method("hist(field: string) -> query", "counts the rows by the power of two that a number reaches: columns from and n", func(s *selection, c *registry.Call) int {
			q, err := s.q.By(nil, 0).Hist(s.column(c, c.Text(1)))
			return s.newQuery(c, q, err)
		}).
		Example(`ct> flows:hist("dport"):print()
from  n
  16  1  ########...
  32  1  ########...
4096  1  ########...`).
		Method("agg(aggregates: table) -> table", "several totals at once: name = \"count\", \"sum(bytes)\", \"pct(95, age)\"", func(s *selection, c *registry.Call) int {
			q, err := s.q.Totals(s.aggregates(c))
			c.Raise(fail(err))
			t := c.L.NewTable()
			s.h.lookAt(c, q, func(r *field.Row) error {
				held := r.Hold(field.PartNone)
				t = tableOf(c.L, q.Fields().Fields(), &held)
				return nil
			})
			return c.Return(t)
		}).
		Example(`ct> t = flows:agg{n = "count", most = "max(dport)"}
ct> t.n, t.most
3
5353`)
	groupsType.
		Method("count() -> query", "how many rows each group has, as column n", func(g *groups, c *registry.Call) int {
			return g.aggregate(c, []group.Aggregate{{Name: "n", Func: "count"}}, "count()")
		}).
		Example(`ct> flows:by("proto"):count():sort("proto")
proto  n
tcp    1
udp    2`).
		Method("hist(field: string) -> query", "counts the rows of every group by the power of two that a number reaches: columns from and n", func(g *groups, c *registry.Call) int {
			q, err := g.g.Hist(g.s.column(c, c.Text(1)))
			return g.s.newQuery(c, q, err)
		}).
		Example(`ct> flows:by("proto"):hist("dport"):having("from == 4096"):first().n
1`).
		Method("agg(aggregates: table) -> query", "several aggregates, in the order of their names: name = \"count\", \"sum(bytes)\", \"pct(95, age)\"", func(g *groups, c *registry.Call) int {
			aggs := g.s.aggregates(c)
			var parts []string
			t := c.Get(1).(*lua.LTable)
			for _, a := range aggs {
				parts = append(parts, a.Name+" = "+strconv.Quote(t.RawGetString(a.Name).String()))
			}
			return g.aggregate(c, aggs, "agg{"+strings.Join(parts, ", ")+"}")
		}).
		Example(`ct> flows:by("proto"):agg{n = "count", top = "max(dport)"}:sort("proto")
proto  n   top
tcp    1    21
udp    2  5353`)
	for _, d := range totalDocs {
		groupsType.Method(d.name+d.sig+" -> query", d.doc+" in every group, as column "+d.name, func(g *groups, c *registry.Call) int {
			a, text := g.s.total(c, d.name)
			return g.aggregate(c, []group.Aggregate{a}, text)
		}).Example(d.groups)
		queryType.Method(d.name+d.sig+" -> number | nil", d.doc+", of all rows that have it", func(s *selection, c *registry.Call) int {
			a, _ := s.total(c, d.name)
			q, err := s.q.Totals([]group.Aggregate{a})
			c.Raise(fail(err))
			var v lua.LValue = lua.LNil
			f := q.Fields().Fields()[0]
			s.h.lookAt(c, q, func(r *field.Row) error {
				if x, ok := f.Of(r); ok {
					v = lua.LNumber(x.Num)
				}
				return nil
			})
			return c.Return(v)
		}).Example(d.total)
	}
}

// aggregate returns the query of what is told of the groups.
func (g *groups) aggregate(c *registry.Call, aggs []group.Aggregate, text string) int {
	q, err := g.g.Aggregate(aggs, text)
	return g.s.newQuery(c, q, err)
}

// total reads the arguments of sum, pct and the like.
func (s *selection) total(c *registry.Call, name string) (a group.Aggregate, text string) {
	a = group.Aggregate{Name: name, Func: name}
	arg := 1
	if name == "pct" {
		a.Arg, arg = c.Number(1), 2
	}
	col := s.column(c, c.Text(arg))
	a.Of = col.Field
	if name == "pct" {
		return a, fmt.Sprintf("pct(%s, %q)", strconv.FormatFloat(a.Arg, 'f', -1, 64), col.Text)
	}
	return a, fmt.Sprintf("%s(%q)", name, col.Text)
}

// aggregates reads a table of aggregates.
func (s *selection) aggregates(c *registry.Call) (list []group.Aggregate) {
	t := c.Get(1).(*lua.LTable)
	for _, name := range sortedKeys(c, t) {
		text, ok := t.RawGetString(name).(lua.LString)
		if !ok {
			c.Bad(name, "want text such as \"sum(bytes)\"")
		}
		call, err := filter.Aggregate(string(text), s.env())
		c.Raise(failIn(c, err))
		list = append(list, group.Aggregate{Name: name, Func: call.Func, Of: call.Of, Arg: call.Arg})
	}
	if len(list) == 0 {
		c.Bad("aggregates", "empty: want name = \"count\" or name = \"sum(bytes)\"")
	}
	return list
}
