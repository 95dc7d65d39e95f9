package ct

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// selection is a query as a script holds it.
type selection struct {
	h   *Host
	q   query.Query
	all bool // the script said ct.all
}

var queryType = registry.NewType[*selection]("query", "a selection of rows: of flows, expectations or counters, frozen ones, or rows that another query computed. "+
	"It is a value: each verb makes another one, and nothing is read until rows are asked for").
	Example(`ct> q = flows:where("udp and dport == domain")
ct> tostring(q)
flows:where("udp and dport == domain")
ct> q:count()
1
ct> flows:by("proto"):count():sort("proto")
proto  n
tcp    1
udp    2`)

// newQuery returns a query to the script, or raises err.
func (s *selection) newQuery(c *registry.Call, q query.Query, err error) int {
	c.Raise(fail(err))
	return c.Return(queryType.New(c.L, &selection{s.h, q, s.all}))
}

// The methods refer to the type itself, so they are added after it is there.
func init() {
	queryType.
		Method("where(filter: string | table | function | query | ct.all, ...: any) -> query",
			"narrows to the rows that match. The filter is a text, whose parameters $1 and so on follow, or $name in a table; a table of fields, of which keys are and-ed and lists or-ed; "+
				"a function that is called last, with the row, or with the fields that its parameters name: function(src, bytes) ... end; "+
				"or another query, whose rows it narrows to: flows by their identity, other rows by their values",
			func(s *selection, c *registry.Call) int { return s.where(c, false) }).
		Example(`ct> flows:where("udp and dport in {53, 5353} and not assured"):count()
2
ct> flows:where("src == $1", "10.0.0.1"):count()
1
ct> flows:where("net in $lan and timeout > 5m", {lan = "10.0.0.0/8"}):count()
3
ct> flows:where{proto = "udp", dport = {53, 5353}}:count()
2
ct> flows:where(function(sport, dport) return sport > dport end):count()
2
ct> flows:where(flows:where("mark == 1")):first().src
10.0.0.1`).
		Raises("EPARSE or ETYPE for a filter that is empty, unknown, out of range or that no row could match, and for a parameter that is nil").
		Method("unless(filter: string | table | function | query | ct.all, ...: any) -> query",
			"narrows to the rows that do not match. One that lacks what the filter asks for goes too",
			func(s *selection, c *registry.Call) int { return s.where(c, true) }).
		Example(`ct> flows:unless("dport == 53"):count()
2
ct> flows:unless("bytes < 1MB"):count()
ctsh: nf_conntrack_acct is 0: flows born meanwhile lack what the query asks for; sys.set("nf_conntrack_acct", 1):apply() turns it on
0
ct> flows:unless(flows:where("udp")):count()
1`).
		Method("table(name: string) -> query", "reads another list of the kernel: conntrack, dying or unconfirmed", func(s *selection, c *registry.Call) int {
			f := s.source(c)
			f.Table = tableFrom(c)
			return s.rebase(c, f)
		}).
		Raises("ETYPE behind another verb, or for what is not flows").
		Example(`ct> flows:table("dying"):count()
0`).
		Method("in_ns(first: string, ...: string) -> query", "reads the flows of other network namespaces, one after the other; the field netns says which", func(s *selection, c *registry.Call) int {
			var list []string
			for i := range c.Len() {
				list = append(list, c.Text(i+1))
			}
			return s.inSpaces(c, list, ":in_ns("+strings.Join(list, ", ")+")")
		}).
		Raises("ETYPE for a namespace that is not there").
		Example(`ct> flows:in_ns("/proc/self/ns/net"):where("not has(netns)"):any()
false`).
		Method("all_ns() -> query", "reads the flows of this network namespace and of all that have a name", func(s *selection, c *registry.Call) int {
			return s.allSpaces(c)
		}).
		Example(`ct> flows:all_ns():where("mark == 1 and not has(netns)"):count()
1`).
		Method("limit(n: int 1..2147483647) -> query", "at most n rows", func(s *selection, c *registry.Call) int {
			return s.newQuery(c, s.q.Limit(c.Int(1)), nil)
		}).
		Example(`ct> flows:limit(2):count()
2`).
		Method("skip(n: int 0..2147483647) -> query", "all rows but the first n", func(s *selection, c *registry.Call) int {
			return s.newQuery(c, s.q.Skip(c.Int(1)), nil)
		}).
		Example(`ct> flows:sort("sport"):skip(2):first().sport
4003`).
		Method("sample(share: percent) -> query", "each row with a probability: 0.01 or \"1%\"", func(s *selection, c *registry.Call) int {
			return s.newQuery(c, s.q.Sample(c.Number(1)), nil)
		}).
		Example(`ct> flows:sample("100%"):count()
3`).
		Method("distinct(fields: string) -> query", "the first row of every combination of values", func(s *selection, c *registry.Call) int {
			return s.newQuery(c, s.q.Distinct(s.columns(c, c.Text(1))), nil)
		}).
		Example(`ct> flows:distinct("proto"):count()
2
ct> flows:distinct("net(dst, 24), proto"):count()
2`).
		Method("select(columns: string) -> query", "rows of some values: fields and computations, each perhaps with a name of its own", func(s *selection, c *registry.Call) int {
			return s.newQuery(c, s.q.Select(s.columns(c, c.Text(1))), nil)
		}).
		Raises("EPARSE with the place of a mistake").
		Example(`ct> flows:where("tcp"):select("src, dport, timeout / 60 as minutes"):first().dport
21
ct> flows:select("srcc")
prompt:1: query:select: unknown field "srcc", at byte 1 of "srcc"; did you mean "src"?`).
		Method("with(columns: table) -> query",
			"adds columns: name = \"expression\", or name = function, which gets the row, or the fields that its parameters name, and returns a text; {number = function} returns a number, {flag = function} true or false; nil leaves it out",
			func(s *selection, c *registry.Call) int { return s.with(c) }).
		Example(`ct> flows:with{low = "min(sport, dport)"}:sort("low"):first().low
21
ct> flows:with{who = function(src) return "host " .. src end}:where("who == 'host 10.0.0.1'"):first().who
host 10.0.0.1
ct> flows:with{twice = {number = function(sport) return 2 * sport end}}:sum("twice")
24012`).
		Method("sort(keys: string) -> query", "the rows in order, -field for the largest first; what lacks a value comes last. It holds all rows, some 400 bytes a flow: top is cheaper", func(s *selection, c *registry.Call) int {
			return s.newQuery(c, s.q.Sort(s.sortKeys(c, c.Text(1))), nil)
		}).
		Example(`ct> flows:sort("-dport, src"):first().dport
5353`).
		Method("top(n: int 1..1000000, field?: string) -> query", "the n rows with the largest value, the largest first. Behind by it is that of the first aggregate unless another is named. It holds n rows", func(s *selection, c *registry.Call) int {
			return s.top(c)
		}).
		Example(`ct> flows:top(1, "sport"):first().sport
4003
ct> flows:by("proto"):count():top(1):first().proto
udp`).
		Call("call(...: any)", "is a mistake, most often that of a loop: it raises, and names iter and each", func(_ *selection, c *registry.Call) int {
			e := luaerr.New(luaerr.ETYPE, "query", "a query cannot be called")
			luaerr.Raise(c.L, e.WithHint("a loop is written: for f in flows:iter() do ... end"))
			return 0
		}).
		Example(`ct> for f in flows do print(f) end
prompt:1: a query cannot be called; a loop is written: for f in flows:iter() do ... end`).
		Plus(func(c *registry.Call, a, b *selection) int {
			q, err := a.q.Plus(b.q)
			return a.newQuery(c, q, err)
		}).
		Minus(func(c *registry.Call, a, b *selection) int {
			q, err := a.q.In(b.q, true)
			return a.newQuery(c, q, err)
		}).
		Len(func(c *registry.Call, s *selection) int { return c.Return(lua.LNumber(s.count(c))) }).
		Text(func(s *selection) string { return s.q.String() })
}

// source is where the flows of s come from, for a verb that changes that.
func (s *selection) source(c *registry.Call) query.Flows {
	f, ok := s.q.Source().(*query.Flows)
	if !ok || s.q.String() != f.String() {
		c.Bad("self", "it stands directly behind flows")
	}
	return *f
}

// rebase returns the query of another source.
func (s *selection) rebase(c *registry.Call, f query.Flows) int {
	return s.newQuery(c, query.New(&f), nil)
}

func tableFrom(c *registry.Call) wire.Table {
	name := c.Text(1)
	var names []string
	for _, t := range []wire.Table{wire.TableConntrack, wire.TableDying, wire.TableUnconfirmed} {
		if t.String() == name {
			return t
		}
		names = append(names, t.String())
	}
	c.Unknown("table", name, names)
	return 0
}

// mustSelect refuses to change every flow unless that was said out loud, and
// what is not flows of one namespace.
func (s *selection) mustSelect(c *registry.Call) *query.Space {
	if !s.q.IsFlows() {
		c.Raise(luaerr.New(luaerr.ETYPE, c.Op(), "%s: its rows are no flows", c.Op()))
	}
	if !s.q.Selects() && !s.all {
		e := luaerr.New(luaerr.ETYPE, c.Op(), "%s: no filter", c.Op())
		luaerr.Raise(c.L, e.WithHint("say flows:where(ct.all) to mean every flow"))
	}
	space, err := s.q.Space(c.Op())
	c.Raise(fail(err))
	return space
}
