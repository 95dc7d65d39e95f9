package vm

import (
	"fmt"
	"strconv"
)

// num is an expression that is a number.
func (p *programs) num(depth int) string {
	n := p.IntN(26)
	if depth > 3 {
		n = p.IntN(8)
	}
	next := func() string { return p.num(depth + 1) }
	switch n {
	case 0, 1:
		return fmt.Sprint(p.IntN(20))
	case 2:
		return strconv.FormatFloat(float64(p.IntN(1000))/8, 'f', -1, 64)
	case 3:
		return []string{"0x10", "0xff", "1e3", "2.5e-1", "1e15", "2^31", "(-0.5)", "0xFFFF"}[p.IntN(8)]
	case 4, 5, 6, 7:
		if v, ok := p.pick("num", false); ok {
			return v
		}
		return "7"
	case 8, 9, 10, 11:
		return fmt.Sprintf("(%s %s %s)", next(), []string{"+", "-", "*"}[p.IntN(3)], next())
	case 12:
		return fmt.Sprintf("(%s / %d)", next(), p.IntN(5)) // by a negative zero it would differ
	case 13:
		// The remainder of fractions and of large numbers is exact here, and
		// rounded there.
		return fmt.Sprintf("(math.max(-1e6, math.min(1e6, math.floor(%s))) %% %d)", next(), 1+p.IntN(9))
	case 14:
		return fmt.Sprintf("(-%s)", next())
	case 15:
		return fmt.Sprintf("(%s ^ %d)", next(), p.IntN(4))
	case 16:
		return "#" + p.list(depth+1)
	case 17:
		return "#" + p.str(depth+1)
	case 18:
		return fmt.Sprintf("math.%s(%s)", []string{"floor", "ceil", "abs", "max", "min"}[p.IntN(5)], next())
	case 19:
		return fmt.Sprintf("(%s and %s or %s)", p.boolean(depth+1), next(), next())
	case 20:
		return fmt.Sprintf("(tonumber(%s) or %s)", p.str(depth+1), next())
	case 21:
		return fmt.Sprintf("(%q + %s)", []string{"10", "0x10", " 7 ", "1e2", "010", "-3", ".5"}[p.IntN(7)], next())
	case 22:
		return fmt.Sprintf("(tonumber(%q, %d) or -1)", []string{"10", "ff", "zz", "777", "1010", "08"}[p.IntN(6)], []int{2, 8, 10, 16, 36}[p.IntN(5)])
	case 23:
		return fmt.Sprintf("(%s:byte(%d) or -1)", p.str(depth+1), p.IntN(5)-1)
	case 24:
		return fmt.Sprintf("select('#', %s, nil, unpack(%s))", next(), p.list(depth+1))
	}
	return fmt.Sprintf("((%s):find(%q, 1, %s) or 0)", p.str(depth+1), []string{"a", "b", ".", "lo", "%d"}[p.IntN(5)], []string{"true", "false", "nil"}[p.IntN(3)])
}

// str is an expression that is a string.
func (p *programs) str(depth int) string {
	n := p.IntN(18)
	if depth > 3 {
		n = p.IntN(5)
	}
	next := func() string { return p.str(depth + 1) }
	switch n {
	case 0, 1:
		return fmt.Sprintf("(%q)", []string{"", "a", "hello", "12", "x y", "abcabc", "A-Z", "%d", "0x1F", " 5 ", "1e1", "lo\nlo", "a\\0b"}[p.IntN(13)])
	case 2:
		return "([==[" + []string{"long", "]]", "a]=]b", "\nfirst"}[p.IntN(4)] + "]==])"
	case 3, 4:
		if v, ok := p.pick("str", false); ok {
			return v
		}
		return "('s')"
	case 5, 6:
		return fmt.Sprintf("(%s .. %s)", next(), next())
	case 7:
		return fmt.Sprintf("(%s .. %d)", next(), p.IntN(2000))
	case 8:
		return fmt.Sprintf("(%s):%s()", next(), []string{"upper", "lower", "reverse"}[p.IntN(3)])
	case 9:
		return fmt.Sprintf("(%s):sub(%d, %d)", next(), p.IntN(9)-4, p.IntN(9)-4)
	case 10:
		return fmt.Sprintf("(%s):rep(%d)", next(), p.IntN(4))
	case 11:
		return fmt.Sprintf("((%s):gsub(%q, %q))", next(), []string{"%a", "l+", "(.)(.)", "%s*", "^.", "[a-c]", "%f[%w]%w+"}[p.IntN(7)], []string{"", "-", "%1%1", "%0!", "%%"}[[]int{0, 1, 3, 4}[p.IntN(4)]])
	case 12:
		return fmt.Sprintf("((%s):gsub(%q, function(c) return c .. c end))", next(), []string{"%w", "o", "[^a]"}[p.IntN(3)])
	case 13:
		return fmt.Sprintf("(%q):format(%s, %s)", []string{"%s=%5.2f", "%-5s|%d", "%5s%x", "%q%g", "%.2s%i", "%s%c"}[p.IntN(6)], next(), fmt.Sprintf("%d", 33+p.IntN(90)))
	case 14:
		return fmt.Sprintf("tostring(%s)", []string{"nil", "true", "12", "-7", "0.5"}[p.IntN(5)])
	case 15:
		return fmt.Sprintf("table.concat(%s, %q)", p.list(depth+1), []string{"", ",", "--"}[p.IntN(3)])
	case 16:
		return fmt.Sprintf("((%s):match(%q) or 'none')", next(), []string{"%a+", "(%d+)", "^(.-)l", "()b", "%b()", "[%w_]*$"}[p.IntN(6)])
	}
	return fmt.Sprintf("type(%s)", []string{"nil", "1", "'x'", "{}", "print", "true"}[p.IntN(6)])
}

// list is an expression that is a list of whole numbers, so that joining it
// shows no fraction.
func (p *programs) list(depth int) string {
	switch n := p.IntN(6); {
	case n == 0 && depth < 2:
		if v, ok := p.pick("tab", false); ok {
			return v
		}
	case n == 1:
		return "({(function(...) return ... end)(1, 2, 3)})"
	case n == 2:
		return fmt.Sprintf("({%d, [2] = %d, %d})", p.IntN(9), p.IntN(9), p.IntN(9))
	case n == 3:
		return "({})"
	}
	s := "({"
	for range 1 + p.IntN(6) {
		s += fmt.Sprintf("%d, ", p.IntN(50))
	}
	return s + "})"
}

// boolean is an expression that is true or false.
func (p *programs) boolean(depth int) string {
	if depth > 3 {
		return []string{"true", "false", "1 == 1"}[p.IntN(3)]
	}
	switch p.IntN(8) {
	case 0, 1:
		return fmt.Sprintf("(%s %s %s)", p.num(depth+1), []string{"<", "<=", ">", ">=", "==", "~="}[p.IntN(6)], p.num(depth+1))
	case 2:
		return fmt.Sprintf("(%s %s %s)", p.str(depth+1), []string{"<", "<=", "==", "~="}[p.IntN(4)], p.str(depth+1))
	case 3:
		return fmt.Sprintf("(not %s)", p.boolean(depth+1))
	case 4:
		return fmt.Sprintf("(%s and %s)", p.boolean(depth+1), p.boolean(depth+1))
	case 5:
		return fmt.Sprintf("(%s or %s)", p.boolean(depth+1), p.boolean(depth+1))
	case 6:
		return fmt.Sprintf("(%s == %s)", p.num(depth+1), p.str(depth+1))
	}
	return fmt.Sprintf("(%s == nil)", p.list(2))
}

func (p *programs) tableStatement() {
	v, ok := p.pick("tab", false)
	if !ok {
		e := p.list(0)
		p.line("local %s = %s", p.declare("tab"), e)
		return
	}
	switch p.IntN(6) {
	case 0:
		p.line("table.insert(%s, %d)", v, p.IntN(99))
	case 1:
		p.line("table.insert(%s, 1, %d)", v, p.IntN(99))
	case 2:
		p.line("print(show(table.remove(%s)))", v)
	case 3:
		p.line("print(show(table.remove(%s, 1)))", v)
	case 4:
		p.line("table.sort(%s)", v)
	case 5:
		p.line("table.sort(%s, function(x, y) return x > y end)", v)
	}
}
