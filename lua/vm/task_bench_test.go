package vm

import (
	"context"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// benchState is a state with the turn held.
func benchState(b *testing.B, opt Options) *VM {
	v := New(context.Background(), opt)
	v.OpenTasks()
	v.Tasks.Lock()
	b.Cleanup(func() { v.Tasks.Unlock(); v.Close() })
	return v
}

// BenchmarkHandlerCall is a call of an event handler, with and without a limit
// of its time: what the limit costs is the difference.
func BenchmarkHandlerCall(b *testing.B) {
	for name, limit := range map[string]time.Duration{"limited": 0, "unlimited": -1} {
		b.Run(name, func(b *testing.B) {
			v := benchState(b, Options{HandlerTime: limit})
			values, err := v.Eval("b", "function(x) return x end")
			if err != nil {
				b.Fatal(err)
			}
			fn := values[0].(*lua.LFunction)
			call := v.Tasks.Handler("bench")
			b.ReportAllocs()
			v.Tasks.Block(func() {
				for b.Loop() {
					_ = call(func() error { _, err := v.Call(v.L, fn, 0, lua.LTrue); return err })
				}
			})
		})
	}
}

// benchScript runs a function of a script again and again.
func benchScript(b *testing.B, source string) {
	v := benchState(b, Options{})
	values, err := v.Eval("b", source)
	if err != nil {
		b.Fatal(err)
	}
	fn := values[0].(*lua.LFunction)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Call(v.L, fn, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSpawnAndWait(b *testing.B) {
	benchScript(b, "local function f() return 1 end return function() spawn(f):wait() end")
}

func BenchmarkChannelRoundTrip(b *testing.B) {
	benchScript(b, `
		local there, back = chan(), chan()
		spawn(function() for v in there:iter() do back:send(v) end end)
		return function() there:send(1) back:recv() end`)
}

func BenchmarkCoroutine(b *testing.B) {
	benchScript(b, "local function f() coroutine.yield() end return function() local co = coroutine.wrap(f) co() co() end")
}
