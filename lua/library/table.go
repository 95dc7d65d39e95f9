package library

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

const (
	// MaxItems is the longest list: for keys from here on a table is a hash,
	// and # does not count them. The interpreter fills an array up to the
	// largest key below, whatever is in between, in one step that nothing can
	// interrupt: 32 MiB and a fifth of a second here, gigabytes where it has it.
	MaxItems = 1<<21 - 1

	// maxResults is how many values unpack and select return at most. They
	// take a place each on a stack with four times as many.
	maxResults = 1 << 16

	// often is how many steps of a long operation pass between two looks for
	// an interruption.
	often = 1 << 12
)

func init() { lua.MaxArrayIndex = MaxItems + 1 }

// OpenTable makes the global table, and unpack and select, ours.
func OpenTable(L *lua.LState) {
	table := L.RegisterModule(lua.TabLibName, nil).(*lua.LTable)
	for name, fn := range map[string]lua.LGFunction{
		"concat": tableConcat, "getn": tableGetN, "insert": tableInsert, "maxn": tableMaxN, "pack": tablePack,
		"remove": tableRemove, "sort": tableSort,
	} {
		table.RawSetString(name, L.NewFunction(fn))
	}
	unpack := L.NewFunction(unpack)
	table.RawSetString("unpack", unpack)
	L.G.Global.RawSetString("unpack", unpack)
	L.G.Global.RawSetString("select", L.NewFunction(selectArgs))
}

// tableArgs are the arguments of a function of this library.
type tableArgs struct{ stringArgs }

func (a tableArgs) table(n int) *lua.LTable {
	t, ok := a.L.Get(n).(*lua.LTable)
	if !ok {
		a.bad(n, "table", "want a table, got %s", value.Describe(a.L.Get(n)))
	}
	return t
}

// index returns a position, fallback where it was left out.
func (a tableArgs) index(n int, name string, fallback int) int {
	if a.L.Get(n) == lua.LNil {
		return fallback
	}
	return a.integer(n, name)
}

// pause raises an interruption, if there is one, every so many steps.
func pause(L *lua.LState, step int) {
	if step%often == 0 {
		if err := luaerr.Interrupted(L.Context()); err != nil {
			luaerr.Raise(L, err)
		}
	}
}

// at is an item of a list, also of one that is a hash.
func at(t *lua.LTable, i int) lua.LValue {
	if i > 0 && i <= MaxItems {
		return t.RawGetInt(i)
	}
	return t.RawGet(lua.LNumber(i))
}

func tableConcat(L *lua.LState) int {
	a := tableArgs{stringArgs{L, "table.concat"}}
	t := a.table(1)
	sep := ""
	if L.Get(2) != lua.LNil {
		sep = a.text(2, "separator")
	}
	i, j := a.index(3, "from", 1), a.index(4, "to", t.Len())
	var b strings.Builder
	for k := i; k <= j; k++ {
		pause(L, k-i)
		s := ""
		switch v := at(t, k).(type) {
		case lua.LString:
			s = string(v)
		case lua.LNumber:
			s = FormatNumber(float64(v))
		default:
			a.bad(1, "table", "want strings and numbers, got %s at index %d", value.Describe(v), k)
		}
		if len(s)+len(sep) > MaxString-b.Len() {
			a.tooLong()
		}
		b.WriteString(s)
		if k == j { // which may be the last int that there is
			break
		}
		b.WriteString(sep)
	}
	L.Push(lua.LString(b.String()))
	return 1
}

func tableGetN(L *lua.LState) int {
	L.Push(lua.LNumber(tableArgs{stringArgs{L, "table.getn"}}.table(1).Len()))
	return 1
}

// tableInsert puts an item at a position, behind the last if none is given.
func tableInsert(L *lua.LState) int {
	a := tableArgs{stringArgs{L, "table.insert"}}
	t := a.table(1)
	last := t.Len()
	pos, v := last+1, L.Get(2)
	switch L.GetTop() {
	case 2:
	case 3:
		if pos, v = a.integer(2, "position"), L.Get(3); pos < 1 {
			a.bad(2, "position", "%d is out of range: the first is 1", pos)
		}
	default:
		a.raise(luaerr.ETYPE, "wrong number of arguments of %s, got %d", a.op, L.GetTop())
	}
	switch {
	case pos > last: // also far behind it, as in Lua 5.1
		if pos == last+1 && pos > MaxItems && v != lua.LNil {
			a.raise(luaerr.ETYPE, "a list of more than %d items", MaxItems)
		}
		L.RawSet(t, lua.LNumber(pos), v)
	case last >= MaxItems:
		a.raise(luaerr.ETYPE, "a list of more than %d items", MaxItems)
	default:
		t.Insert(pos, v)
	}
	return 0
}

// tableRemove takes an item out, the last if no position is given.
func tableRemove(L *lua.LState) int {
	a := tableArgs{stringArgs{L, "table.remove"}}
	t := a.table(1)
	last := t.Len()
	pos := a.index(2, "position", last)
	if pos < 1 || pos > last {
		return 0
	}
	L.Push(t.Remove(pos))
	return 1
}

// tableMaxN is the largest key that is a number, 0 if none is above.
func tableMaxN(L *lua.LState) int {
	t := tableArgs{stringArgs{L, "table.maxn"}}.table(1)
	most, step := lua.LNumber(0), 0
	t.ForEach(func(k, _ lua.LValue) {
		pause(L, step)
		step++
		if n, ok := k.(lua.LNumber); ok {
			most = max(most, n)
		}
	})
	L.Push(most)
	return 1
}

// tablePack returns a list of its arguments with their number as n.
func tablePack(L *lua.LState) int {
	n := L.GetTop()
	t := L.CreateTable(n, 1)
	for i := 1; i <= n; i++ {
		t.RawSetInt(i, L.Get(i))
	}
	t.RawSetString("n", lua.LNumber(n))
	L.Push(t)
	return 1
}

func unpack(L *lua.LState) int {
	a := tableArgs{stringArgs{L, "unpack"}}
	t := a.table(1)
	i, j := a.index(2, "from", 1), a.index(3, "to", t.Len())
	if i > j {
		return 0
	}
	if n := uint64(j) - uint64(i); n >= maxResults {
		a.raise(luaerr.ETYPE, "too many results to unpack, at most %d are possible", maxResults)
	}
	n := j - i + 1
	for k := range n {
		L.Push(at(t, i+k))
	}
	return n
}

// selectArgs is select: what follows the n-th argument behind n, the last
// ones where n is negative, or their number.
func selectArgs(L *lua.LState) int {
	a := stringArgs{L, "select"}
	top := L.GetTop()
	if L.Get(1) == lua.LString("#") {
		L.Push(lua.LNumber(top - 1))
		return 1
	}
	n := a.integer(1, "n")
	switch {
	case n > 0:
		return max(0, top-n)
	case n < 0 && -n < top:
		return -n
	}
	a.bad(1, "n", "%d is out of range", n)
	return 0
}
