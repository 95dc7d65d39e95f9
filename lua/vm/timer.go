package vm

import (
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/task"
	"github.com/ctsh/ctsh/lua/unit"
)

var timerType = registry.NewType[*task.Timer]("timer", "what calls a function at set times").
	Example(`ct> t = every("1h", print)
ct> t
timer every 1h: 0 runs
ct> t:stop()
ct> t
timer every 1h: 0 runs, over`).
	Field("runs: int", "how many calls began", func(_ *lua.LState, t *task.Timer) lua.LValue { return lua.LNumber(t.Runs()) }).
	Field("missed: int", "how many times passed without a call, because the one before still ran", func(_ *lua.LState, t *task.Timer) lua.LValue {
		return lua.LNumber(t.Missed())
	}).
	Method("stop()", "ends it. A call that is under way comes to its end", func(t *task.Timer, _ *registry.Call) int {
		t.Stop()
		return 0
	}).
	Example(`ct> every("1h", print):stop()`).
	Text(func(t *task.Timer) string {
		s := fmt.Sprintf("timer %s: %d runs", t.Name(), t.Runs())
		if n := t.Missed(); n > 0 {
			s += fmt.Sprintf(", %d missed", n)
		}
		if t.Over() {
			s += ", over"
		}
		return s
	})

// every is every(period, function). The function is called on a Lua thread of
// its own.
func (v *VM) every(c *registry.Call) int {
	c.Raise(v.Room())
	name := "every " + c.Get(1).String()
	fn := c.Func(2)
	call := func(missed int) error {
		_, err := v.Call(v.L, fn, 0, lua.LNumber(missed))
		return err
	}
	if expr, ok := strings.CutPrefix(c.Text(1), "cron:"); ok {
		cron, err := task.ParseCron(strings.TrimSpace(expr), time.Local)
		if err != nil {
			c.Bad("period", "%s", err)
		}
		return c.Return(timerType.New(c.L, v.Tasks.Cron(name, cron, call)))
	}
	period := v.period(c)
	if period < time.Millisecond {
		c.Bad("period", "shorter than a millisecond")
	}
	return c.Return(timerType.New(c.L, v.Tasks.Every(name, period, call)))
}

// period is the first argument as a duration.
func (v *VM) period(c *registry.Call) time.Duration {
	s, ok := c.Get(1).(lua.LString)
	if !ok {
		return seconds(c.Number(1))
	}
	d, err := unit.ParseDuration(string(s))
	if err != nil {
		c.Bad("period", "%s", err)
	}
	return seconds(d)
}

// after is after(delay, function).
func (v *VM) after(c *registry.Call) int {
	c.Raise(v.Room())
	fn := c.Func(2)
	return c.Return(timerType.New(c.L, v.Tasks.After("after "+c.Get(1).String(), seconds(c.Number(1)), func() error {
		_, err := v.Call(v.L, fn, 0)
		return err
	})))
}
