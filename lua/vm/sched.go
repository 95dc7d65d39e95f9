package vm

import (
	"context"
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
	if ctx.Err() != nil {
		a.Raise(context.Cause(ctx))
	}
	return 0
}

// every calls a function once a period, on a Lua thread of its own.
func (v *VM) every(a *value.Args) int {
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

// Wait gives the turn away until no task is left. The exit that a script asked
// for comes back as a *luaerr.Exit, the end of the context as its cause.
func (v *VM) Wait() (err error) {
	v.Tasks.Block(func() { err = v.Tasks.Wait() })
	if exit, ok := err.(*luaerr.Exit); ok && exit.Status == 0 {
		return nil
	}
	return err
}
