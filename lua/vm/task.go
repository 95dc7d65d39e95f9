package vm

import (
	"context"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/task"
)

// spawned is a task as a script holds it.
type spawned struct {
	v       *VM
	t       *task.Task
	results []lua.LValue
	raised  lua.LValue // what ended it, as it was raised; nil for an error of ours
}

var taskType = registry.NewType[*spawned]("task", "a function that runs beside the rest of the script").
	Example(`ct> t = spawn(sleep, "1h")
ct> t
task sleep: running
ct> t:cancel()
ct> t.state
cancelled`).
	Field("state: string", `"running", "done", "failed" or "cancelled"`, func(_ *lua.LState, s *spawned) lua.LValue {
		return lua.LString(s.t.State().String())
	}).
	Method("wait(timeout?: duration) -> any", "waits for the end and returns what the function returned. What it raised is raised here instead; "+
		"where nobody waits, it is reported, and the script fails", (*spawned).wait).
	Raises("ETIMEDOUT after the timeout, while the task goes on; ECANCELED where the task was cancelled; EDEADLK where no task of the script could go on").
	Example(`ct> t = spawn(function() sleep("1ms") return 1, 2 end)
ct> t:wait()
1
2
ct> t = spawn(function() error("broken", 0) end)
ct> t:wait()
broken`).
	Method("cancel()", "stops the task, wherever it is. It cannot catch that", func(s *spawned, _ *registry.Call) int {
		s.t.Cancel(luaerr.New(luaerr.ECANCELED, "", "%s was cancelled", s.t.Name()))
		return 0
	}).
	Example(`ct> t = spawn(sleep, "1h")
ct> t:cancel()
ct> t:wait()
prompt:1: task sleep was cancelled`).
	Text(func(s *spawned) string { return fmt.Sprintf("%s: %s", s.t.Name(), s.t.State()) })

// spawn is spawn(function, ...).
func (v *VM) spawn(c *registry.Call) int {
	c.Raise(v.Room())
	fn, args, s := c.Func(1), rest(c, 2), &spawned{v: v}
	t, err := v.Tasks.Spawn("task "+v.place(fn), func(context.Context) error {
		results, failed, err := v.attempt(fn, lua.MultRet, args)
		if failed != nil {
			err = v.convert(failed)
			if luaerr.FromLua(failed.Object) == nil {
				s.raised = failed.Object
			}
		}
		s.results = results
		return err
	})
	c.Raise(err)
	s.t = t
	return c.Return(taskType.New(c.L, s))
}

// place says which function it is: where it is written, or its name.
func (v *VM) place(fn *lua.LFunction) string {
	if !fn.IsG {
		return fmt.Sprintf("%s:%d", fn.Proto.SourceName, fn.Proto.LineDefined)
	}
	if d := registry.Of(v.L, fn); d != nil {
		return d.Path
	}
	return "of a library function"
}

// wait is task:wait([timeout]).
func (s *spawned) wait(c *registry.Call) int {
	d := timeoutFrom(c, 1)
	ended, err := s.t.Wait(s.v.Context(), d)
	switch {
	case !ended:
		s.v.gaveUp(c, err, d)
	case s.raised != nil && s.t.State() == task.Failed:
		c.L.Error(s.raised, 0)
	}
	c.Raise(err)
	return c.Return(s.results...)
}
