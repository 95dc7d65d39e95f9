package library

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// differProgram is run by the reference interpreter and by ours. run(op, ...)
// returns what came out as one line: results with their types, or E and the
// words of an error of a pattern.
const differProgram = `
hex = {}
for i = 0, 255 do hex[string.char(i)] = ("%02x"):format(i) end
reasons = {"ends with '%'", "missing ']'", "missing '['", "unbalanced pattern", "invalid capture index", "invalid pattern capture", "unfinished capture"}
function encode(ok, ...)
	if not ok then
		local msg = tostring((...))
		for _, reason in ipairs(reasons) do
			if msg:find(reason, 1, true) then return "E " .. reason end
		end
		return "E"
	end
	local out = {}
	for i = 1, select("#", ...) do
		local v = select(i, ...)
		out[i] = type(v) == "string" and "s" .. v:gsub(".", hex) or type(v) == "number" and "n" .. tostring(v) or tostring(v)
	end
	return table.concat(out, " ")
end
function all(s, p)
	local out, n = {}, 0
	for a, b in string.gmatch(s, p) do
		n = n + 1
		out[n] = tostring(a) .. "," .. tostring(b)
	end
	return table.concat(out, ";")
end
tbl = {a = "A", ab = 12, b = false, [1] = "one", [2] = "two", [""] = "-"}
function fn(a, b, c)
	if a == "a" then return nil elseif b then return a .. "+" .. b end
	return "<" .. a .. ">"
end
function run(op, s, p, init, repl, n)
	if op ~= "pattern" then return encode(pcall(string[op], unpack(s, 1, p))) end
	return table.concat({encode(pcall(string.find, s, p, init)), encode(pcall(string.match, s, p, init)), encode(pcall(all, s, p)),
		encode(pcall(string.gsub, s, p, repl, n)), encode(pcall(string.gsub, s, p, tbl)), encode(pcall(string.gsub, s, p, fn))}, "|")
end`

// differMain reads the cases, a line each: op and arguments.
const differMain = `
local function decode(word)
	local kind, text = word:sub(1, 1), word:sub(2)
	if kind == "n" then return tonumber(text) elseif kind == "z" then return nil elseif kind == "b" then return true end
	return (text:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
end
for line in io.lines(arg[1]) do
	local args, n, op = {}, 0, nil
	for word in line:gmatch("%S+") do
		if op then n = n + 1 args[n] = decode(word) else op = word end
	end
	if op == "pattern" then print(run(op, unpack(args, 1, n))) else print(run(op, args, n)) end
end`

// differCase is a call of string[op], or of all the functions that match.
type differCase struct {
	op   string
	args []lua.LValue
}

func (c differCase) line() string {
	words := []string{c.op}
	for _, v := range c.args {
		switch v := v.(type) {
		case lua.LString:
			words = append(words, "s"+hex.EncodeToString([]byte(v)))
		case lua.LNumber:
			words = append(words, "n"+strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(float64(v), 'g', 17, 64), "+")))
		case lua.LBool:
			words = append(words, "b")
		default:
			words = append(words, "z")
		}
	}
	return strings.Join(words, " ")
}

// differ runs the cases through lua5.1 and through ours and returns the lines
// of ours. Those that differ fail the test.
func differ(t *testing.T, cases []differCase) []string {
	t.Helper()
	reference, err := exec.LookPath("lua5.1")
	if err != nil {
		t.Skip("lua5.1 is not installed, so there is nothing to compare with: apt-get install lua5.1")
	}
	dir := t.TempDir()
	program, input := filepath.Join(dir, "differ.lua"), filepath.Join(dir, "cases")
	var lines bytes.Buffer
	for _, c := range cases {
		lines.WriteString(c.line() + "\n")
	}
	if err := os.WriteFile(program, []byte(differProgram+differMain), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(input, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), reference, program, input).Output()
	if err != nil {
		t.Fatalf("%s: %v", reference, err)
	}
	want := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(want) != len(cases) {
		t.Fatalf("%d results for %d cases", len(want), len(cases))
	}
	L := stringState(t)
	L.Push(L.NewFunction(lua.OpenTable))
	L.Push(lua.LString("table"))
	L.Call(1, 0)
	if err := L.DoString(differProgram); err != nil {
		t.Fatal(err)
	}
	got := make([]string, len(cases))
	failures := 0
	for i, c := range cases {
		args := append([]lua.LValue{lua.LString(c.op)}, c.args...)
		if c.op != "pattern" {
			list := L.NewTable()
			for n, v := range c.args {
				list.RawSetInt(n+1, v)
			}
			args = []lua.LValue{lua.LString(c.op), list, lua.LNumber(len(c.args))}
		}
		if err := L.CallByParam(lua.P{Fn: L.GetGlobal("run"), NRet: 1, Protect: true}, args...); err != nil {
			t.Fatalf("%s %q: %v", c.op, c.args, err)
		}
		got[i] = L.Get(-1).String()
		L.Pop(1)
		if got[i] != want[i] {
			if failures++; failures <= 20 {
				t.Errorf("%s %q:\n  %s, want\n  %s", c.op, c.args, got[i], want[i])
			}
		}
	}
	if failures > 20 {
		t.Errorf("%d cases differ", failures)
	}
	return got
}

func differCount() int {
	if testing.Short() {
		return 5_000
	}
	return 100_000
}

// patterns makes patterns that are valid for the most part.
type patterns struct {
	*rand.Rand
	open, closed int // captures
	out          strings.Builder
}

func (r *patterns) pick(choices ...string) string { return choices[r.IntN(len(choices))] }

func (r *patterns) set() string {
	return r.pick("[ab]", "[^a]", "[a-c]", "[^b-c]", "[%a1]", "[^%s]", "[]a]", "[^]]", "[a-]", "[%]b]", "[%w_]", "[c-a]", "[a-%%b]", "[%u%d]", "[()]", "[^%w(]")
}

func (r *patterns) sequence(depth int) {
	for range 1 + r.IntN(4-min(depth, 2)) {
		switch n := r.IntN(100); {
		case n < 50:
			r.out.WriteString(r.pick("a", "b", "c", ".", ".", "a", "a", "b", "%a", "%a", "%w", "%d", "%l", "%s", "%u", "%w", "%x", "%p", "%z", "%A", "%S", "%W", "%(", "%.", r.set()))
			if r.IntN(100) < 50 {
				r.out.WriteString(r.pick("*", "*", "+", "-", "?"))
			}
		case n < 65:
			r.out.WriteString(r.set())
			r.out.WriteString(r.pick("", "*", "*", "+", "-", "?"))
		case n < 85 && depth < 3:
			r.open++
			if r.IntN(5) == 0 {
				r.out.WriteString("()")
			} else {
				r.out.WriteString("(")
				r.sequence(depth + 1)
				r.out.WriteString(")")
			}
			if depth == 0 {
				r.closed = r.open
			}
		case n < 88:
			r.out.WriteString(r.pick("%b()", "%bab", "%baa", "%b ,"))
		case n < 92:
			r.out.WriteString("%f" + r.set())
		case n < 99 && r.closed > 0:
			r.out.WriteString("%" + strconv.Itoa(1+r.IntN(r.closed)))
		}
	}
}

func (r *patterns) pattern() string {
	r.open, r.closed = 0, 0
	r.out.Reset()
	if r.IntN(100) < 15 {
		r.out.WriteString("^")
	}
	r.sequence(0)
	if r.IntN(100) < 15 {
		r.out.WriteString("$")
	}
	p := r.out.String()
	if r.IntN(100) < 10 { // a mistake
		i := r.IntN(len(p) + 1)
		if r.IntN(2) == 0 && i < len(p) {
			return p[:i] + p[i+1:]
		}
		return p[:i] + r.pick("%", "[", "]", "(", ")", "%f", "%b", "%1", "%9", "%0", "^", "$", "-") + p[i:]
	}
	return p
}

func (r *patterns) subject() string {
	b := make([]byte, r.IntN(20))
	for i := range b {
		b[i] = "aaaabbbcc1A (),]\x00"[r.IntN(17)]
	}
	return string(b)
}

func (r *patterns) between(lo, hi int) lua.LValue {
	if r.IntN(4) == 0 {
		return lua.LNil
	}
	return lua.LNumber(lo + r.IntN(hi-lo+1))
}

func TestPatternsDifferential(t *testing.T) {
	r := &patterns{Rand: rand.New(rand.NewPCG(1, 2))}
	cases := make([]differCase, differCount())
	for i := range cases {
		repl := ""
		for range r.IntN(4) {
			repl += r.pick("x", "-", "%0", "%0", "%1", "%1", "%2", "%%", "%.")
		}
		cases[i] = differCase{"pattern", []lua.LValue{lua.LString(r.subject()), lua.LString(r.pattern()), r.between(-12, 4), lua.LString(repl), r.between(-1, 4)}}
	}
	got := differ(t, cases)
	var matched, captured, failed int
	for _, line := range got {
		find, _, _ := strings.Cut(line, "|")
		switch {
		case strings.HasPrefix(find, "E"):
			failed++
		case find != "nil":
			matched++
			if strings.Count(find, " ") > 1 {
				captured++
			}
		}
	}
	share := func(n int) float64 { return 100 * float64(n) / float64(len(got)) }
	t.Logf("%d patterns: %.1f %% matched, %.1f %% with captures, %.1f %% malformed", len(got), share(matched), share(captured), share(failed))
	if share(matched) < 35 || share(captured) < 10 || share(failed) < 1 || share(failed) > 20 {
		t.Error("the cases show too little")
	}
}

// conversion makes a conversion and an argument that C defines the meaning of.
func (r *patterns) conversion() (string, lua.LValue) {
	spec := "%"
	for range r.IntN(3) {
		spec += r.pick("-", "+", " ", "#", "0")
	}
	if r.IntN(200) == 0 {
		spec += "------"
	}
	spec += r.pick("", "", "5", "8", "12", "40")
	if r.IntN(3) == 0 {
		spec += "." + r.pick("", "0", "1", "3", "8", "20")
	}
	if r.IntN(100) == 0 {
		spec += "123"
	}
	whole := []float64{0, 1, -1, 7, 8, 42, 255, -255, 65536, 1 << 31, 1 << 53, -(1 << 62), 123456789}
	verb := r.pick("c", "d", "e", "E", "f", "g", "G", "i", "o", "q", "s", "u", "x", "X", "d", "f", "g", "s", "x")
	if r.IntN(100) == 0 {
		verb = r.pick("y", "p", "n", "*", "l", "")
	}
	if verb == "s" && r.IntN(3) == 0 {
		return spec + verb, lua.LNumber(r.NormFloat64() * math.Pow(10, float64(r.IntN(40)-12)))
	}
	if verb == "s" || verb == "q" {
		return spec + verb, lua.LString(r.pick("", "abc", "a longer text", strings.Repeat("long", 40), "\n\"\\\r", "\xff\x80"))
	}
	if r.IntN(4) == 0 && verb != "c" {
		return spec + verb, lua.LString(r.pick("10", " 7 ", "0x1F", "-0x1f", "1e2", "3.9", "-2.5", ".5", "5.", "", "abc", "5x", "0x", "1e", "1 2", "- 1", "+3", "010", "\t9\n"))
	}
	switch verb {
	case "c":
		return spec + verb, lua.LNumber(1 + r.IntN(255))
	case "e", "E", "f", "g", "G":
		if r.IntN(2) == 0 {
			f := math.Float64frombits(r.Uint64())
			if f == f {
				return spec + verb, lua.LNumber(f)
			}
			return spec + verb, lua.LNumber(math.Inf(r.IntN(2) - 1))
		}
		return spec + verb, lua.LNumber(r.NormFloat64() * math.Pow(10, float64(r.IntN(20)-6)))
	}
	n := whole[r.IntN(len(whole))]
	if r.IntN(3) == 0 {
		n += 0.75
	}
	return spec + verb, lua.LNumber(n)
}

func TestFormatDifferential(t *testing.T) {
	r := &patterns{Rand: rand.New(rand.NewPCG(3, 4))}
	cases := make([]differCase, differCount())
	for i := range cases {
		format := ""
		var args []lua.LValue
		for range 1 + r.IntN(3) {
			spec, arg := r.conversion()
			format += r.pick("", "x=", "%%", " ") + spec
			args = append(args, arg)
		}
		if r.IntN(50) == 0 {
			args = args[1:] // one is missing
		}
		cases[i] = differCase{"format", append([]lua.LValue{lua.LString(format)}, args...)}
	}
	failed := 0
	for _, line := range differ(t, cases) {
		if line == "E" {
			failed++
		}
	}
	if share := float64(failed) / float64(len(cases)); share > 0.3 || share < 0.01 {
		t.Errorf("%d of %d cases are errors", failed, len(cases))
	}
}

func TestPiecesDifferential(t *testing.T) {
	r := &patterns{Rand: rand.New(rand.NewPCG(5, 6))}
	index := func() lua.LValue {
		switch r.IntN(12) {
		case 0:
			return lua.LNil
		case 1:
			return lua.LString(r.pick("2", "-1", " 3 ", "0x2", "x", ""))
		case 2:
			return lua.LNumber(r.NormFloat64() * 8)
		case 3:
			return lua.LNumber([]float64{1e9, -1e9, 1 << 53, -(1 << 53)}[r.IntN(4)])
		}
		return lua.LNumber(r.IntN(25) - 12)
	}
	cases := make([]differCase, differCount())
	for i := range cases {
		op := r.pick("sub", "byte", "rep", "sub", "byte", "upper", "lower", "reverse", "len", "char", "find")
		args := []lua.LValue{lua.LString(r.subject())}
		switch op {
		case "sub", "byte":
			args = append(args, index(), index())[:1+r.IntN(3)]
		case "rep":
			args = append(args, lua.LNumber(float64(r.IntN(20)-5)+r.Float64()))
		case "char":
			args = nil
			for range r.IntN(4) {
				args = append(args, lua.LNumber(r.IntN(260)-2))
			}
		case "find":
			args = append(args, lua.LString(r.pick("a", "b", "ab", ".", "(", "", "a)")), index(), lua.LBool(true))
		}
		cases[i] = differCase{op, args}
	}
	differ(t, cases)
}
