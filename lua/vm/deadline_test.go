package vm

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/unit"
)

// limited runs a script whose handlers may run for 50 ms.
func limited(t *testing.T, source string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	v := New(context.Background(), Options{Stdout: &out, Stderr: &errs, HandlerTime: 50 * time.Millisecond})
	v.OpenTasks()
	v.Set("spin", v.L.NewFunction(func(L *lua.LState) int { // for so many seconds, with the turn
		d, _ := unit.ParseDuration(L.CheckString(1))
		end := time.Now().Add(seconds(d))
		for time.Now().Before(end) && v.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		if err := luaerr.Interrupted(v.Context()); err != nil {
			luaerr.Raise(L, err)
		}
		return 0
	}))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		v.Tasks.Lock()
		if err = v.Run("test.lua", source); err == nil {
			err = v.Wait()
		}
		v.Tasks.Unlock()
		v.Close()
	}()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the script does not end")
	}
	return out.String(), errs.String(), err
}

const tooLong = "a handler ran for 0.05s without an end, not counting what it waited"

func TestHandlerTime(t *testing.T) {
	for _, c := range []struct {
		name, source, stdout string
		stderr               string // in the first line
		code                 int
	}{
		{"busy", "after('1ms', function()\nwhile true do end end)", "", "ctsh: after 1ms: test.lua:2: " + tooLong, luaerr.ExitTimeout},
		{"busy in pcall", "after('1ms', function()\nwhile true do pcall(function() while true do end end) end end)", "", "ctsh: after 1ms: test.lua:2: " + tooLong, luaerr.ExitTimeout},
		{"busy in a function of ours", "after('1ms', function()\nspin('1h') end)", "", "ctsh: after 1ms: test.lua:2: " + tooLong, luaerr.ExitTimeout},
		{"busy in a coroutine", "after('1ms', function() coroutine.wrap(function()\nwhile true do end end)() end)", "", tooLong, luaerr.ExitTimeout},
		{"busy in a timeout", "after('1ms', function() timeout('1h', function()\nwhile true do end end) end)", "", "test.lua:2: " + tooLong, luaerr.ExitTimeout},
		{"asleep", `after("1ms", function() sleep("200ms") print("woke") end)`, "woke\n", "", 0},
		{"asleep in parts", `after("1ms", function() for i = 1, 30 do sleep("10ms") end print("woke") end)`, "woke\n", "", 0},
		{"waits for a task", `after("1ms", function() spawn(function() spin("200ms") end):wait() print("came") end)`, "came\n", "", 0},
		{"in parts", `after("1ms", function() for i = 1, 1000 do spin("5ms") sleep(0) end print("came") end)`, "", tooLong, luaerr.ExitTimeout},
		{"a task has no limit", `spawn(function() spin("200ms") print("came") end):wait()`, "came\n", "", 0},
		{"the main part has no limit", `spin("200ms") print("came")`, "came\n", "", 0},
		{"the next call is a new one", `
			local n, t = 0
			t = every("5ms", function()
				n = n + 1
				if n == 1 then while true do end end
				spin("30ms")
				if n == 5 then t:stop() print("came") end
			end)`, "came\n", "ctsh: every 5ms: test.lua:5: " + tooLong, 0},
		{"every time is too long", `every("1ms", function() while true do end end)`, "", tooLong, luaerr.ExitTimeout},
		{"others go on", `
			local t = spawn(function() for i = 1, 20 do sleep("10ms") end print("came") end)
			after("1ms", function() while true do end end)
			t:wait()`, "came\n", tooLong, luaerr.ExitTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, err := limited(t, c.source)
			first, _, _ := strings.Cut(stderr, "\n")
			if luaerr.ExitCode(err) != c.code || stdout != c.stdout || !strings.Contains(first, c.stderr) || c.stderr == "" && first != "" {
				t.Errorf("%v\n%s%s", err, stdout, stderr)
			}
			if c.code != 0 && !errors.Is(err, luaerr.ETIMEDOUT) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// TestHandlerTimeOption checks what the option means.
func TestHandlerTimeOption(t *testing.T) {
	for option, ends := range map[time.Duration]bool{20 * time.Millisecond: true, 0: false, -1: false} {
		v := New(context.Background(), Options{HandlerTime: option})
		var err error
		call := v.Tasks.Handler("busy")
		_ = call(func() error {
			select {
			case <-v.Context().Done():
			case <-time.After(200 * time.Millisecond):
			}
			err = luaerr.Interrupted(v.Context())
			return nil
		})
		if errors.Is(err, luaerr.ETIMEDOUT) != ends {
			t.Errorf("%s: %v", option, err)
		}
		v.Close()
	}
}
