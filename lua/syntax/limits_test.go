package syntax

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/yuin/gopher-lua/parse"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// numbered writes a format with the numbers from 0 to n.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// nested is a function inside of others with so many variables in each.
func nested(functions, names int, body string) string {
	return strings.Repeat("function f() local "+numbered("v%d_,", names)+"x ", functions) + body + strings.Repeat(" end", functions)
}

// TestRefusals checks what cannot be compiled, or not soon.
func TestRefusals(t *testing.T) {
	rep := strings.Repeat
	for _, c := range []struct{ name, source, want string }{
		{"items", "\nlocal t = {" + items(25551) + "}", "t:2: a table with 25551 items, at most 25550 are possible"},
		{"fields behind", "local t = {" + items(50) + numbered("x%d = f(),", 101) + "}", "t:1: a table with 101 fields behind"},
		{"upvalues", "local " + numbered("a%d,", 150) + "x\nfunction f()\nlocal " + numbered("b%d,", 150) + "x\nreturn function()\nreturn " +
			numbered("a%[1]d+b%[1]d+", 150) + "0 end end", "t:4: a function uses 300 variables"},
		{"code", rep("a=b ", 33000), "t:1: a function is too long"},
		{"depth", "\n\nlocal x = a" + rep(".b", 1100), "t:3: an expression or a chain of elseif with more than 1000 links"},
		{"calls", "f" + rep("()", 100000), "more than 1000 links"},
		{"elseif", "if x then " + rep("elseif y then ", 1100) + "end", "more than 1000 links"},
		{"constants", "local t = {" + numbered("'k%d',", 25000) + "}", "too many names and constants"},
		{"folded constants", "local t = {" + rep("0/0,", 25000) + "}", "too many names and constants"},
		{"names", nested(150, 150, rep("zz=zz ", 15000)), "too many names and constants"},
		{"sums", "local x = 0" + rep(" x = a"+rep("+1", 900), 400), "too many names and constants"},
		{"labels", numbered("::l%d::", 1001), "more than 1000 labels and gotos"},
		{"gotos", numbered("goto l%d ", 1001), "more than 1000 labels and gotos"},
		{"registers", "return f(" + rep("a,", 300) + "a)", "register overflow"},
		{"variables", "local " + numbered("a%d,", 300) + "b", "too many local variables"},
		{"targets", rep("a,", 600) + "a = f()", "too many local variables"},
		{"break", "break", "no loop to break"},
		{"goto", "goto nowhere", "no visible label"},
		{"vararg", "function f() return ... end", "outside a vararg function"},
		{"exponent", "local x = 1e", `t:1: malformed number "1e"`},
		{"exponent and more", "return (1e)", `t:1: malformed number "1e)"`},
		{"signed exponent", "return 1e+", "malformed number"},
	} {
		began := time.Now()
		chunk, err := parse.Parse(strings.NewReader(c.source+"\n"), "t")
		if err != nil && !strings.Contains(c.want, "malformed") {
			t.Fatalf("%s: %v", c.name, err)
		}
		if err == nil {
			_, err = ours(chunk, "t")
		}
		var e *luaerr.Error
		if err == nil || !strings.Contains(err.Error(), c.want) && !strings.HasPrefix(c.name, "exponent and") {
			t.Errorf("%s: %.300v, want %s", c.name, err, c.want)
		} else if errors.As(err, &e) && (e.Code != luaerr.EPARSE || !strings.HasPrefix(e.Where, "t:")) {
			t.Errorf("%s: code %s at %q", c.name, e.Code, e.Where)
		}
		if d := time.Since(began); d > 20*time.Second {
			t.Errorf("%s: took %s", c.name, d)
		}
	}
}

// TestNearLimits checks that what just fits is right.
func TestNearLimits(t *testing.T) {
	rep := strings.Repeat
	for name, c := range map[string]struct{ source, want string }{
		"items":       {"local t = {" + rep("1,", 25550) + "} return #t .. ' ' .. t[1] .. t[25550]", "25550 11"},
		"items, call": {"local t = {" + rep("1,", 25549) + "(function() return 2, 3 end)()} return #t .. ' ' .. t[25550] .. t[25551]", "25551 23"},
		"fields":      {"local t = {" + items(50) + numbered("x%d = n,", 99) + "} return #t .. tostring(t.x98)", "50nil"},
		"depth":       {"local a = {} a.a = a local x = a" + rep(".a", 900) + " return tostring(x == a)", "true"},
		"sum":         {"local x = 1 return x" + rep("+1", 900) + " .. ''", "901"},
		"long chain":  {"local x = 'a' return #(x" + rep("..x", 150) + ")", "151"},
		"jump":        {"local n = 0 for i = 1, 2 do " + rep("n=n+1 ", 10000) + " end while n < 20001 do " + rep("n=n+1 ", 10000) + " end return n", "30000"},
		"upvalues":    {"local " + numbered("a%d,", 120) + "x = " + rep("1,", 120) + "1 local function f() local " + numbered("b%d,", 120) + "y = " + rep("1,", 120) + "1 return (function() return 0 " + numbered("+a%[1]d+b%[1]d", 120) + " end)() end return f()", "240"},
	} {
		if got := result(ours, c.source); got != c.want {
			t.Errorf("%s: got %.100q, want %q", name, got, c.want)
		}
	}
}

func TestCheckText(t *testing.T) {
	for source, want := range map[string]string{
		`x = "\256"`: `t:1: "\\256" is no byte`, "\n\nx = '\\999'": "t:3: ", `x = "a\\\300"`: `"\\300"`, `x = "\2560"`: "no byte", `f"\400"`: "no byte",
		`x = "\255\0\1\25\12a"`: "", `x = "\\256"`: "", "x = [[\\256]]": "", "x = [==[ ]] \\256 ]==]": "", `-- "\256"`: "", "--[[ '\\256' ]] x = 1": "", "--[==[ ]] '\\256'\n]==]": "",
		`x = '"\25"' .. "'"`: "", `x = a[b["\12"]]`: "", `x = "\256`: "no byte", `x = "\`: "", `--`: "", `[`: "", `x = [=`: "", "x = 'a\n\\256'": "", "x = --[[ '": "",
	} {
		err := CheckText(source, "t")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", source, err, want)
		}
	}
}
