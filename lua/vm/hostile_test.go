package vm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// within fails the test when a script does not end on its own soon.
func within(t *testing.T, ctx context.Context, source string) (stdout, stderr string, err error) {
	t.Helper()
	type ended struct {
		stdout, stderr string
		err            error
	}
	done := make(chan ended, 1)
	go func() {
		stdout, stderr, err := run(t, ctx, source)
		done <- ended{stdout, stderr, err}
	}()
	select {
	case e := <-done:
		return e.stdout, e.stderr, e.err
	case <-time.After(30 * time.Second):
		t.Fatal("the script does not end")
	}
	return "", "", nil
}

// TestSourceBombs checks that no text, however nested, does more than fail.
func TestSourceBombs(t *testing.T) {
	rep := func(s string) string { return strings.Repeat(s, (maxSource-64)/len(s)) }
	for name, source := range map[string]string{
		"1 MB of braces": strings.Repeat("{", 1<<20), "braces": rep("{"), "parens": "x = " + rep("("), "brackets": "x = t" + rep("[t"),
		"braces behind strings": rep(`{")",`), "braces behind comments": rep("{--)\n"), "functions": rep("function f() "),
		"do": rep("do "), "if": rep("if x then "), "repeat": rep("repeat "), "not": "x = " + rep("not ") + "1", "minus": "x = " + rep("- ") + "1",
		"power": "x = 1" + rep("^1"), "concat": "x = 1" + rep("..1"), "plus": "x = 1" + rep("+1"), "and": "x = 1" + rep(" and 1"),
		"calls": "f" + rep("()"), "fields": "x = a" + rep(".a"), "elseif": "if x then " + rep("elseif x then ") + "end",
		"long comment": "--[[" + rep("x"), "long string": "x = [==[" + rep("]="), "NUL": rep("\x00"), "invalid utf-8": rep("\xff"),
		"unfinished escape": `x = "\`, "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := within(t, context.Background(), source)
			var e *luaerr.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%T %v", err, err)
			}
		})
	}
}

// TestBytes checks that NUL and bytes that are no UTF-8 are data like others.
func TestBytes(t *testing.T) {
	out, _, err := run(t, context.Background(), "print(#'\x00\xff\xfe') -- \x00\xff")
	if err != nil || out != "3\n" {
		t.Errorf("%q %v", out, err)
	}
}

// TestRunaways checks scripts that would end the process, or never end.
func TestRunaways(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"pcall in pcall", "local function f() local ok, e = pcall(f) if not ok then error(e, 0) end end f()", "stack overflow"},
		{"xpcall in its handler", "local function f() local ok, e = xpcall(error, f) error(e, 0) end f()", "stack overflow"},
		{"coroutine in coroutine", "local function f() coroutine.wrap(f)() end f()", "stack overflow"},
		{"resume in coroutine", "local function f() local ok, e = coroutine.resume(coroutine.create(f)) error(e, 0) end f()", "stack overflow"},
		{"index in index", "local t t = setmetatable({}, {__index = function(_, k) return t[k] end}) return t.x", "stack overflow"},
		{"gsub in gsub", "local function f() return ('x'):gsub('x', f) end f()", "stack overflow"},
		{"sort in sort", "local function f() table.sort({1, 2}, f) end f()", "stack overflow"},
		{"calls", "local function f() return 1 + f() end f()", "stack overflow"},
		{"long string", "return ('x'):rep(2 ^ 40)", "longer than"},
		{"yield outside", "coroutine.yield(1)", "outside of a coroutine"},
		{"yield through pcall", "error(select(2, coroutine.resume(coroutine.create(function() local ok, e = pcall(coroutine.yield, 1) error(e, 0) end))), 0)", "outside of a coroutine"},
		{"resume itself", "local co co = coroutine.wrap(function() co() end) co()", "runs already"},
		{"module that needs itself", `package.preload.x = function() return require "x" end require "x"`, "needs itself"},
		{"tostring that fails", `error(setmetatable({}, {__tostring = function() error("inner") end}))`, "error object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, stderr, err := within(t, context.Background(), c.source)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.300v, want %q", err, c.want)
			}
			if stderr != "" {
				t.Errorf("stderr: %.300s", stderr)
			}
		})
	}
}

// TestDeepestStack makes the deepest Go stack that a script can: full threads
// inside each other. It must stay far below the gigabyte where Go gives up.
func TestDeepestStack(t *testing.T) {
	_, _, err := within(t, context.Background(), `
		local nest, level = nil, 0
		local function deep(n) if n == 0 then nest() else ("x"):gsub("x", function() deep(n - 1) end) end end
		function nest()
			level = level + 1
			local mine = level
			local ok, e = pcall(deep, 650)
			if mine > 95 then error(tostring(e), 0) end
		end
		nest()
		error("nested " .. level, 0)`)
	if err == nil || err.Error() != "nested 100" {
		t.Errorf("%.300v", err)
	}
}

// TestPanic checks that a panic of ours is an error that says so, is printed
// even if the script catches it, and spoils the exit code.
func TestPanic(t *testing.T) {
	var errs strings.Builder
	v := New(context.Background(), Options{Stderr: &errs})
	defer v.Close()
	v.Set("broken", v.L.NewFunction(func(*lua.LState) int { panic("a defect") }))
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	err := v.Run("t.lua", `
		local n = 0
		local function count() n = n + 1 return n end
		local ok, e = pcall(function() local x = 7; kept = function() return x end; broken() end)
		assert(not ok and e.code == "EINTERNAL" and kept() == 7 and count() == 1 and n == 1)`)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(errs.String(), "internal error at t.lua:4: a defect") || v.Panics() != 1 {
		t.Errorf("%d panics, %q", v.Panics(), errs.String())
	}
	if err := v.Wait(); !errors.Is(err, luaerr.EINTERNAL) {
		t.Errorf("%v", err)
	}
}

// TestExit checks that nothing holds exit(n) up.
func TestExit(t *testing.T) {
	for name, source := range map[string]string{
		"plain": "exit(3)", "pcall": "pcall(exit, 3) print('after')", "pcall in pcall": "pcall(pcall, exit, 3) print('after')",
		"xpcall": "xpcall(function() exit(3) end, function() print('handler') end) print('after')",
		"resume": "coroutine.resume(coroutine.create(function() exit(3) end)) print('after')",
		"wrap":   "pcall(coroutine.wrap(function() exit(3) end)) print('after')",
		"index":  "pcall(function() return setmetatable({}, {__index = function() exit(3) end}).x end) print('after')",
		"timer":  "every('1ms', function() pcall(exit, 3) end) while true do sleep('1ms') end",
		"sleep":  "every('1ms', function() exit(3) end) sleep('1h')",
		"sort":   "pcall(table.sort, {1, 2}, function() exit(3) end) print('after')",
		"module": "package.preload.m = function() exit(3) end pcall(require, 'm') print('after')",
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, err := within(t, context.Background(), source)
			var exit *luaerr.Exit
			if !errors.As(err, &exit) || exit.Status != 3 || out != "" || errs != "" {
				t.Errorf("%v, printed %q and %q", err, out, errs)
			}
		})
	}
}

// TestSurvival checks that a prompt goes on after an interruption.
func TestSurvival(t *testing.T) {
	v := New(context.Background(), Options{})
	defer v.Close()
	v.OpenTasks()
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	if _, err := v.Show(context.Background(), "p", "co = coroutine.wrap(function() while true do coroutine.yield(1) end end) return co()"); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"while true do end", "while true do pcall(function() while true do end end) end", "sleep('1h')",
		"coroutine.wrap(function() while true do end end)()", "coroutine.resume(coroutine.create(function() sleep('1h') end))"} {
		ctx, cancel := context.WithTimeout(v.Tasks.Context(), 20*time.Millisecond)
		_, err := v.Show(ctx, "p", source)
		cancel()
		if !errors.Is(err, luaerr.ETIMEDOUT) {
			t.Errorf("%s: %v", source, err)
		}
		if texts, err := v.Show(v.Tasks.Context(), "p", "co(), nil, 'x'"); err != nil || strings.Join(texts, " ") != "1 x" {
			t.Fatalf("after %s: %v %v", source, texts, err)
		}
	}
}

// TestThreadsAreFresh checks that a thread carries nothing from one call to the next.
func TestThreadsAreFresh(t *testing.T) {
	v := New(context.Background(), Options{})
	defer v.Close()
	for range 3 {
		if err := v.Run("t", "local a, b, c = ...; assert(a == nil and b == nil and select('#', ...) == 0); local x, y, z = 1, 2, 3"); err != nil {
			t.Fatal(err)
		}
		vs, err := v.Eval("t", "(function(...) return select('#', ...), ... end)(1, nil, 3)")
		if err != nil || len(vs) != 4 || vs[0] != lua.LNumber(3) || vs[2] != lua.LNil {
			t.Fatal(vs, err)
		}
		if err := v.Run("t", "error('x')"); err == nil {
			t.Fatal("no error")
		}
	}
	if v.now.depth != 0 {
		t.Errorf("depth %d after all calls", v.now.depth)
	}
}

// TestTailCalls checks that a million tail calls leave no line each.
func TestTailCalls(t *testing.T) {
	for _, end := range []string{`error("over", 0)`, `error(debug.traceback("over"), 0)`} {
		_, _, err := within(t, context.Background(), "local function f(n) if n == 0 then "+end+" end return f(n - 1) end f(1000000)")
		var e *luaerr.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Msg, "over") || len(e.Msg)+len(e.Trace) > 2000 {
			t.Errorf("%s: %.200v and a traceback of %d bytes", end, err, len(e.Trace))
		}
	}
}
