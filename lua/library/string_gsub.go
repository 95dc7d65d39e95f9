package library

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/pattern"
	"github.com/ctsh/ctsh/lua/value"
)

// substitution is one call of gsub.
type substitution struct {
	stringArgs
	lib    *stringLib
	s      string
	budget pattern.Budget
	out    strings.Builder
	copied int // bytes of s that are in out, or were replaced
}

func (l *stringLib) gsub(L *lua.LState) int {
	a := stringArgs{L, "string.gsub"}
	s, src := a.text(1, "s"), a.text(2, "pattern")
	replace := replacement(a)
	most := len(s) + 1
	if L.Get(4) != lua.LNil {
		most = a.integer(4, "n")
	}
	p := l.cache.Get(src)
	g := substitution{stringArgs: a, lib: l, s: s, budget: l.budget(L, len(s))}
	n := 0
	for from := 0; n < most && from <= len(s); {
		found, err := l.matcher.Find(p, s, from, &g.budget)
		if err != nil {
			a.failed(err)
		}
		if !found {
			break
		}
		n++
		from = l.matcher.Next()
		replace(&g, l.matcher.Start, l.matcher.End)
		if p.Anchored() {
			break
		}
	}
	if g.copied == 0 && g.out.Len() == 0 {
		L.Push(lua.LString(s))
	} else {
		g.add(s[g.copied:])
		L.Push(lua.LString(g.out.String()))
	}
	L.Push(number(n))
	return 2
}

// add adds text to the result.
func (g *substitution) add(text string) {
	if len(text) > MaxString-g.out.Len() {
		g.tooLong()
	}
	g.out.WriteString(text)
}

// put adds what comes before a match, and moves on behind the match.
func (g *substitution) put(start, end int) {
	g.add(g.s[g.copied:start])
	g.copied = end
}

// replacement returns what replaces a match, from start to end, as the third
// argument says.
func replacement(a stringArgs) func(g *substitution, start, end int) {
	switch r := a.L.Get(3).(type) {
	case lua.LString, lua.LNumber:
		text := a.text(3, "repl")
		if strings.IndexByte(text, '%') >= 0 {
			return func(g *substitution, start, end int) {
				g.put(start, end)
				g.expand(text)
			}
		}
		return func(g *substitution, start, end int) {
			g.put(start, end)
			g.add(text)
		}
	case *lua.LTable:
		return func(g *substitution, start, end int) {
			g.value(a.L.GetTable(r, g.lib.capture(a, g.s, 0)), start, end)
		}
	case *lua.LFunction:
		return func(g *substitution, start, end int) {
			a.L.Push(r)
			a.L.Call(g.lib.push(a, g.s), 1)
			v := a.L.Get(-1)
			a.L.Pop(1)
			g.value(v, start, end)
		}
	default:
		a.bad(3, "repl", "want a string, table or function, got %s", value.Describe(r))
		return nil
	}
}

// value replaces a match with what a table or function gave; nil and false
// leave it as it is.
func (g *substitution) value(v lua.LValue, start, end int) {
	switch v := v.(type) {
	case lua.LString:
		g.put(start, end)
		g.add(string(v))
	case lua.LNumber:
		g.put(start, end)
		g.add(FormatNumber(float64(v)))
	default:
		if lua.LVAsBool(v) {
			g.bad(3, "repl", "want a string as the replacement, got %s", value.Describe(v))
		}
	}
}

// expand adds a replacement in which %0 to %9 stand for captures.
func (g *substitution) expand(text string) {
	if err := g.budget.Spend(len(text)); err != nil {
		g.failed(err)
	}
	for {
		i := strings.IndexByte(text, '%')
		if i < 0 {
			g.add(text)
			return
		}
		g.add(text[:i])
		if i+1 == len(text) {
			g.raise(luaerr.EPARSE, `bad argument "repl" of %s: it ends with '%%'`, g.op)
		}
		switch c := text[i+1]; {
		case c == '0':
			g.add(g.s[g.lib.matcher.Start:g.lib.matcher.End])
		case c >= '1' && c <= '9':
			g.capture(int(c - '1'))
		default:
			g.add(text[i+1 : i+2])
		}
		text = text[i+2:]
	}
}

// capture adds a capture of the match.
func (g *substitution) capture(i int) {
	if i >= max(1, g.lib.matcher.Captures()) {
		g.raise(luaerr.EPARSE, `bad argument "repl" of %s: invalid capture index %%%d`, g.op, i+1)
	}
	c, err := g.lib.matcher.Capture(i)
	switch {
	case err != nil:
		g.failed(err)
	case c.End < 0:
		g.add(strconv.Itoa(c.Start + 1))
	default:
		g.add(g.s[c.Start:c.End])
	}
}
