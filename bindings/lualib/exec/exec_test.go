package exec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/luatest"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

func TestExamples(t *testing.T) {
	luatest.Examples(t, []*registry.Family{module.Family, processType.Family}, func(_ *testing.T, stdout io.Writer) *vm.VM {
		v := vm.New(context.Background(), vm.Options{Stdout: stdout})
		Open(v)
		return v
	})
}

// newVM returns a state with exec, its turn held until the end of the test.
func newVM(t testing.TB, ctx context.Context, stdout io.Writer) *vm.VM {
	v := vm.New(ctx, vm.Options{Stdout: stdout, Stderr: stdout})
	v.OpenTasks()
	Open(v)
	v.Tasks.Lock()
	t.Cleanup(func() {
		v.Tasks.Unlock()
		v.Close()
	})
	return v
}

func TestScripts(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SEEN", "yes")
	for name, text := range map[string]string{"noexec": "x", "notprogram": "text", "nointerpreter": "#!/no/such/interpreter\n", "script": "#!/bin/sh\necho script $1\n"} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod("noexec", 0o600), os.Mkdir("dir", 0o700)); err != nil {
		t.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HERE", wd)
	var out bytes.Buffer
	v := newVM(t, context.Background(), &out)
	for _, c := range []struct{ code, want string }{
		{`exec("printf", "[%s]", "a b", "$HOME", "*", "", "'", 1, -0.5).out`, "[a b][$HOME][*][][']" + "[1][-0.5]"},
		{`local r = exec("sh", "-c", "echo o; echo e >&2; exit 3") return r.ok, r.code, r.signal, r.out, r.err, r.truncated, r.timed_out, r.took > 0`, "false 3 o\n e\n false false true"},
		{`local r = exec("sh", "-c", "kill -9 $$") return r.ok, r.code, r.signal, r.timed_out, r`, "false SIGKILL false SIGKILL"}, {`exec("sh", "-c", "kill -40 $$").signal`, "signal 40"},
		{`exec{"cat", stdin = (("x"):rep(2 ^ 20))}.out == ("x"):rep(2 ^ 20)`, "true"}, {`exec{"true", stdin = (("x"):rep(2 ^ 22))}.ok`, "true"}, {`exec("cat").out == ""`, "true"}, {`exec{"cat", stdin = "a\0\255"}.out:byte(-1)`, "255"},
		{`local r = exec{"sh", "-c", "yes | head -c 3000000; echo end >&2", cap = "1kB"} return #r.out, #r.err, r.truncated, r.ok, tostring(r):match("truncated: %d+ bytes")`, "1000 4 true true truncated: 2999000 bytes"},
		{`local r = exec{"head", "-c", 1048577, "/dev/zero"} return #r.out, r.truncated`, "1048576 true"}, {`local r = exec{"echo", "x", cap = 0} return #r.out, r.truncated`, "0 true"}, {`local r = exec{"echo", cap = 1} return #r.out, r.truncated`, "1 false"},
		{`exec("sh", "-c", "echo $SEEN $PPID").out:match("^yes %d+") ~= nil`, "true"}, {`exec{"sh", "-c", "echo $A $B ${SEEN-none}", env = {A = "1", B = 2, SEEN = false}}.out`, "1 2 none\n"}, {`exec{"sh", "-c", "echo $SEEN", env = {SEEN = "no"}}.out`, "no\n"},
		{`exec{"sh", "-c", "pwd; echo $PWD", dir = "dir"}.out == os.getenv("HERE") .. "/dir\n" .. os.getenv("HERE") .. "/dir\n"`, "true"}, {`exec{"../script", 7, dir = "dir"}.out`, "script 7\n"}, {`exec("./script").out`, "script\n"},
		{`exec("sh", "-c", "ps -o pgid= -o sid= -p $$ 2>/dev/null || echo $$ $$").out:match("^%s*(%d+)%s+%1") ~= nil`, "true"}, {`exec("sh", "-c", ": </dev/tty").ok`, "false"},
		{`table.concat(exec("printf", "a\\r\\n\\nb").lines and exec("printf", "a\\r\\n\\nb"):lines(), "|")`, "a||b"}, {`#exec("true"):lines()`, "0"}, {`#exec{"head", "-c", 1000001, "/dev/zero", cap = "2MB"}:lines()`, "1"}, {`exec{"sh", "-c", "yes '' | head -n 1000001", cap = "2MB"}:lines()`, "1000001 lines, more than 1000000"},
		{`tostring(exec("printf", "a\\033[31m\\r\\n\\302\\233\\342\\200\\256\\377\\357\\277\\275\\t."))`, `a\x1b[31m` + "\n" + `\u009b\u202e\xff` + "\ufffd\t."}, {`#tostring(exec("head", "-c", 100000, "/dev/zero"))`, "262167"},
		{`exec("false"):check()`, "process:check: false failed with exit 1"}, {`exec{"sleep", 9, timeout = "10ms"}:check()`, "process:check: sleep did not end within 10ms"}, {`exec("sh", "-c", "echo a >&2; echo 'b\27' >&2; kill $$"):check()`, `sh failed with SIGTERM: b\x1b`},

		{`exec()`, `bad argument "command" of exec: want a string or a table, got nil`}, {`exec("")`, "empty string"}, {`exec{}`, `bad argument "command" of exec: want a string or a number, got nil`}, {`exec{""}`, "empty string"}, {`exec(7)`, "want a string"}, {`exec{7}`, "want a string, got number 7"},
		{`exec("ls", nil, "x")`, `bad argument "argument 1" of exec: want a string or a number, got nil`}, {`exec("ls", "x", nil)`, `"argument 2" of exec`}, {`exec{"ls", "a", nil, "x"}`, `"argument 2" of exec: want a string or a number, got nil`}, {`exec{"ls", "a", nil, nil, nil, "x"}`, `"argument 2" of exec: want a string or a number, got nil`}, {`exec("ls", {})`, "got a table"}, {`exec("ls", true)`, "got true"}, {`exec("ls", 0 / 0)`, "NaN"}, {`exec("ls", 1 / 0)`, "got number"},
		{`exec("ls", "a\0b")`, `"a\x00b" has a NUL byte`}, {`exec{"ls", timout = 1}`, `unknown field "timout"; did you mean "timeout"?`}, {`exec({"ls"}, "x")`, "put further arguments into the table"}, {`exec{"ls", [true] = 1}`, "unexpected field true"}, {`exec{"ls", [0.5] = 1}`, "unexpected item 0.5"},
		{`exec{"ls", timeout = 0}`, "want a duration above 0"}, {`exec{"ls", timeout = "1x"}`, `"1x" is not a duration`}, {`exec{"ls", timeout = 0 / 0}`, "want a duration"}, {`exec{"ls", timeout = 1e300}`, "want a duration"}, {`exec{"ls", timeout = {}}`, "want a duration such as"}, {`exec{"ls", cap = "1GB"}`, "want whole bytes up to 16777216"}, {`exec{"ls", cap = -1}`, "want whole bytes"},
		{`exec{"ls", stdin = 1}`, `"stdin" of exec: want a string`}, {`exec{"ls", dir = ""}`, "empty string"}, {`exec{"ls", env = 1}`, "want a table"}, {`exec{"ls", env = {["A=B"] = 1}}`, `"A=B" is not the name of a variable`}, {`exec{"ls", env = {"a"}}`, "number 1 is not the name"}, {`exec{"ls", env = {A = true}}`, "want a string, a number or false for A, got true"},
		{`exec("no-such-command")`, `command "no-such-command" not found in PATH (` + os.Getenv("PATH") + `)`}, {`exec{"sh", env = {PATH = "/nowhere"}}`, `not found in PATH (/nowhere)`}, {`exec{"ls", env = {PATH = false}}`, `not found in PATH ()`}, {`exec{"script", env = {PATH = ".:"}}`, `not found in PATH`},
		{`exec{"noexec", env = {PATH = os.getenv("HERE")}}`, `/noexec" may not be executed by user`}, {`exec("./noexec")`, `cannot run "./noexec": permission denied; look at its mode`}, {`exec("./dir")`, "permission denied"}, {`exec("./missing")`, `cannot run "./missing": no such file or directory`}, {`exec("./notprogram")`, `exec format error; it is no program`},
		{`exec("./nointerpreter")`, "no such file or directory; the interpreter that its first line names"}, {`exec{"ls", dir = "nodir"}`, `there is no directory "nodir"`}, {`exec{"ls", dir = "script"}`, `there is no directory "script"`}, {`exec("true", ("x"):rep(2 ^ 18))`, "argument list too long; pass what is long through stdin"},
		{`select(2, pcall(exec, "no-such-command")).code, select(2, pcall(exec, "./noexec")).code, select(2, pcall(exec, "./missing")).code`, "ENOENT EPERM ENOENT"},
	} {
		values, err := v.Show(context.Background(), "t", c.code)
		got := strings.Join(values, " ")
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s:\ngot  %.300q\nwant %q", c.code, got, c.want)
		}
	}
	if v.Panics() > 0 || out.Len() > 0 {
		t.Errorf("%d panics: %s", v.Panics(), out.String())
	}
}

// TestShortPath checks what is said where only sbin has a command.
func TestShortPath(t *testing.T) {
	var known string
	for _, path := range []string{"/usr/sbin/ip", "/sbin/ip", "/usr/sbin/ldconfig", "/sbin/ldconfig"} {
		if executable(path) == nil {
			known = path
			break
		}
	}
	if known == "" {
		t.Skip("nothing known is in sbin")
	}
	dir := t.TempDir()
	cmd := &command{args: []string{known[strings.LastIndexByte(known, '/')+1:]}, env: []string{"PATH=" + dir}}
	if _, err := cmd.find(); !errors.Is(err, luaerr.ENOENT) || !strings.Contains(err.Error(), "sbin/"+cmd.args[0]) {
		t.Errorf("%v", err)
	}
}

// TestOthersGoOn checks that tasks run while a command does.
func TestOthersGoOn(t *testing.T) {
	v := newVM(t, context.Background(), io.Discard)
	if err := v.Run("t", `
		local ticks = 0
		every("1ms", function() ticks = ticks + 1 end)
		while ticks < 3 do assert(exec("sleep", 0.02).ok) end`); err != nil {
		t.Error(err)
	}
}

// TestTimeouts checks that time ends a command, whatever it does about it.
func TestTimeouts(t *testing.T) {
	v := newVM(t, context.Background(), io.Discard)
	for _, c := range []struct{ script, want string }{
		{"echo begin; sleep 60", "SIGTERM"},
		{"trap 'echo bye; exit 0' TERM; echo begin; sleep 60 & wait", "exit 0"},
		{"trap '' TERM; echo begin; sleep 60", "SIGKILL"},
		{"echo begin; kill -STOP $$; sleep 60", "SIGTERM"},
		{"echo begin; sleep 60 & sleep 60 & wait", "SIGTERM"},
		{"echo begin; yes >&2", "SIGTERM"},
	} {
		begin := time.Now()
		out, end := "", ""
		for timeout := 50 * time.Millisecond; out == "" && timeout < 20*time.Second; timeout *= 2 { // until it gets as far as to begin
			v.Set("script", lua.LString(c.script))
			v.Set("limit", lua.LNumber(timeout.Seconds()))
			values, err := v.Show(context.Background(), "t", `
				local r = exec{"sh", "-c", script, timeout = limit, cap = 100}
				assert(r.timed_out and not r.ok and r.took > 0 and tostring(r):find("no end within"))
				return r.out, r.signal or "exit " .. r.code`)
			if err != nil {
				t.Fatalf("%s: %v", c.script, err)
			}
			out, end = values[0], values[1]
		}
		if !strings.HasPrefix(out, "begin\n") || end != c.want || strings.Contains(c.script, "bye") != strings.Contains(out, "bye\n") {
			t.Errorf("%s: %q, %s, want %s, after %s", c.script, out, end, c.want, time.Since(begin))
		}
	}
}
