package syntax

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// prelude is what generated programs call: out notes values, keep holds
// closures on to the end, tick ends runaways.
const prelude = `
local notes, kept, left = {}, {}, 4000
local function tick() left = left - 1; if left < 0 then error("out of ticks", 0) end end
local function out(...)
  local n = select("#", ...)
  for i = 1, n do
    local v = select(i, ...) if v == 0 then v = "0" end
    if #notes < 600 then notes[#notes + 1] = (type(v) == "table" or type(v) == "function") and type(v) or tostring(v) end
  end
end
local function keep(f) if #kept < 40 then kept[#kept + 1] = f end return f end
local function run() for i = 1, #kept do out(kept[i]()) end end
local function three(a, b) tick() return b, a, 3 end
local function none() end
local function counter(n) return function() tick() n = n - 1 return n >= 0 end end
local function nz(v) if v == 0 then return "0" end return v end
local function dump(t) for i = -1, 130 do if t[i] ~= nil then out(i, t[i]) end end out(t.a, t.b, t.c) end
local G1, G2, G3, G4
`

// program writes random programs in the part of Lua that means the same in
// every version: what is a number stays one, and no value depends on an
// address or on the order of keys.
type program struct {
	*rand.Rand
	strings.Builder
	nums, tabs []string // variables in scope
	fresh      int
	loops      int    // around the statement, in its function
	vararg     bool   // the function has ...
	labels     bool   // goto may be used
	next       string // label at the end of the loop around the statement
	size       int    // statements left
}

// newProgram returns the text of a program: a function body that returns what
// it noted.
func newProgram(seed uint64, labels bool) string {
	p := &program{Rand: rand.New(rand.NewPCG(seed, 1)), labels: labels, size: 40}
	p.WriteString(prelude)
	p.WriteString("gn1, gn2 = 5, 6\nlocal ok, err = pcall(function(...)\n")
	p.vararg = true
	if seed%4 == 0 { // so many constants that the next ones need registers
		p.WriteString("local _ = {")
		for i := range 260 {
			fmt.Fprintf(p, "'k%d', ", i)
		}
		p.line("}")
	}
	p.block(0, 4+p.IntN(8))
	p.WriteString("run()\nend, 11, 12, 13)\nrun()\nout(ok, gn1, gn2)\nreturn table.concat(notes, ' ')\n")
	return p.String()
}

func (p *program) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *program) name(prefix string) string {
	p.fresh++
	if p.IntN(4) == 0 && p.fresh > 3 { // a shadow
		return fmt.Sprint(prefix, 1+p.IntN(3))
	}
	return fmt.Sprint(prefix, p.fresh)
}

// scope runs fn and forgets the variables it declared.
func (p *program) scope(fn func()) {
	nums, tabs := len(p.nums), len(p.tabs)
	fn()
	p.nums, p.tabs = p.nums[:nums:nums], p.tabs[:tabs:tabs]
}

func (p *program) block(depth, n int) {
	p.scope(func() {
		for range n {
			if p.size--; p.size < 0 {
				return
			}
			p.stmt(depth)
		}
		if p.loops > 0 && p.IntN(8) == 0 {
			p.line("do break end")
		}
	})
}

func (p *program) stmt(depth int) {
	k := p.IntN(26)
	if depth > 4 && k >= 8 && k < 18 {
		k = p.IntN(8)
	}
	switch k {
	case 0, 1:
		n := 1 + p.IntN(3)
		names := p.names(n)
		p.line("local %s = %s", strings.Join(names, ", "), p.list(n))
		p.nums = append(p.nums, names...)
	case 2, 3, 4:
		n := 1 + p.IntN(3)
		var targets []string
		for range n {
			targets = append(targets, p.place())
		}
		p.line("%s = %s", strings.Join(targets, ", "), p.list(n))
	case 5:
		t := p.name("t")
		p.line("local %s = %s", t, p.table())
		p.line("dump(%s)", t)
		p.tabs = append(p.tabs, t)
	case 6:
		p.line("out(%s)", p.list(1+p.IntN(3)))
	case 7:
		if v := p.pick(p.nums); v != "" {
			p.closure(func() { p.line("keep(function() %s = (%s + 1) %% 997 return %s end)", v, p.num(1), v) })
		}
	case 8, 9:
		p.line("if %s then", p.cond(2))
		p.block(depth+1, 1+p.IntN(3))
		if p.IntN(3) == 0 {
			p.line("elseif %s then", p.cond(2))
			p.block(depth+1, 1+p.IntN(3))
		}
		if p.IntN(2) == 0 {
			p.line("else")
			p.block(depth+1, 1+p.IntN(3))
		}
		p.line("end")
	case 10:
		i := p.name("n")
		p.line("for %s = %d, %d%s do tick()", i, p.IntN(3), p.IntN(5), []string{"", ", 2", ", -1"}[p.IntN(3)])
		p.loop(depth, i)
	case 11:
		i, v := p.name("n"), p.name("n")
		switch p.IntN(3) {
		case 0:
			p.line("for %s, %s in ipairs{%s, %s, %s} do", i, v, p.num(1), p.num(1), p.num(1))
			p.loop(depth, i, v)
		case 1:
			p.line("for %s in (function(s, c) c = (c or 0) + 1 if c < (s or 3) then return c end end)%s do", i, []string{"", ", 4", ", 4, 1", ", 3, (three(1, 0))"}[p.IntN(4)])
			p.loop(depth, i)
		default:
			p.line("for %s in three(3, function(s, c) c = (c or 0) + 1 if c < 6 then return c end end) do", i)
			p.loop(depth, i)
		}
	case 12:
		c := p.name("n")
		p.line("local %s = 0", c)
		p.line("while %s < %d and (%s) do tick() %s = %s + 1", c, 1+p.IntN(4), p.cond(1), c, c)
		p.nums = append(p.nums, c)
		p.loop(depth)
	case 13:
		c, last := p.name("n"), p.name("n")
		p.line("local %s = 0", c)
		p.line("repeat tick() %s = %s + 1", c, c)
		p.nums = append(p.nums, c)
		p.scope(func() {
			p.loops++
			p.scope(func() {
				for range p.IntN(3) {
					if p.size--; p.size > 0 {
						p.stmt(depth + 1)
					}
				}
			})
			p.line("local %s = %s", last, p.num(1))
			p.line("keep(function() %s = (%s + 2) %% 997 return %s end)", last, last, last)
			p.loops--
			p.line("until %s >= %d or %s > 500", c, 1+p.IntN(3), last)
		})
	case 14:
		if p.IntN(2) == 0 { // a condition of constants, and a body that begins at once
			p.fresh++
			p.line("local again%d = counter(%d)", p.fresh, p.IntN(4))
			p.line("while %sagain%d() do", p.pick([]string{"", "(false and gn1) or ", "(nil and 1 or false) or ", "not nil and "}), p.fresh)
			p.loop(depth)
			break
		}
		p.line("do")
		p.block(depth+1, 1+p.IntN(4))
		p.line("end")
	case 15, 16:
		p.function(depth)
	case 17:
		switch {
		case p.next != "" && p.IntN(2) == 0:
			p.line("if %s then %sgoto %s end", p.cond(1), p.captured(), p.next)
		case p.labels && depth < 4:
			p.again(depth)
		default:
			p.line("run()")
		}
	case 18:
		v := p.name("n")
		p.line("local %s = function() return type(%s) end out(%s()) local %s = 1", v, v, v, v)
		p.nums = append(p.nums, v)
	case 19:
		if p.loops > 0 {
			p.line("if %s then %sbreak end", p.cond(1), p.captured())
		}
	case 20:
		p.method(depth)
	default:
		p.line("%s = %s", p.place(), p.num(3))
	}
}

// captured declares a local that a closure keeps.
func (p *program) captured() string {
	if p.IntN(2) == 0 {
		return ""
	}
	return fmt.Sprintf("local z = %s keep(function() z = z + 1 return z end) ", p.num(1))
}

// closure writes a function without "...".
func (p *program) closure(fn func()) {
	vararg := p.vararg
	p.vararg = false
	fn()
	p.vararg = vararg
}

// loop writes the body of a loop, with its variables, and its end.
func (p *program) loop(depth int, vars ...string) {
	p.loops++
	next := p.next
	if p.labels && p.IntN(2) == 0 {
		p.fresh++
		p.next = fmt.Sprint("next", p.fresh)
	}
	p.scope(func() {
		p.nums = append(p.nums, vars...)
		p.block(depth+1, 1+p.IntN(4))
	})
	if p.next != next {
		p.line("::%s::", p.next)
	}
	p.next = next
	p.loops--
	p.line("end")
}

// again writes a loop made of a label and a goto.
func (p *program) again(depth int) {
	p.fresh++
	n := p.fresh
	p.line("do local again = 0 ::again%d:: again = again + 1", n)
	for range 1 + p.IntN(3) {
		p.scope(func() { p.stmt(depth + 1) })
	}
	p.line("if again < 3 then %sgoto again%d end end", p.captured(), n)
}

// function writes a local function and a call of it.
func (p *program) function(depth int) {
	f, params := p.name("f"), p.names(p.IntN(3))
	loops, vararg, next := p.loops, p.vararg, p.next
	p.loops, p.vararg, p.next = 0, p.IntN(2) == 0, ""
	head := strings.Join(params, ", ")
	if p.vararg {
		head = strings.TrimPrefix(head+", ...", ", ")
	}
	p.line("local function %s(%s) tick()", f, head)
	for _, n := range params {
		p.line("%s = %s or 1", n, n)
	}
	p.scope(func() {
		p.nums = append(p.nums, params...)
		p.block(depth+1, 1+p.IntN(4))
		p.line("do return %s end", p.list(1+p.IntN(3)))
	})
	p.line("end")
	p.loops, p.vararg, p.next = loops, vararg, next
	p.line("out(%s(%s))", f, p.list(1+p.IntN(2)))
	if p.IntN(2) == 0 {
		v := p.name("n")
		p.line("local %s = (%s(%s))", v, f, p.list(1))
		p.nums = append(p.nums, v)
	}
}

// method writes a method of a table, a call of it, and one in tail position.
func (p *program) method(depth int) {
	t := p.pick(p.tabs)
	if t == "" {
		t = p.name("t")
		p.line("local %s = %s", t, p.table())
		p.tabs = append(p.tabs, t)
	}
	loops, vararg, next := p.loops, p.vararg, p.next
	p.loops, p.vararg, p.next = 0, true, ""
	p.line("function %s:m(x, ...) tick() x = x or 2", t)
	p.scope(func() {
		p.nums, p.tabs = append(p.nums, "x"), append(p.tabs, "self")
		p.block(depth+1, p.IntN(3))
		p.line("do return three(%s) end end", p.list(2))
	})
	p.loops, p.vararg, p.next = loops, vararg, next
	p.line("out(%s:m(%s), (%s.m(%s, %s)))", t, p.list(1), t, t, p.list(1))
	p.line("%s.n = {o = {p = %s}} %s.n.o.q, %s.n.o.p = %s.n.o.p, %s out(%s.n.o.p, %s.n.o.q)", t, p.num(1), t, t, t, p.num(2), t, t)
}

func (p *program) names(n int) (names []string) {
	for range n {
		names = append(names, p.name("n"))
	}
	return names
}

func (p *program) pick(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[p.IntN(len(names))]
}

func (p *program) place() string {
	switch p.IntN(6) {
	case 0:
		return p.pick([]string{"gn1", "gn2"})
	case 1:
		if t := p.pick(p.tabs); t != "" {
			return fmt.Sprintf("%s[%s %% 9]", t, p.num(1))
		}
	case 2:
		if t := p.pick(p.tabs); t != "" {
			return t + "." + p.pick([]string{"a", "b"})
		}
	}
	if v := p.pick(p.nums); v != "" {
		return v
	}
	return "gn1"
}

// list is at least n expressions or their worth, all numbers.
func (p *program) list(n int) string {
	var es []string
	for i := range n {
		if i == n-2 && p.IntN(5) == 0 {
			es = append(es, fmt.Sprintf("three(%s, %s)", p.num(1), p.num(1)))
			return strings.Join(es, ", ")
		}
		es = append(es, p.num(2))
	}
	if p.IntN(6) == 0 {
		es = append(es, fmt.Sprintf("three(%s, %s)", p.num(1), p.num(1)))
	}
	return strings.Join(es, ", ")
}

// num is an expression that is a number.
func (p *program) num(depth int) string {
	if depth == 0 || p.IntN(4) == 0 {
		switch p.IntN(4) {
		case 0:
			return fmt.Sprint(p.IntN(100))
		case 1:
			return p.pick([]string{"gn1", "gn2"})
		}
		if v := p.pick(p.nums); v != "" {
			return v
		}
		return "7"
	}
	d := depth - 1
	switch p.IntN(14) {
	case 0:
		return fmt.Sprintf("(%s + %s) %% 997", p.num(d), p.num(d))
	case 1:
		return fmt.Sprintf("(%s * %s - %s) %% 997", p.num(d), p.num(d), p.num(d))
	case 2:
		return fmt.Sprintf("(%s and %s or %s)", p.cond(d), p.num(d), p.num(d))
	case 3:
		return fmt.Sprintf("((%s or %s) and %s)", p.num(d), p.num(d), p.num(d))
	case 4:
		return fmt.Sprintf("((%s and %s or %s) and (%s or %s))", p.cond(d), p.num(d), p.num(d), p.num(d), p.num(d))
	case 5:
		return fmt.Sprintf("(three(%s, %s))", p.num(d), p.num(d))
	case 6:
		return fmt.Sprintf("-(%s)", p.num(d))
	case 7:
		return fmt.Sprintf("#(nz(%s) .. nz(%s) .. 'x')", p.num(d), p.num(d))
	case 8:
		if t := p.pick(p.tabs); t != "" {
			return fmt.Sprintf("(%s[%s %% 7] or %s)", t, p.num(d), p.num(d))
		}
	case 9:
		if p.vararg {
			return p.pick([]string{"((...) or 1)", "select('#', ...)", "(select(2, 1, ...) or 2)"})
		}
	case 10:
		return fmt.Sprintf("(function(a, ...) return (a or 1) + select('#', ...) end)(%s) %% 997", p.list(1+p.IntN(2)))
	case 11:
		return fmt.Sprintf("(%s or %s)", p.pick([]string{"nil", "false", "G1"}), p.num(d))
	case 12:
		return fmt.Sprintf("(tonumber('%d') + %s) %% 997", p.IntN(50), p.num(d))
	}
	return p.num(d)
}

// cond is any expression that makes a condition.
func (p *program) cond(depth int) string {
	if depth == 0 {
		return fmt.Sprintf("%s %s %s", p.num(0), p.pick([]string{"<", ">", "==", "~=", "<=", ">="}), p.num(0))
	}
	d := depth - 1
	switch p.IntN(8) {
	case 0:
		return fmt.Sprintf("not (%s)", p.cond(d))
	case 1:
		return fmt.Sprintf("(%s or %s)", p.cond(d), p.cond(d))
	case 2:
		return fmt.Sprintf("(%s and %s)", p.cond(d), p.cond(d))
	case 3:
		return fmt.Sprintf("(%s) == (%s)", p.cond(d), p.cond(d))
	case 4:
		return p.pick([]string{"nil", "false", "true", "1", "G1", "'x'"})
	case 5:
		return fmt.Sprintf("(%s and %s or %s)", p.cond(d), p.cond(d), p.cond(d))
	}
	return fmt.Sprintf("%s %s %s", p.num(d), p.pick([]string{"<", ">", "==", "~=", "<=", ">="}), p.num(d))
}

// table is a constructor, often one with about as many items as the compiler
// stores at once.
func (p *program) table() string {
	var fields []string
	items := func(n int) {
		for range n {
			fields = append(fields, p.num(p.IntN(2)))
		}
	}
	keys := []string{"a", "b", "c", "[60]", "[2]", "[gn1 % 3]"}
	keyed := func(n int) {
		for i := range n {
			key := p.pick(keys)
			if p.labels { // which of two with the same key wins differs between versions
				key = fmt.Sprint(keys[i], len(fields))
			}
			fields = append(fields, fmt.Sprintf("%s = %s", key,
				p.pick([]string{"1", "true", "nil", "'s'", "none", p.num(1), "three(1, 2)", "(three(1, 2))", "G1"})))
		}
	}
	switch p.IntN(3) {
	case 0:
		items(p.IntN(4))
	case 1:
		items(48 + p.IntN(4))
	default:
		items(98 + p.IntN(4))
	}
	keyed(p.IntN(3))
	items(p.IntN(4))
	keyed(p.IntN(2))
	if p.IntN(3) == 0 {
		fields = append(fields, p.pick([]string{"three(4, 5)", "none()", "(none())", "(three(4, 5))", "nil"}))
		if p.vararg && p.IntN(2) == 0 {
			fields[len(fields)-1] = p.pick([]string{"...", "(...)"})
		}
	}
	return "{" + strings.Join(fields, p.pick([]string{", ", "; "})) + "}"
}
