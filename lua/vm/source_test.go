package vm

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/library"
	"github.com/ctsh/ctsh/lua/luaerr"
)

// TestLanguage checks that scripts get the language and libraries of ours.
func TestLanguage(t *testing.T) {
	for _, c := range []struct{ name, source, stdout string }{
		{"swap", "local a, b = 1, 2 a, b = b, a print(a, b)", "2\t1\n"},
		{"loaded chunk", `print(loadstring("local a, b = 1, 2 a, b = b, a return a .. b .. '|' .. 1e15 .. 0.1 + 0.2")())`, "21|1e+150.3\n"},
		{"numbers", "print(1e15, 2^53, 0.1 + 0.2, 1/0, 0/0, -4 % 2, tonumber('1e5'), '010' + 0, 0xffffffffffffffff == 2^64)", "1e+15\t9.007199254741e+15\t0.3\tinf\tnan\t0\t100000\t10\ttrue\n"},
		{"environment", "local f = setfenv(function() return x .. 'y' end, {x = 1}) print(f())", "1y\n"},
		{"coroutine", "local co = coroutine.wrap(function(a) local b = coroutine.yield(a .. 1) return a .. b end) print(co('x'), co('y'))", "x1\txy\n"},
		{"concatenation of an error object", "local ok, e = pcall(exit, 'x') print(e .. '!' == tostring(e) .. '!')", "true\n"},
		{"no files", "print(io, os.remove, os.execute, os.exit, newproxy)", "nil\tnil\tnil\tnil\tnil\n"},
		{"unpack", "local t = {} for i = 1, 65536 do t[i] = i end print((function(...) return select('#', ...) end)(unpack(t)))", "65536\n"},
		{"bit", "print(bit.bnot(0))", "4294967295\n"},
	} {
		stdout, stderr, err := run(t, context.Background(), c.source)
		if err != nil || stdout != c.stdout || stderr != "" {
			t.Errorf("%s: printed %q and %q, %v", c.name, stdout, stderr, err)
		}
	}
}

// TestRefusedSource checks that what the compiler cannot do is an error of the
// text, with its line.
func TestRefusedSource(t *testing.T) {
	for _, c := range []struct{ source, where, want string }{
		{"x = 1\nt = {" + strings.Repeat("1,", 25551) + "}", "test.lua:2", "a table with 25551 items"},
		{"x = 1\n\nx = '\\256'", "test.lua:3", "is no byte"},
		{"x =\n1e ", "test.lua:2", "malformed number"},
		{"do\nbreak\nend", "test.lua:2", "no loop to break"},
		{"x = a" + strings.Repeat(".a", 2000), "test.lua:1", "more than 1000 links"},
	} {
		_, _, err := run(t, context.Background(), c.source)
		var e *luaerr.Error
		if !errors.As(err, &e) || e.Code != luaerr.EPARSE || e.Where != c.where || e.Excerpt == "" || !strings.Contains(e.Msg, c.want) {
			t.Errorf("%.20q: %.200v", c.source, err)
		}
	}
}

// TestConcatBomb checks that a string cannot be doubled forever.
func TestConcatBomb(t *testing.T) {
	_, _, err := within(t, context.Background(), "local s = 'x' while true do s = s .. s end")
	if !errors.Is(err, luaerr.ETYPE) || !strings.Contains(err.Error(), "longer than 16777216 bytes") {
		t.Errorf("%v", err)
	}
}

// TestFilesInTasks checks that a task that reads lets others run, and that the
// library is there only where it is allowed.
func TestFilesInTasks(t *testing.T) {
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	var out strings.Builder
	v := New(context.Background(), Options{Stdin: r, Stdout: &out, Allow: library.Allow{FS: true}})
	defer v.Close()
	v.OpenTasks()
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	v.Set("feed", v.L.NewFunction(func(*lua.LState) int {
		go func() { _, _ = io.WriteString(w, "line\n") }()
		return 0
	}))
	err := v.Run("t", `
		local n = 0
		every("1ms", function() n = n + 1 if n == 3 then feed() end end)
		print(io.read(), n >= 3)`)
	if err != nil || out.String() != "line\ttrue\n" {
		t.Errorf("%q %v", out.String(), err)
	}
}
