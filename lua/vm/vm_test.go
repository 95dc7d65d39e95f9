package vm

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// run runs a script to its end and returns what it printed, on both streams.
func run(t *testing.T, ctx context.Context, source string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	v := New(ctx, Options{Stdout: &out, Stderr: &errs, Name: "test.lua", Args: []string{"one"},
		Stdlib: fstest.MapFS{"a/b.lua": {Data: []byte("return {n = 7}")}}})
	v.OpenTasks()
	v.Tasks.Lock()
	err = v.Run("test.lua", source)
	if err == nil {
		err = v.Wait()
	}
	v.Tasks.Unlock()
	v.Close()
	return out.String(), errs.String(), err
}

func TestScripts(t *testing.T) {
	for _, c := range []struct{ name, source, stdout string }{
		{"print", `print(1, "a", nil, true)`, "1\ta\tnil\ttrue\n"},
		{"arg", `print(arg[0], arg[1], #arg)`, "test.lua\tone\t1\n"},
		{"require", `print(require("a.b").n, require "a.b" == require "a.b")`, "7\ttrue\n"},
		{"interpreter line", "#!/usr/bin/env ctsh\nprint(2)", "2\n"},
		{"pcall keeps outer locals", `
			local n = 0
			local function add() n = n + 1 end
			pcall(function() error("x") end)
			add()
			print(n)`, "1\n"},
		{"error object", `local ok, e = pcall(function() return undefined_name end); print(ok, e.code, e.where)`, "false\tEFIELD\ttest.lua:1\n"},
		{"xpcall", `print(xpcall(function() error("boom", 0) end, function(e) return "handled " .. e end))`, "false\thandled boom\n"},
		{"loadstring", `print(loadstring("return 1 + 1")())`, "2\n"},
		{"global set to nil", `x = nil; print(x); x = 1; x = nil; print(x)`, "nil\nnil\n"},
		{"os", `print(type(os.time()), rawget(os, "execute"))`, "number\tnil\n"},
		{"every", `
			local n = 0
			every("2ms", function() n = n + 1; if n == 3 then print(n); exit() end end)`, "3\n"},
		{"sleep lets others run", `
			local done = false
			every("1ms", function() if not done then done = true; print("tick") end end)
			while not done do sleep("1ms") end
			exit(0)`, "tick\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, err := run(t, context.Background(), c.source)
			var exit *luaerr.Exit
			if err != nil && (!errors.As(err, &exit) || exit.Status != 0) {
				t.Fatal(err)
			}
			if stdout != c.stdout || stderr != "" {
				t.Errorf("printed %q and %q, want %q", stdout, stderr, c.stdout)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name, source string
		code         int
		want         []string
	}{
		{"syntax", "x = = 1", 2, []string{"test.lua:1", "^"}},
		{"early end", "if true then", 2, []string{"ends too early"}},
		{"global", "prnt(1)", 2, []string{`unknown global "prnt"`, `did you mean`, "print", "test.lua:1", "1 | prnt(1)"}},
		{"runtime", "local x = nil\nx.y = 1", 1, []string{"test.lua:2", "2 | x.y = 1"}},
		{"error value", `error("plain", 0)`, 1, []string{"plain"}},
		{"exit", "pcall(exit, 7)", 7, []string{"exit"}},
		{"exit in a timer", `every("1ms", function() exit(9) end)`, 9, []string{"exit"}},
		{"braces", strings.Repeat("{", 1<<17), 2, []string{"nested deeper"}},
		{"large", strings.Repeat(" ", 1<<20), 2, []string{"bytes of source"}},
		{"module", `require("no.such")`, 1, []string{`no module "no.such"`}},
		{"module name", `require("../etc/passwd")`, 1, []string{"not the name of a module"}},
		{"recursion", "local function f() return 1 + f() end f()", 1, []string{"stack overflow"}},
		{"no dofile", `dofile("/etc/passwd")`, 2, []string{"unknown global"}},
		{"bad duration", `every("5x", print)`, 2, []string{`bad argument "period" of every`, "5x"}},
		{"bad function", `every("5s", nil)`, 2, []string{`bad argument "function"`, "nil"}},
		{"a table like an error", `error{code = "EGUARD", op = "ban.add", msg = "no way", hint = "try later"}`, 3, []string{"ban.add: no way; try later"}},
		{"a table with half of one", `error{code = "EGUARD"}`, 1, []string{`error object {code = "EGUARD"}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := run(t, context.Background(), c.source)
			if err == nil || luaerr.ExitCode(err) != c.code {
				t.Fatalf("error %v, code %d, want code %d", err, luaerr.ExitCode(err), c.code)
			}
			text := (&VM{}).Explain(err)
			for _, w := range c.want {
				if !strings.Contains(text, w) {
					t.Errorf("%q is not in: %s", w, text)
				}
			}
		})
	}
}

func TestInterruption(t *testing.T) {
	for _, source := range []string{"while true do end", "while true do pcall(function() while true do end end) end",
		`sleep("1h")`, `every("1h", print)`, "local function f() return f() end f()"} {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		ended := make(chan error, 1)
		go func() { _, _, err := run(t, ctx, source); ended <- err }()
		select {
		case err := <-ended:
			if luaerr.ExitCode(err) != luaerr.ExitTimeout {
				t.Errorf("%s: %v, want the deadline", source, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: not interrupted", source)
		}
		cancel()
	}
}

func TestHandlerErrors(t *testing.T) {
	_, stderr, err := run(t, context.Background(), `every("1ms", function() error("oops") end)`)
	if luaerr.ExitCode(err) != luaerr.ExitScript || !strings.Contains(err.Error(), "a task failed: every 1ms") {
		t.Errorf("%v", err)
	}
	if n := strings.Count(stderr, "test.lua:1: oops"); n != 10 || !strings.Contains(stderr, "stopped after 10 errors in a row") {
		t.Errorf("%d reports:\n%s", n, stderr)
	}
}

func TestIncomplete(t *testing.T) {
	v := New(context.Background(), Options{})
	defer v.Close()
	for source, want := range map[string]bool{"if x then": true, "f(": true, "[[": true, "x = ": true,
		"x = 1": false, "x = = 1": false, "end": false, `"abc`: false} {
		if got := v.Incomplete(source); got != want {
			t.Errorf("%q: incomplete %v, want %v", source, got, want)
		}
	}
}

func TestEval(t *testing.T) {
	v := New(context.Background(), Options{})
	defer v.Close()
	vs, err := v.Eval("t", "1 + 1, 'x'")
	if err != nil || len(vs) != 2 || vs[0].String() != "2" {
		t.Errorf("%v %v", vs, err)
	}
	if vs, err = v.Eval("t", "y = 5"); err != nil || len(vs) != 0 {
		t.Errorf("%v %v", vs, err)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New(context.Background(), Options{}).Close()
	}
}
