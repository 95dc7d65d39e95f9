package ct

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/names"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/syntax"
	"github.com/ctsh/ctsh/lua/value"
)

// env is what the words of a filter of flows mean on this machine.
var env = newEnv(nil)

func newEnv(fields *field.Set) *filter.Env {
	return &filter.Env{Fields: fields, Label: labelBit, Service: names.Service, Services: names.Services, ServiceName: names.ServiceName}
}

// envOf is what the words of a filter mean for rows that have some fields. That
// of flows is one for all, so that their filters are compiled once.
func envOf(fields *field.Set) *filter.Env {
	if fields == field.Flow {
		return env
	}
	return newEnv(fields)
}

// filterFrom reads a filter: a text with its parameters behind it, a table of
// fields, or ct.all, which it tells.
func filterFrom(c *registry.Call, n int, env *filter.Env) (f filter.Filter, all bool) {
	switch given := c.Get(n).(type) {
	case lua.LString:
		params, last := paramsFrom(c, string(given), n)
		f, err := filter.Compile(string(given), params, env)
		noMore(c, last)
		c.Raise(fail(err))
		return f, false
	case *lua.LTable:
		noMore(c, n)
		return tableFilter(c, given, env), false
	}
	noMore(c, n)
	return filter.Filter{}, true
}

// noMore refuses arguments behind the last one that means something, but for
// the function of on.
func noMore(c *registry.Call, last int) {
	if c.Len() > last && c.Func(c.Len()) == nil {
		c.Bad("filter", "%d arguments behind it, and it has no parameters for them", c.Len()-last)
	}
}

// paramsFrom reads the parameters of a filter: those named $1, $2 follow it one
// by one, others are fields of one table. It returns the last argument read.
func paramsFrom(c *registry.Call, text string, n int) (filter.Params, int) {
	list := filter.ParamNames(text)
	if len(list) == 0 {
		return nil, n
	}
	params := filter.Params{}
	if strings.Trim(list[0], "0123456789") == "" {
		last := n
		for i := n + 1; i <= c.Len() && c.Get(i).Type() != lua.LTFunction; i++ {
			params[lua.LNumber(i-n).String()] = goValue(c, c.Get(i))
			last = i
		}
		return params, last
	}
	t, ok := c.Get(n + 1).(*lua.LTable)
	if !ok {
		c.Bad("filter", "its parameter $%s is a field of a table that follows, got %s", list[0], value.Describe(c.Get(n+1)))
	}
	t.ForEach(func(k, v lua.LValue) { params[k.String()] = goValue(c, v) })
	return params, n + 1
}

func goValue(c *registry.Call, v lua.LValue) any {
	x, err := value.ToGo(v)
	if err != nil {
		c.Bad("filter", "a parameter: %s", err)
	}
	return x
}

// tableFilter reads the table form.
func tableFilter(c *registry.Call, t *lua.LTable, env *filter.Env) filter.Filter {
	mustBeGiven(c, t)
	x := goValue(c, t)
	fields, _ := x.(map[string]any) // none for an empty table, which is refused
	if list, isList := x.([]any); isList && len(list) > 0 {
		c.Bad("filter", "want field = value, got a list")
	}
	delete(fields, syntax.GivenKey)
	f, err := filter.CompileTable(fields, env)
	c.Raise(fail(err))
	return f
}

// mustBeGiven refuses a filter of which some value is nil: Lua leaves it out,
// and what is left would select more than was meant.
func mustBeGiven(c *registry.Call, t *lua.LTable) {
	names, _ := t.RawGetString(syntax.GivenKey).(lua.LString)
	for _, name := range strings.Fields(string(names)) {
		name, items, isList := strings.Cut(name, "#")
		v := t.RawGetString(name)
		if v == lua.LNil {
			c.Bad(name, "nil; leave the field out to select any")
		}
		list, ok := v.(*lua.LTable)
		if n, err := strconv.Atoi(items); isList && ok && err == nil {
			for i := 1; i <= n; i++ {
				if list.RawGetInt(i) == lua.LNil {
					c.Bad(name, "item %d of the list is nil", i)
				}
			}
		}
	}
}
