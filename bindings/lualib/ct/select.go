package ct

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/value"
)

// env is what the words of a filter mean for the rows of s.
func (s *selection) env() *filter.Env { return envOf(s.q.Fields()) }

// where is where and unless in all their forms.
func (s *selection) where(c *registry.Call, not bool) int {
	switch given := c.Get(1).(type) {
	case *lua.LFunction:
		noMore(c, 1)
		fn := s.h.function(given, s.q)
		return s.newQuery(c, s.q.WhereFunc(query.Func{Name: fn.name, Bind: fn.predicate, Fields: fn.fields}, not), nil)
	case *lua.LUserData:
		if other, ok := queryType.Is(given); ok {
			noMore(c, 1)
			q, err := s.q.In(other.q, not)
			return s.newQuery(c, q, err)
		}
	}
	f, all := filterFrom(c, 1, s.env())
	narrow := s.q.Where
	if not {
		narrow = s.q.Unless
	}
	q, err := narrow(f)
	c.Raise(fail(err))
	return c.Return(queryType.New(c.L, &selection{s.h, q, s.all || all && !not}))
}

// columns reads a list of values of the rows of s.
func (s *selection) columns(c *registry.Call, text string) []filter.Column {
	list, err := filter.Columns(text, nil, s.env())
	c.Raise(failIn(c, err))
	return list
}

func (s *selection) sortKeys(c *registry.Call, text string) []filter.Column {
	list, err := filter.SortKeys(text, nil, s.env())
	c.Raise(failIn(c, err))
	return list
}

// column reads one value.
func (s *selection) column(c *registry.Call, text string) filter.Column {
	list := s.columns(c, text)
	if len(list) > 1 {
		c.Bad("field", "want one value, got %d", len(list))
	}
	return list[0]
}

// top is top(n, field): behind an aggregation the first aggregate is meant.
func (s *selection) top(c *registry.Call) int {
	text := c.Text(2)
	if text == "" {
		text = s.q.Heaviest()
	}
	if text == "" {
		c.Bad("field", "by what? Name a field, such as top(10, \"bytes\")")
	}
	return s.newQuery(c, s.q.Top(c.Int(1), s.column(c, text)), nil)
}

// with is with{name = "expression" | function | {number = function}}.
func (s *selection) with(c *registry.Call) int {
	t := c.Get(1).(*lua.LTable)
	var cols []query.Added
	for _, name := range sortedKeys(c, t) {
		var col query.Added
		switch v := t.RawGetString(name).(type) {
		case lua.LString:
			x := s.column(c, string(v)+" as "+name)
			col = query.Added{Field: x.Field, Text: fmt.Sprintf("%q", string(v))}
		case *lua.LFunction:
			col = s.added(c, name, v, field.Text)
		case *lua.LTable:
			col = s.typed(c, name, v)
		default:
			c.Bad(name, "want an expression or a function, got %s", value.Describe(v))
		}
		cols = append(cols, col)
	}
	if len(cols) == 0 {
		c.Bad("columns", "empty: want name = \"expression\" or name = function")
	}
	q, err := s.q.With(cols)
	return s.newQuery(c, q, err)
}

// typed reads {number = function} and {flag = function}.
func (s *selection) typed(c *registry.Call, name string, t *lua.LTable) query.Added {
	for word, kind := range map[string]field.Kind{"number": field.Number, "flag": field.Flag, "text": field.Text} {
		if fn, ok := t.RawGetString(word).(*lua.LFunction); ok {
			return s.added(c, name, fn, kind)
		}
	}
	c.Bad(name, "want {number = function}, {flag = function} or {text = function}")
	return query.Added{}
}

// added is a column that a function makes.
func (s *selection) added(c *registry.Call, name string, given *lua.LFunction, kind field.Kind) query.Added {
	if _, err := filter.Columns(name, nil, nil); err == nil {
		c.Bad(name, "is a field already")
	}
	fn := s.h.function(given, s.q)
	f := field.Compute(field.Field{Name: name, Kind: kind, Min: -1 << 53, Max: 1 << 53}, nil)
	return query.Added{Field: f, Text: fn.name, Bind: fn.column(name, kind), Fields: fn.fields}
}

// inSpaces reads the flows of other namespaces.
func (s *selection) inSpaces(c *registry.Call, list []string, verb string) int {
	f := s.source(c)
	f.Spaces, f.Verb = nil, verb
	for _, name := range list {
		f.Spaces = append(f.Spaces, s.h.other(c, name).space)
	}
	return s.rebase(c, f)
}

// allSpaces reads the flows of this namespace and of all that have a name.
func (s *selection) allSpaces(c *registry.Call) int {
	list, err := netns.List()
	c.Raise(fail(err))
	f := s.source(c)
	f.Verb = ":all_ns()"
	for _, name := range list {
		f.Spaces = append(f.Spaces, s.h.other(c, name).space)
	}
	return s.rebase(c, f)
}

// failIn is fail for a text that is no filter.
func failIn(c *registry.Call, err error) error {
	e, ok := err.(*filter.Error) //nolint:errorlint // it is made by one call
	if !ok || e.Text == "" {
		return fail(err)
	}
	return luaerr.New(luaerr.EPARSE, c.Op(), "%s: %s, at byte %d of %q", c.Op(), e.Msg, e.Pos+1, e.Text).WithHint(e.Hint)
}
