package vm

import (
	"errors"
	"math"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/task"
	"github.com/ctsh/ctsh/lua/unit"
)

// handlerTime is how long a handler may run of itself unless the options say
// otherwise.
const handlerTime = 5 * time.Second

// Codes of errors that only tasks raise.
const (
	eFull     luaerr.Code = "EAGAIN"
	eDeadlock luaerr.Code = "EDEADLK"
	eClosed   luaerr.Code = "EPIPE"
)

var taskModule = registry.NewModule[*VM]("", "tasks").
	Func("sleep(duration: duration)", "waits, and lets other tasks go on meanwhile", (*VM).sleep).
	Example(`ct> sleep("10ms")`).
	Func("spawn(function: function, ...: any) -> task", "starts a task that calls the function with the arguments. Tasks take turns: "+
		"one goes on where another waits, so that scripts need no locks", (*VM).spawn).
	Raises("EAGAIN where there are 10000 tasks already").
	Example(`ct> t = spawn(function(a, b) sleep("1ms") return a + b end, 1, 2)
ct> t.state, t:wait()
running
3`).
	Func("every(period: string | duration, function: function) -> timer",
		`calls the function once a period, with the number of periods that passed without a call because the one before still ran. `+
			`"cron: 0 3 * * *" is a period by the clock, as in a crontab, in local time`, (*VM).every).
	Raises("EAGAIN where there are 10000 tasks already").
	Example(`ct> every("5m", function(missed) print(missed) end)
timer every 5m: 0 runs
ct> every("cron: 0 3 * * mon-fri", print):stop()`).
	Func("after(delay: duration, function: function) -> timer", "calls the function once, after a while", (*VM).after).
	Raises("EAGAIN where there are 10000 tasks already").
	Example(`ct> after("1ms", function() print("late") end)
timer after 1ms: 0 runs
ct> sleep("50ms")
late`).
	Func("timeout(limit: duration, function: function, ...: any) -> any",
		"calls the function with the arguments and returns its results, unless it takes longer than the limit", (*VM).timeout).
	Raises("ETIMEDOUT after the limit, and what the function raises").
	Example(`ct> timeout("1s", function(n) return n + 1 end, 1)
2
ct> timeout("10ms", sleep, "1h")
prompt:1: timeout: not done within 0.01s`).
	Func("chan(capacity: int 0..1000000 = 0) -> chan", "makes a channel, which carries values from task to task in order. "+
		"It holds as many as its capacity; a task that sends one more waits until another has received", (*VM).newChan).
	Example(`ct> c = chan(10)
ct> c:send("a") c:send("b")
ct> c
chan 2/10
ct> c:recv()
a
true`)

// OpenTasks adds what scripts use tasks with.
func (v *VM) OpenTasks() { taskModule.Open(v.L, v, v.Set) }

// limitHandlers sets how long a handler or timer function may run of itself.
func (v *VM) limitHandlers(d time.Duration) {
	if d == 0 {
		d = handlerTime
	}
	v.Tasks.SetLimit(max(0, d), luaerr.New(luaerr.ETIMEDOUT, "", "a handler ran for %s without an end, not counting what it waited",
		unit.FormatDuration(d.Seconds())))
}

// Room returns an error for a script where no further task may be started.
func (v *VM) Room() error {
	if err := v.Tasks.Room(); err != nil {
		return luaerr.New(eFull, "", "%w", err)
	}
	return nil
}

// sleep gives the turn to other tasks for a while.
func (v *VM) sleep(c *registry.Call) int {
	d := seconds(c.Number(1))
	ctx := v.Context()
	v.Tasks.Block(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	})
	c.Raise(luaerr.Interrupted(ctx))
	return 0
}

// seconds is a duration of a script.
func seconds(s float64) time.Duration {
	if s *= float64(time.Second); s < math.MaxInt64 {
		return time.Duration(s)
	}
	return math.MaxInt64
}

// timeoutFrom is the timeout that an argument gives.
func timeoutFrom(c *registry.Call, n int) time.Duration {
	if !c.Has(n) {
		return task.Forever
	}
	return seconds(c.Number(n))
}

// gaveUp raises why a wait ended without what it was for.
func (v *VM) gaveUp(c *registry.Call, err error, d time.Duration) {
	switch {
	case errors.Is(err, task.ErrTimeout):
		err = luaerr.New(luaerr.ETIMEDOUT, c.Op(), "%s: nothing happened within %s", c.Op(), unit.FormatDuration(d.Seconds()))
	case errors.Is(err, task.ErrDeadlock):
		err = luaerr.New(eDeadlock, c.Op(), "%s: would never end: every task of the script waits for another one", c.Op())
	case errors.Is(err, task.ErrClosed):
		err = luaerr.New(eClosed, c.Op(), "%s: the channel is closed", c.Op())
	case err != nil:
		err = luaerr.Interrupted(v.Context())
	}
	c.Raise(err)
}

// rest are the arguments from the n-th one on.
func rest(c *registry.Call, n int) []lua.LValue {
	var all []lua.LValue
	for ; n <= c.Len(); n++ {
		all = append(all, c.Get(n))
	}
	return all
}
