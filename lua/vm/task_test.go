package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// places are where a script can be when it waits. Each calls wait(), possibly
// more than once, and returns its argument if all went as it should.
const places = `
	local function object(event, fn) return setmetatable({}, {[event] = fn}) end
	places = {
		plain = function(n) wait() return n end,
		pcall = function(n) return select(2, pcall(function() wait() return n end)) end,
		pcall_of_error = function(n) return select(2, pcall(function() wait() error(n, 0) end)) end,
		xpcall_handler = function(n) return select(2, xpcall(error, function() wait() return n end)) end,
		pcall_in_pcall = function(n) return select(3, pcall(pcall, function() wait() return n end)) end,
		sort = function(n)
			local t = {3, 1, 2}
			table.sort(t, function(a, b) wait() return a < b end)
			return table.concat(t) == "123" and n
		end,
		gsub = function(n) return ("abc"):gsub(".", function(c) wait() return c:upper() end) == "ABC" and n end,
		index = function(n) return object("__index", function(_, k) wait() return k end)[n] end,
		newindex = function(n)
			local got
			object("__newindex", function(_, _, v) wait() got = v end).x = n
			return got
		end,
		add = function(n) return object("__add", function(_, x) wait() return x + 1 end) + (n - 1) end,
		concat = function(n) return tonumber(object("__concat", function(_, x) wait() return x end) .. n) end,
		less = function(n)
			local less = function() wait() return true end
			local a, b = object("__lt", less), object("__lt", less)
			getmetatable(b).__lt = getmetatable(a).__lt
			return a < b and n
		end,
		call = function(n) return object("__call", function(_, x) wait() return x end)(n) end,
		tostring = function(n) return tonumber(tostring(object("__tostring", function() wait() return tostring(n) end))) end,
		iterator = function(n)
			local sum = 0
			for i in function(_, i) wait() if i < 4 then return i + 1 end end, nil, 0 do sum = sum + i end
			return sum == 10 and n
		end,
		coroutine = function(n)
			local co = coroutine.create(function(a) wait() local b = coroutine.yield(a) wait() return b + 1 end)
			local _, a = coroutine.resume(co, n)
			local _, b = coroutine.resume(co, a)
			return b - 1
		end,
		wrap = function(n)
			local sum = 0
			for i in coroutine.wrap(function() for i = 1, 3 do wait() coroutine.yield(i) end end) do sum = sum + i wait() end
			return sum == 6 and n
		end,
		timeout = function(n) return timeout("1h", function() wait() return n end) end,
		load = function(n) return loadstring("wait() return ...")(n) end,
	}
	local names = {}
	for name in pairs(places) do names[#names + 1] = name end
	table.sort(names)
`

// TestAsleepTogether has 300 tasks wait at once in every place there is.
func TestAsleepTogether(t *testing.T) {
	out, errs, err := within(t, context.Background(), places+`
		local asleep, gate, tasks = 0, chan(), {}
		function wait() -- until all are here
			asleep = asleep + 1
			if asleep == 300 then gate:close() end
			gate:recv()
			sleep("2ms")
		end
		for i = 1, 300 do tasks[i] = spawn(places[names[i % #names + 1]], i) end
		for i, t in ipairs(tasks) do
			local got = t:wait()
			if got ~= i then print(names[i % #names + 1], "returned", got, "instead of", i) end
		end
		print(#tasks, asleep >= 300, #gate)`)
	if err != nil || out != "300\ttrue\t0\n" || errs != "" {
		t.Errorf("%v\n%s%s", err, out, errs)
	}
}

// TestCancelAsleep cancels a task in every place, while it sleeps, receives,
// sends or waits, and goes on in the same state.
func TestCancelAsleep(t *testing.T) {
	for _, wait := range []string{`sleep("1h")`, "chan():recv()", "chan():send(1)", "spawn(sleep, '1s'):wait()"} {
		out, errs, err := within(t, context.Background(), places+`
			every("1h", print) -- else a wait would be a deadlock
			local here
			function wait() here = true `+wait+` print("not cancelled") end
			for _, name in ipairs(names) do
				here = false
				local kept = 0
				local t = spawn(function() local add = function() kept = kept + 1 end add() pcall(places[name], 1) print("caught") end)
				while not here do sleep(0) end
				t:cancel()
				local ok, e = pcall(t.wait, t)
				if ok or e.code ~= "ECANCELED" or t.state ~= "cancelled" or kept ~= 1 then print(name, ok, e, t.state, kept) end
			end
			function wait() sleep(0) end
			for _, name in ipairs(names) do
				if places[name](7) ~= 7 then print(name, "works no more") end
			end
			exit(0)`)
		var exit *luaerr.Exit
		if err != nil && !errors.As(err, &exit) || out != "" || errs != "" {
			t.Errorf("%s: %v\n%s%s", wait, err, out, errs)
		}
	}
}

// TestCancelBusy cancels, from outside, a task that does not wait.
func TestCancelBusy(t *testing.T) {
	for _, name := range []string{"plain", "pcall", "sort", "gsub", "index", "add", "tostring", "iterator", "coroutine", "wrap", "timeout"} {
		t.Run(name, func(t *testing.T) {
			v := New(context.Background(), Options{})
			defer v.Close()
			v.OpenTasks()
			v.Tasks.Lock()
			defer v.Tasks.Unlock()
			values, err := v.Eval("t", places+`
				function wait() while true do end end
				task = spawn(places["`+name+`"], 1)
				return task`)
			if err != nil {
				t.Fatal(err)
			}
			s, _ := taskType.Is(values[0])
			v.Tasks.Block(func() {
				time.Sleep(20 * time.Millisecond)
				s.t.Cancel(luaerr.New(luaerr.ECANCELED, "", "enough"))
			})
			start := time.Now()
			_, err = v.Eval("t", "return task:wait()")
			if took := time.Since(start); !errors.Is(err, luaerr.ECANCELED) || took > 10*time.Second {
				t.Errorf("%v after %s", err, took)
			}
			if values, err := v.Eval("t", "function wait() end return places['"+name+"'](7), task.state"); err != nil || fmt.Sprint(values) != "[7 cancelled]" {
				t.Errorf("then: %v %v", values, err)
			}
		})
	}
}

// TestTasks checks what tasks return, raise and print.
func TestTasks(t *testing.T) {
	for _, c := range []struct{ name, source, stdout string }{
		{"results", `print(spawn(function(...) return select("#", ...), ... end, 1, nil, nil):wait())`, "3\t1\tnil\tnil\n"},
		{"twice", `local t = spawn(function() return 7 end) print(t:wait(), t:wait(), t.state, t)`, "7\t7\tdone\ttask test.lua:1: done\n"},
		{"order", `for i = 1, 3 do spawn(function() print(i) end) end print("main")`, "main\n1\n2\n3\n"},
		{"error", `local ok, e = pcall(function() spawn(function() error("x") end):wait() end) print(e)`, "test.lua:1: x\n"},
		{"error object", `
			local o = {code = 5}
			local t = spawn(function() error(o) end)
			print(select(2, pcall(t.wait, t)) == o, select(2, pcall(t.wait, t)) == o, t.state)`, "true\ttrue\tfailed\n"},
		{"our error", `
			local t = spawn(function() return undefined_name end)
			local ok, e = pcall(t.wait, t)
			print(e.code, e.where)`, "EFIELD\ttest.lua:2\n"},
		{"timeout of a wait", `
			local gate = chan(1)
			local t = spawn(function() gate:recv() return 1 end)
			local ok, e = pcall(t.wait, t, "1ms")
			gate:send(true)
			print(e.code, t.state, t:wait("1h"))`, "ETIMEDOUT\trunning\t1\n"},
		{"cancel twice", `local t = spawn(sleep, "1h") t:cancel() t:cancel() print(select(2, pcall(t.wait, t)).msg)`, "task sleep was cancelled\n"},
		{"cancel what has ended", `local t = spawn(function() return 1 end) t:wait() t:cancel() print(t:wait(), t.state)`, "1\tdone\n"},
		{"cancel itself", `
			local t
			t = spawn(function() t:cancel() print("goes on") end)
			print(select(2, pcall(t.wait, t)).code)`, "ECANCELED\n"},
		{"cancel spares the tasks it started", `
			local inner
			local outer = spawn(function() inner = spawn(function() sleep("5ms") return "inner" end) sleep("1h") end)
			sleep("1ms") outer:cancel() pcall(outer.wait, outer)
			print(inner:wait())`, "inner\n"},
		{"wait for itself", `
			local t
			t = spawn(function() local ok, e = pcall(t.wait, t) return e.code end)
			print(t:wait())`, "EDEADLK\n"},
		{"captured variables", `
			local n, done = 0, chan()
			for i = 1, 50 do spawn(function() local mine = n sleep("1ms") pcall(error) n = n + 1 if n == 50 then done:close() end end) end
			done:recv() print(n)`, "50\n"},
		{"a coroutine from task to task", `
			local co = coroutine.wrap(function() for i = 1, 4 do sleep("1ms") coroutine.yield(i) end end)
			print(spawn(co):wait(), co(), spawn(co):wait(), co())`, "1\t2\t3\t4\n"},
		{"a coroutine that sleeps in another task", `
			local co = coroutine.create(function() sleep("20ms") end)
			local t = spawn(coroutine.resume, co)
			sleep("1ms")
			print(pcall(coroutine.resume, co))
			t:wait()
			print(coroutine.status(co))`, "false\t cannot resume a coroutine that runs already\ndead\n"},
		{"timeouts", `
			print(timeout("1h", function(a, b) return b, a end, 1, 2))
			local ok, e = pcall(timeout, "5ms", function() pcall(sleep, "1h") print("caught") end)
			print(e.code, e.where)
			local ok, e = pcall(timeout, "5ms", function() while true do end end)
			print(e.code, e.where)
			print(pcall(timeout, "1h", function() error("own", 0) end))
			print(pcall(timeout, "1h", error, {}) == false)
			print(select(2, pcall(timeout, "1h", timeout, "1ms", sleep, "1h")).msg)
			print(select(2, pcall(timeout, "1ms", timeout, "1h", sleep, "1h")).msg)`,
			"2\t1\nETIMEDOUT\ttest.lua:3\nETIMEDOUT\ttest.lua:5\nfalse\town\ntrue\ntimeout: not done within 0.001s\ntimeout: not done within 0.001s\n"},
		{"a timeout does not reach further", `
			local t = spawn(function() pcall(timeout, "1ms", sleep, "1h") sleep("10ms") return "well" end)
			print(t:wait())`, "well\n"},
		{"main part gives up a task", `pcall(timeout, "1ms", function() spawn(sleep, "10ms"):wait() end) print("on")`, "on\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, err := within(t, context.Background(), c.source)
			if err != nil || stdout != c.stdout || stderr != "" {
				t.Errorf("%v, printed\n%s%s want\n%s", err, stdout, stderr, c.stdout)
			}
		})
	}
}

// TestEndsOfTasks checks what a script ends with, and what is reported.
func TestEndsOfTasks(t *testing.T) {
	for _, c := range []struct {
		name, source string
		code         int
		stderr       string // the first line
	}{
		{"well", `spawn(function() sleep("1ms") end) spawn(function() end):wait()`, 0, ""},
		{"nobody waits", `spawn(function() error("x") end) spawn(function() sleep("1ms") print("on") end)`, 1, "ctsh: task test.lua:1: test.lua:1: x"},
		{"one of two", `local a, b = spawn(error, "x", 0), spawn(error, "y", 0) pcall(a.wait, a)`, 1, "ctsh: task error: y"},
		{"caught", `local t = spawn(error, "y") pcall(t.wait, t)`, 0, ""},
		{"passed on", `spawn(error, "y", 0):wait()`, 1, ""},
		{"cancelled", `local t = spawn(sleep, "1h") sleep("1ms") t:cancel()`, 0, ""},
		{"wait for what was cancelled", `local t = spawn(sleep, "1h") t:cancel() t:wait()`, luaerr.ExitInterrupt, ""}, // the command makes it 1
		{"exit", `spawn(function() sleep("1ms") exit(5) end) sleep("1h")`, 5, ""},
		{"exit in a pcall of a task", `spawn(function() pcall(exit, 6) print("caught") end) while true do sleep("1ms") end`, 6, ""},
		{"exit while others wait", `spawn(function() chan():recv() end) spawn(sleep, "1h") after("1ms", function() exit(7) end)`, 7, ""},
		{"after", `after("1ms", function() error("late", 0) end)`, 1, "ctsh: after 1ms: late"},
		{"deadlock of the main part", `chan():recv()`, 1, ""},
		{"deadlock of a task", `spawn(function() chan():recv() end)`, 1,
			"ctsh: task test.lua:1: test.lua:1: chan:recv: would never end: every task of the script waits for another one"},
		{"too many", `while true do spawn(sleep, "1h") end`, 1, ""},
		{"too many timers", `while true do every("1h", print) end`, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, err := within(t, context.Background(), c.source)
			if luaerr.ExitCode(err) != c.code || strings.Contains(out, "caught") {
				t.Errorf("code %d, want %d: %v\n%s", luaerr.ExitCode(err), c.code, err, out)
			}
			if first, _, _ := strings.Cut(errs, "\n"); first != c.stderr {
				t.Errorf("stderr %q, want %q", errs, c.stderr)
			}
		})
	}
}

// TestPanicInATask checks that a panic of ours is one also there.
func TestPanicInATask(t *testing.T) {
	var errs bytes.Buffer
	v := New(context.Background(), Options{Stderr: &errs})
	defer v.Close()
	v.OpenTasks()
	v.Set("broken", v.L.NewFunction(func(*lua.LState) int { panic("a defect") }))
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	if err := v.Run("t", `local t = spawn(function() broken() end) local ok, e = pcall(t.wait, t) assert(e.code == "EINTERNAL")`); err != nil {
		t.Fatal(err)
	}
	if err := v.Wait(); !errors.Is(err, luaerr.EINTERNAL) || v.Panics() != 1 || !strings.Contains(errs.String(), "internal error at t:1: a defect") {
		t.Errorf("%v, %d panics, %q", err, v.Panics(), errs.String())
	}
}

// TestNoGoroutineIsLeft closes states in the middle of everything.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		var errs bytes.Buffer
		v := New(context.Background(), Options{Stderr: &errs})
		v.OpenTasks()
		v.Tasks.Lock()
		err := v.Run("t", places+`
			function wait() sleep("1h") end
			for _, name in ipairs(names) do spawn(places[name], 1) end
			local full = chan(1)
			full:send(1)
			for i = 1, 20 do
				spawn(full.send, full, 2)
				spawn(function() for v in chan():iter() do end end)
				spawn(function() spawn(sleep, "1h"):wait() end)
				spawn(error, "x")
				every("1ms", function() sleep("1h") end)
				every("1h", print)
				every("cron: * * * * *", print)
				after("1h", print)
				local co = coroutine.wrap(function() coroutine.yield() end)
				co()
			end
			pcall(timeout, "5ms", sleep, "1h")
			sleep("20ms")`)
		v.Tasks.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		v.Close()
	}
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

// TestPromptBesideTasks interrupts the prompt and nothing else.
func TestPromptBesideTasks(t *testing.T) {
	v := New(context.Background(), Options{})
	defer v.Close()
	v.OpenTasks()
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	show := func(ctx context.Context, source string) string {
		texts, err := v.Show(ctx, "p", source)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(texts, " ")
	}
	all := v.Tasks.Context()
	show(all, `n = 0 ticks = every("1ms", function() n = n + 1 end) waits = spawn(function() sleep("1h") end) c = chan()`)
	for _, source := range []string{`sleep("1h")`, `waits:wait()`, `c:recv()`, `c:send(1)`, `for v in c:iter() do end`, `while true do sleep("1ms") end`, `while true do end`,
		`timeout("1h", sleep, "1h")`, `spawn(function() pcall(sleep, "1h") end):wait()`} {
		show(all, "n = 0")
		ctx, cancel := context.WithCancel(all)
		timer := time.AfterFunc(20*time.Millisecond, cancel)
		_, err := v.Show(ctx, "p", source)
		timer.Stop()
		if !errors.Is(err, luaerr.ECANCELED) {
			t.Errorf("%s: %v", source, err)
		}
		for show(all, "n > 3") != "true" {
			show(all, `sleep("1ms")`)
		}
		if got := show(all, "waits.state, #c"); got != "running 0" {
			t.Errorf("after %s: %s", source, got)
		}
	}
}
