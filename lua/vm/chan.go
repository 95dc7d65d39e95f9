package vm

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/task"
)

// channel is a channel as a script holds it.
type channel struct {
	v *VM
	c *task.Chan[lua.LValue]
}

var chanType = registry.NewType[*channel]("chan", "a channel: values that tasks pass to each other, in order. # is how many wait to be received").
	Example(`ct> c = chan()
ct> t = spawn(function() for i = 1, 3 do c:send(i) end c:close() end)
ct> for i in c:iter() do print(i) end
1
2
3
ct> c
chan 0/0, closed`).
	Method("send(value: any, timeout?: duration)", "passes a value on. It waits while the channel is full, or with a capacity of 0 until somebody receives", (*channel).send).
	Raises("EPIPE where the channel is closed; ETIMEDOUT after the timeout; EDEADLK where no task of the script could go on").
	Example(`ct> chan():send(1, "10ms")
prompt:1: chan:send: nothing happened within 0.01s`).
	Method("recv(timeout?: duration) -> any, bool", "waits for the next value and returns it with true, or nil and false where the channel is closed and empty", (*channel).recv).
	Raises("ETIMEDOUT after the timeout; EDEADLK where no task of the script could go on").
	Example(`ct> c = chan(1)
ct> c:send("a")
ct> c:close()
ct> c:recv()
a
true
ct> c:recv()
false`).
	Method("close()", "says that no further value will come. What the channel holds can still be received", func(ch *channel, _ *registry.Call) int {
		ch.c.Close()
		return 0
	}).
	Example(`ct> c = chan()
ct> c:close()
ct> c:send(1)
prompt:1: chan:send: the channel is closed`).
	Method("iter() -> function", "receives until the channel is closed: for v in c:iter() do ... end", (*channel).iter).
	Raises("EDEADLK where no task of the script could go on").
	Example(`ct> c = chan(2)
ct> c:send("a") c:send("b") c:close()
ct> for v in c:iter() do print(v) end
a
b`).
	Len(func(c *registry.Call, ch *channel) int { return c.Return(lua.LNumber(ch.c.Len())) }).
	Text(func(ch *channel) string {
		s := fmt.Sprintf("chan %d/%d", ch.c.Len(), ch.c.Cap())
		if ch.c.Closed() {
			s += ", closed"
		}
		return s
	})

// newChan is chan([capacity]).
func (v *VM) newChan(c *registry.Call) int {
	return c.Return(chanType.New(c.L, &channel{v, task.NewChan[lua.LValue](v.Tasks, c.Int(1))}))
}

// send is chan:send(value, [timeout]).
func (ch *channel) send(c *registry.Call) int {
	d := timeoutFrom(c, 2)
	ch.v.gaveUp(c, ch.c.Send(ch.v.Context(), c.Get(1), d), d)
	return 0
}

// recv is chan:recv([timeout]).
func (ch *channel) recv(c *registry.Call) int {
	x, ok := ch.next(c, timeoutFrom(c, 1))
	return c.Return(x, lua.LBool(ok))
}

// iter is chan:iter().
func (ch *channel) iter(c *registry.Call) int {
	return c.Return(c.L.NewFunction(func(L *lua.LState) int {
		inner := *c
		inner.L = L
		x, _ := ch.next(&inner, task.Forever)
		L.Push(x)
		return 1
	}))
}

// next receives a value, nil where none will come.
func (ch *channel) next(c *registry.Call, d time.Duration) (x lua.LValue, ok bool) {
	x, ok, err := ch.c.Recv(ch.v.Context(), d)
	ch.v.gaveUp(c, err, d)
	if !ok {
		x = lua.LNil
	}
	return x, ok
}
