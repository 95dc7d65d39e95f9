package vm

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// OpenTasks adds sleep and every.
func (v *VM) OpenTasks() {
	v.Set("sleep", value.Func(v.L, "sleep", v.sleep))
	v.Set("every", value.Func(v.L, "every", v.every))
}

// sleep gives the turn to other tasks for a while.
func (v *VM) sleep(a *value.Args) int {
	a.AtMost(1)
	d := seconds(a.Duration(1, "duration"))
	ctx := v.Context()
	v.Tasks.Block(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	})
	a.Raise(luaerr.Interrupted(ctx))
	return 0
}

// every calls a function once a period, on a Lua thread of its own. The
// function is told how many periods passed without a call since the last one.
func (v *VM) every(a *value.Args) int {
	a.AtMost(2)
	period := seconds(a.Duration(1, "period"))
	if period < time.Millisecond {
		a.Bad("period", "shorter than a millisecond")
	}
	fn := a.Func(2, "function")
	v.Tasks.Every("every "+a.L.ToStringMeta(a.Get(1)).String(), period, func(missed int) error {
		_, err := v.Call(v.L, fn, 0, lua.LNumber(missed))
		return err
	})
	return 0
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
