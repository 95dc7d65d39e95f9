package vm

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// programs makes small Lua 5.1 programs at random that print what they
// compute. They end by themselves, iterate over lists only in order, and print
// numbers through show, so that another interpreter must print the same.
type programs struct {
	*rand.Rand
	b      strings.Builder
	depth  int
	serial int
	scope  [][]variable
	loops  int
}

type variable struct {
	name, kind string
	fixed      bool // not to be assigned to: it ends a loop
}

// preamble of every program. show makes one of the two NaN and of the two zeros
// (gopher-lua keeps no negative zero), and leaves precision to neither side.
const preamble = `local show
function show(...)
  local t = {}
  for i = 1, select("#", ...) do
    local v = (select(i, ...))
    if type(v) == "number" then v = v ~= v and "nan" or v == 0 and "0" or ("%.10g"):format(v)
    elseif type(v) == "table" then local p = {} for k = 1, #v do p[k] = show(v[k]) end v = "{" .. table.concat(p, ",") .. "}"
    elseif type(v) == "function" then v = "function"
    else v = tostring(v) end
    t[#t + 1] = v
  end
  return table.concat(t, " ")
end
`

func (p *programs) program() string {
	p.b.Reset()
	p.depth, p.serial, p.loops = 0, 0, 0
	p.scope = [][]variable{nil}
	p.b.WriteString(preamble)
	for range 4 + p.IntN(8) {
		p.statement()
	}
	for _, v := range p.scope[0] {
		p.line("print(%q, show(%s))", v.name, v.name)
	}
	return p.b.String()
}

func (p *programs) line(format string, args ...any) {
	p.b.WriteString(strings.Repeat("  ", len(p.scope)-1))
	fmt.Fprintf(&p.b, format+"\n", args...)
}

// pick returns a variable of a kind that is in scope, with assign one that may
// be assigned to.
func (p *programs) pick(kind string, assign bool) (string, bool) {
	var names []string
	for _, s := range p.scope {
		for _, v := range s {
			if v.kind == kind && (!assign || !v.fixed) {
				names = append(names, v.name)
			}
		}
	}
	if len(names) == 0 {
		return "", false
	}
	return names[p.IntN(len(names))], true
}

func (p *programs) declare(kind string) string {
	p.serial++
	name := fmt.Sprintf("%c%d", kind[0], p.serial)
	top := len(p.scope) - 1
	p.scope[top] = append(p.scope[top], variable{name, kind, false})
	return name
}

// block writes a body in a scope of its own. vars are declared in it.
func (p *programs) block(vars ...variable) {
	p.scope = append(p.scope, vars)
	for range 1 + p.IntN(3) {
		p.statement()
	}
	p.scope = p.scope[:len(p.scope)-1]
}

func (p *programs) statement() {
	p.depth++
	defer func() { p.depth-- }()
	n := p.IntN(20)
	if p.depth > 3 {
		n = p.IntN(9)
	}
	switch n {
	case 0, 1, 2:
		e := p.num(0)
		p.line("local %s = %s", p.declare("num"), e)
	case 3, 4:
		e := p.str(0)
		p.line("local %s = %s", p.declare("str"), e)
	case 5:
		e := p.list(0)
		p.line("local %s = %s", p.declare("tab"), e)
	case 6:
		if v, ok := p.pick("num", true); ok {
			p.line("%s = %s", v, p.num(0))
		}
	case 7:
		p.line("print(show(%s, %s, %s))", p.num(0), p.str(0), p.boolean(0))
	case 8:
		p.tableStatement()
	case 9, 10:
		p.line("if %s then", p.boolean(0))
		p.block()
		if p.IntN(2) == 0 {
			p.line("elseif %s then", p.boolean(0))
			p.block()
		}
		if p.IntN(2) == 0 {
			p.line("else")
			p.block()
		}
		p.line("end")
	case 11, 12:
		p.loop()
	case 13, 14:
		p.function()
	case 15:
		p.protected()
	case 16:
		p.object()
	case 17:
		p.line("do")
		p.block()
		p.line("end")
	case 18:
		x, y, z := p.num(1), p.str(1), p.num(1)
		p.line("local %s, %s = (function(...) return select('#', ...), tostring((select(-1, ...)) > 3) end)(%s, %s, nil, %s)", p.declare("num"), p.declare("str"), x, y, z)
	case 19:
		p.coroutine()
	}
}

func (p *programs) loop() {
	if p.loops >= 2 {
		return
	}
	p.loops++
	defer func() { p.loops-- }()
	p.serial++
	i := fmt.Sprintf("i%d", p.serial)
	index := variable{i, "num", true}
	switch p.IntN(5) {
	case 0:
		p.line("for %s = %d, %d, %d do", i, p.IntN(5), p.IntN(5), []int{1, 2, -1, -2}[p.IntN(4)])
		p.block(index)
	case 1:
		p.line("for %s = 1, %g, %g do", i, float64(p.IntN(30))/10, 0.5)
		p.block(index)
	case 2:
		p.line("for _, %s in ipairs(%s) do", i, p.list(2)) // not one that the body makes longer
		p.block(index)
	case 3:
		p.line("local %s = 0", i)
		p.line("while %s < %d do %s = %s + 1", i, p.IntN(4), i, i)
		p.block(index)
		if p.IntN(3) == 0 {
			p.line("if %s then break end", p.boolean(1))
		}
	case 4:
		p.line("local %s = 0", i)
		p.line("repeat %s = %s + 1", i, i)
		p.block(index)
		p.line("until %s >= %d or %s", i, p.IntN(4), p.boolean(2))
		return
	}
	p.line("end")
}

func (p *programs) function() {
	a, b := "a"+fmt.Sprint(p.serial), "b"+fmt.Sprint(p.serial)
	loops := p.loops
	p.loops = 2 // a function in a loop is called often enough
	defer func() { p.loops = loops }()
	p.serial++
	f := fmt.Sprintf("f%d", p.serial)
	p.line("local function %s(%s, %s)", f, a, b)
	p.scope = append(p.scope, []variable{{a, "num", false}, {b, "str", false}})
	p.statement()
	p.line("return %s, %s", p.num(0), p.str(0))
	p.scope = p.scope[:len(p.scope)-1]
	p.line("end")
	top := len(p.scope) - 1
	p.scope[top] = append(p.scope[top], variable{f, "func", true})
	p.line("print(show(%s(%s, %s)))", f, p.num(1), p.str(1))
	n := p.declare("num")
	p.line("local %s = 0", n)
	p.line("local function up%s() %s = %s + %s return %s end", n, n, n, p.num(2), n)
	p.line("up%s() up%s()", n, n)
}

func (p *programs) protected() {
	p.line("print(show((pcall(function()")
	p.block()
	switch p.IntN(4) {
	case 0:
		p.line("error(%s, 0)", p.str(1))
	case 1:
		p.line("local t = nil; return t.x")
	case 2:
		p.line("return %s + {}", p.num(1))
	}
	p.line("end))))")
	e := p.str(1)
	p.line("print(show(select(2, pcall(error, %s%s))))", e, []string{"", ", 0", ", 1"}[p.IntN(3)])
	if v, ok := p.pick("num", true); ok {
		p.line("pcall(function() %s = %s + 1 error('x') end)", v, v)
	}
}

func (p *programs) object() {
	p.serial++
	c := fmt.Sprintf("C%d", p.serial)
	p.line("local %s = {} %s.__index = %s", c, c, c)
	p.line("%s.__add = function(x, y) return setmetatable({v = x.v + y.v}, %s) end", c, c)
	p.line("%s.__eq = function(x, y) return x.v == y.v end", c)
	p.line("%s.__lt = function(x, y) return x.v < y.v end", c)
	p.line("%s.__call = function(self, n) return self.v * n end", c)
	p.line("%s.__concat = function(x, y) return 'cat' end", c)
	p.line("%s.__unm = function(x) return -x.v end", c)
	p.line("function %s:get(n) return self.v + n end", c)
	x, y := p.num(1), p.num(1)
	p.line("local x%s, y%s = setmetatable({v = %s}, %s), setmetatable({v = %s}, %s)", c, c, x, c, y, c)
	p.line("print(show((x%s + y%s).v, x%s == y%s, x%s < y%s, x%s(2), x%s:get(1), -x%s, x%s .. 'z', 'z' .. x%s, rawequal(x%s, y%s)))",
		c, c, c, c, c, c, c, c, c, c, c, c, c)
}

func (p *programs) coroutine() {
	p.serial++
	co := fmt.Sprintf("co%d", p.serial)
	p.line("local %s = coroutine.create(function(x) for i = 1, %d do x = x + coroutine.yield(x, i) end return 'end' end)", co, p.IntN(4))
	p.line("for i = 1, %d do local ok, x = coroutine.resume(%s, i) print(show(ok, ok and x), coroutine.status(%s)) end", 1+p.IntN(4), co, co)
}
