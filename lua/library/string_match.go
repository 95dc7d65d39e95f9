package library

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/pattern"
)

// What a match may cost: enough to go over the subject several times, and to
// try every pair of positions in one of eight kilobytes. The first takes about
// 20 ns a byte, the second a tenth of a second.
const (
	steps        = 32e6
	stepsPerByte = 8
)

// budget is what matching in a subject may cost in the thread L.
func (l *stringLib) budget(L *lua.LState, length int) pattern.Budget {
	ctx := L.Context()
	if ctx != l.ctx || l.stop == nil {
		l.ctx = ctx
		l.stop = func() error { return luaerr.Interrupted(ctx) }
	}
	return pattern.Budget{Steps: steps + stepsPerByte*length, Stop: l.stop}
}

func (l *stringLib) find(L *lua.LState) int {
	a := stringArgs{L, "string.find"}
	s, src := a.text(1, "s"), a.text(2, "pattern")
	from := max(0, min(a.position(3, "init", 1, len(s))-1, len(s)))
	if lua.LVAsBool(L.Get(4)) || !special(src) {
		i := strings.Index(s[from:], src)
		if i < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(number(from + i + 1))
		L.Push(number(from + i + len(src)))
		return 2
	}
	if !l.search(a, s, src, from) {
		return 1
	}
	L.Push(number(l.matcher.Start + 1))
	L.Push(number(l.matcher.End))
	if l.matcher.Captures() == 0 {
		return 2
	}
	return 2 + l.push(a, s)
}

func (l *stringLib) match(L *lua.LState) int {
	a := stringArgs{L, "string.match"}
	s, src := a.text(1, "s"), a.text(2, "pattern")
	from := max(0, min(a.position(3, "init", 1, len(s))-1, len(s)))
	if !l.search(a, s, src, from) {
		return 1
	}
	return l.push(a, s)
}

// special tells whether a pattern is more than text. The closing brackets are
// text where there are no opening ones.
func special(src string) bool {
	for i := range len(src) {
		switch src[i] {
		case '^', '$', '*', '+', '?', '.', '(', '[', '%', '-':
			return true
		}
	}
	return false
}

// search finds the first match from an index on. Where there is none it leaves
// nil on the stack.
func (l *stringLib) search(a stringArgs, s, src string, from int) bool {
	b := l.budget(a.L, len(s))
	found, err := l.matcher.Find(l.cache.Get(src), s, from, &b)
	if err != nil {
		a.failed(err)
	}
	if !found {
		a.L.Push(lua.LNil)
	}
	return found
}

// push leaves the captures of the last match on the stack, or the whole match
// where the pattern has none, and returns their number.
func (l *stringLib) push(a stringArgs, s string) int {
	n := max(1, l.matcher.Captures())
	for i := range n {
		a.L.Push(l.capture(a, s, i))
	}
	return n
}

// capture is a capture of the last match as a Lua value.
func (l *stringLib) capture(a stringArgs, s string, i int) lua.LValue {
	c, err := l.matcher.Capture(i)
	switch {
	case err != nil:
		a.failed(err)
	case c.End < 0:
		return number(c.Start + 1)
	}
	return piece(s, c.Start, c.End)
}

// gmatch returns an iterator, which has the budget of a match at every step.
func (l *stringLib) gmatch(L *lua.LState) int {
	a := stringArgs{L, "string.gmatch"}
	s, src := a.text(1, "s"), a.text(2, "pattern")
	if strings.HasPrefix(src, "^") {
		src = "%" + src // an anchor would make no sense: here it is a byte like others
	}
	p, from := l.cache.Get(src), 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if from > len(s) {
			return 0
		}
		a := stringArgs{L, "string.gmatch"}
		b := l.budget(L, len(s)-from)
		found, err := l.matcher.Find(p, s, from, &b)
		switch {
		case err != nil:
			a.failed(err)
		case !found:
			from = len(s) + 1
			return 0
		}
		from = l.matcher.Next()
		return l.push(a, s)
	}))
	return 1
}
