package vm_test

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/keyed"
	"github.com/ctsh/ctsh/lua/vm"
)

// plainly runs a chunk that sets result in a state of the library as it
// stands, and returns the result as text or what went wrong.
func plainly(ctx context.Context, source string) string {
	L := lua.NewState()
	defer L.Close()
	L.SetContext(ctx)
	if err := L.DoString(source); err != nil {
		return "error: " + err.Error()
	}
	return L.GetGlobal("result").String()
}

// here runs a chunk that sets result in a state of ours.
func here(ctx context.Context, source string) string {
	v := vm.New(ctx, vm.Options{})
	defer v.Close()
	keyed.Open(v, nil)
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	if err := v.Run("defect", source); err != nil {
		return "error: " + err.Error()
	}
	return v.L.G.Global.RawGetString("result").String()
}

// TestLanguageDefects has a program for each silent mistake of gopher-lua that
// scripts would meet: it goes wrong there and is right here. Where the first
// half fails, the library was mended, and ours can go.
func TestLanguageDefects(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"a caught error detaches closures", `local n = 0 local function add() n = n + 1 end pcall(function() error("x") end) add() result = n`, "1"},
		{"50 items and a key", `local function two() return 7, 8 end local t = {` + strings.Repeat("1,", 49) + `50, key = two()} result = t[1] .. " " .. t[50] .. " " .. #t .. " " .. t.key`, "1 50 50 7"},
		{"30 000 items", `local t = {` + strings.Repeat("1,", 30_000) + `} result = #t`,
			"error: defect:1: a table with 30000 items, at most 25550 are possible; split it into more functions, or read its data from a file"},
		{"concat of many", `local t = {} for i = 1, 5000 do t[i] = "x" end result = #table.concat(t)`, "5000"},
		{"tonumber of an exponent", `result = tonumber("1e5")`, "100000"},
		{"text with a leading zero", `result = "010" + 0`, "10"},
		{"hexadecimal of 64 bits", `local n = 0xffffffffffffffff result = n > 1e19 and n < 2e19`, "true"},
		{"format of what is no number", `result = pcall(string.format, "%d", "x")`, "false"},
		{"format without a sign", `result = ("%u"):format(7)`, "7"},
		{"frontier pattern", `result = ("THE (quick) fox"):gsub("%f[%a]%a+", "x")`, "x (x) x"},
		{"yield across pcall", `local co = coroutine.create(function() local ok, e = pcall(coroutine.yield, 1) return ok, e end)
			local ok, inner, e = coroutine.resume(co) result = tostring(ok) .. " " .. tostring(inner) .. " " .. tostring(tostring(e):find("outside of a coroutine") ~= nil)`, "true false true"},
		{"a loop whose body begins with false", `local n = 0 while true do if false then n = 100 else n = n + 1 end if n > 3 then break end if n > 50 then break end end result = n`, "4"},
		{"inf", `result = ("%g"):format(1 / 0)`, "inf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if got := here(ctx, c.source); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			plain, stop := context.WithTimeout(context.Background(), 2*time.Second)
			defer stop()
			if got := plainly(plain, c.source); got == c.want {
				t.Errorf("the plain library does it right: drop what was made for it")
			}
		})
	}
}

// TestErrorObjectsPrint checks that an error which is a table says what it is.
func TestErrorObjectsPrint(t *testing.T) {
	const source = `error({code = "E1", reason = "broken"})`
	if got := here(context.Background(), source); !strings.Contains(got, `code = "E1"`) {
		t.Errorf("got %s", got)
	}
	if got := plainly(context.Background(), source); strings.Contains(got, "E1") {
		t.Error("the plain library does it right")
	}
}

// TestKeysAreFreed compares keys that come and go in a table of the library,
// which keeps them, with a bounded map.
func TestKeysAreFreed(t *testing.T) {
	grown := func(source string) int64 {
		v := vm.New(context.Background(), vm.Options{})
		defer v.Close()
		keyed.Open(v, nil)
		v.Tasks.Lock()
		defer v.Tasks.Unlock()
		heap := func() int64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		if err := v.Run("warm", source); err != nil {
			t.Fatal(err)
		}
		before := heap()
		if err := v.Run("churn", `churn(200000)`); err != nil {
			t.Fatal(err)
		}
		after := heap()
		runtime.KeepAlive(v)
		return after - before
	}
	if n := grown(`t = {} function churn(n) for i = 1, n do t["k" .. i] = true t["k" .. i] = nil end end churn(1000)`); n < 4<<20 {
		t.Errorf("a plain table kept only %d bytes: it frees its keys now", n)
	}
	if n := grown(`t = map{cap = 1000} function churn(n) for i = 1, n do t:set("k" .. i, true) t:delete("k" .. i) end end churn(1000)`); n > 1<<20 {
		t.Errorf("a map kept %d bytes", n)
	}
}

// TestSparseTables checks that one large index costs what one item does.
func TestSparseTables(t *testing.T) {
	const source = `local t = {} t[20000000] = 1 result = t[20000000]`
	cost := func(run func() string) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if got := run(); got != "1" {
			t.Errorf("got %s", got)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if n := cost(func() string { return here(context.Background(), source) }); n > 64<<20 {
		t.Errorf("%d MiB here", n>>20)
	}
	ours := lua.MaxArrayIndex
	lua.MaxArrayIndex = 67108864 // as the library has it
	defer func() { lua.MaxArrayIndex = ours }()
	if n := cost(func() string { return plainly(context.Background(), source) }); n < 64<<20 {
		t.Errorf("only %d MiB in the plain library: it was mended", n>>20)
	}
}

// TestBuiltinsHearTheContext runs what the library cannot interrupt. There it
// runs in a child, which is killed once it has gone on long enough.
func TestBuiltinsHearTheContext(t *testing.T) {
	for name, source := range map[string]string{
		"find": `return (("a"):rep(40)):find(("a*"):rep(20) .. "b")`,
		"sort": `local t = {} for i = 1, 4000000 do t[i] = (i * 7919) % 4000037 end while true do table.sort(t) end`,
		"rep":  `for i = 1, 1e9 do local s = ("x"):rep(1e7) end`,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			if got := here(ctx, source); !strings.HasPrefix(got, "error: ") {
				t.Errorf("got %.100s", got)
			}
			if d := time.Since(began); d > 10*time.Second {
				t.Errorf("ended after %s", d)
			}
		})
	}
	cmd := child(t, "find")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		t.Errorf("the plain library heard it: %v", err)
	case <-time.After(2 * time.Second): // its context has ended after 100 ms
		_ = cmd.Process.Kill()
		if err := <-ended; err == nil {
			t.Error("it ended well after it was killed")
		}
	}
}

// TestResultsAreBounded makes strings that are too long here, and are made by
// the library without a word.
func TestResultsAreBounded(t *testing.T) {
	for name, source := range map[string]string{
		"rep": `result = #("x"):rep(2^25)`, "concat": `local s = ("x"):rep(2^20) for i = 1, 5 do s = s .. s end result = #s`,
		"table.concat": `local t = {} for i = 1, 40 do t[i] = ("x"):rep(2^20) end result = #table.concat(t)`,
		"format":       `local s = ("x"):rep(2^23) result = #("%s%s%s"):format(s, s, s)`, "gsub": `local s = ("x"):rep(200) result = #s:gsub("x", ("y"):rep(100000))`,
	} {
		if got := here(context.Background(), source); !strings.Contains(got, "longer than 16777216 bytes") {
			t.Errorf("%s: %.200s", name, got)
		}
		if got := plainly(context.Background(), source); strings.HasPrefix(got, "error") {
			t.Errorf("%s: the plain library refuses it: %s", name, got)
		}
	}
}

// fatal are chunks that end the process of the plain library, or keep it busy
// for ever.
var fatal = map[string]string{
	"braces": `result = loadstring("return " .. ("{"):rep(100000) .. ("}"):rep(100000)) == nil`,
	"rep":    `result = pcall(string.rep, "x", 2^50) == false`,
	"find":   `return (("a"):rep(40)):find(("a*"):rep(20) .. "b")`,
}

// child runs a chunk of fatal in the plain library of a process of its own.
func child(t *testing.T, name string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFatalInThePlainLibrary$")
	cmd.Env = append(os.Environ(), "CTSH_PLAIN="+name)
	return cmd
}

// TestFatalInThePlainLibrary runs in a child what ends the process there.
func TestFatalInThePlainLibrary(t *testing.T) {
	if name := os.Getenv("CTSH_PLAIN"); name != "" {
		debug.SetMaxStack(64 << 20)
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		if name != "find" {
			ctx = context.Background()
		}
		plainly(ctx, fatal[name])
		cancel()
		os.Exit(0)
	}
	for _, name := range []string{"braces", "rep"} {
		if got := here(context.Background(), fatal[name]); got != "true" {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if out, err := child(t, "braces").CombinedOutput(); err == nil || !strings.Contains(string(out), "stack") {
		t.Errorf("the plain library survives: %v\n%.500s", err, out)
	}
}

// TestPanicsShow checks that a defect of a Go function is no error like others:
// in the plain library pcall hides it.
func TestPanicsShow(t *testing.T) {
	const source = `result = pcall(broken)`
	broken := func(*lua.LState) int { panic("a defect") }
	L := lua.NewState()
	defer L.Close()
	L.SetGlobal("broken", L.NewFunction(broken))
	if err := L.DoString(source); err != nil || L.GetGlobal("result") != lua.LFalse {
		t.Errorf("the plain library does not hide it: %v", err)
	}
	v := vm.New(context.Background(), vm.Options{})
	defer v.Close()
	v.Set("broken", v.L.NewFunction(broken))
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	if err := v.Run("panic", source); err != nil || v.Panics() != 1 || v.Wait() == nil {
		t.Errorf("%v, %d panics", err, v.Panics())
	}
}

// foreign is a context that the standard library does not know from inside.
type foreign struct {
	context.Context
	done chan struct{}
}

func (f foreign) Done() <-chan struct{} { return f.done }

// TestCoroutinesLeaveNoGoroutine checks coroutines under a context that is not
// one of the standard ones, of which the library leaks a goroutine each.
func TestCoroutinesLeaveNoGoroutine(t *testing.T) {
	const source = `for i = 1, 200 do coroutine.wrap(coroutine.yield)() end result = "done"`
	leaked := func(run func(context.Context, string) string) int {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		before := runtime.NumGoroutine()
		run(foreign{ctx, make(chan struct{})}, source)
		for range 50 { // what ends by itself may take a moment
			if runtime.NumGoroutine() <= before {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
		return runtime.NumGoroutine() - before
	}
	if n := leaked(here); n > 0 {
		t.Errorf("%d goroutines left", n)
	}
	if n := leaked(plainly); n < 100 {
		t.Errorf("only %d goroutines left in the plain library: it was mended", n)
	}
}

// TestDangerousPartsAreAbsent lists what reaches past the script.
func TestDangerousPartsAreAbsent(t *testing.T) {
	if got := plainly(context.Background(), `result = type(os.exit) .. type(io.popen) .. type(dofile)`); got != "functionfunctionfunction" {
		t.Errorf("the plain library has no more of them: %s", got)
	}
	for _, expr := range []string{"os.exit", "os.execute", "io", "package.loadlib", "dofile", "loadfile", "debug.sethook", "debug.setmetatable", "debug.setupvalue", "newproxy", "package.loaders"} {
		chunk := `result = ` + expr
		if got := here(context.Background(), chunk); got != "nil" && !strings.Contains(got, "unknown global") {
			t.Errorf("%s is there: %s", expr, got)
		}
	}
}
