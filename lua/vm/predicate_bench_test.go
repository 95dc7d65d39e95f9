package vm

import (
	"context"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/value"
)

// row is what a predicate is asked about.
type row struct {
	src   []byte
	dport int
	bytes float64
}

var rowType = registry.NewType[*row]("benchmark row", "a row of the benchmarks").
	Field("src: text", "an address", func(_ *lua.LState, r *row) lua.LValue { return lua.LString(r.src) }).
	Field("dport: int", "a port", func(_ *lua.LState, r *row) lua.LValue { return lua.LNumber(r.dport) }).
	Field("bytes: size", "a size", func(_ *lua.LState, r *row) lua.LValue { return lua.LNumber(r.bytes) })

var benchRows = func() []row {
	rows := make([]row, 1024)
	for i := range rows {
		rows[i] = row{[]byte{'1', '0', '.', '0', '.', '0', '.', byte('0' + i%10)}, i % 2000, float64(i * 1000)}
	}
	return rows
}()

// predicate compiles the function of a chunk and runs body under one protected
// call, with the thread that it should call the function on.
func predicate(b *testing.B, ctx context.Context, source string, body func(v *VM, L *lua.LState, fn *lua.LFunction)) {
	b.Helper()
	v := New(ctx, Options{})
	defer v.Close()
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	values, err := v.Eval("bench", source)
	if err != nil {
		b.Fatal(err)
	}
	fn := values[0].(*lua.LFunction)
	loop := v.L.NewFunction(func(L *lua.LState) int { body(v, L, fn); return 0 })
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := v.Call(v.L, loop, 0); err != nil {
		b.Fatal(err)
	}
}

// call is one call of a predicate whose arguments push pushes.
func call(L *lua.LState, fn *lua.LFunction, args ...lua.LValue) bool {
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	L.Call(len(args), 1)
	ok := lua.LVAsBool(L.Get(-1))
	L.Pop(1)
	return ok
}

// BenchmarkPredicate is what a Lua function costs a row, by the way in which
// the row gets to it.
func BenchmarkPredicate(b *testing.B) {
	ctx := context.Background()
	b.Run("object", func(b *testing.B) {
		predicate(b, ctx, "function(r) return r.dport == 443 and r.bytes > 1000 end", func(_ *VM, L *lua.LState, fn *lua.LFunction) {
			for i := range b.N {
				call(L, fn, rowType.New(L, &benchRows[i%1024]))
			}
		})
	})
	b.Run("arguments", func(b *testing.B) {
		predicate(b, ctx, "function(dport, bytes) return dport == 443 and bytes > 1000 end", func(_ *VM, L *lua.LState, fn *lua.LFunction) {
			var boxes value.Boxes
			for i := range b.N {
				r := &benchRows[i%1024]
				call(L, fn, boxes.Number(float64(r.dport)), boxes.Number(r.bytes))
			}
		})
	})
	b.Run("text argument", func(b *testing.B) {
		predicate(b, ctx, "function(src) return src == '10.0.0.1' end", func(_ *VM, L *lua.LState, fn *lua.LFunction) {
			var boxes value.Boxes
			for i := range b.N {
				call(L, fn, boxes.Text(benchRows[i%1024].src))
			}
		})
	})
	b.Run("table", func(b *testing.B) {
		predicate(b, ctx, "function(r) return r.dport == 443 and r.bytes > 1000 end", func(_ *VM, L *lua.LState, fn *lua.LFunction) {
			for i := range b.N {
				r, t := &benchRows[i%1024], L.CreateTable(0, 3)
				t.RawSetString("src", lua.LString(r.src))
				t.RawSetString("dport", lua.LNumber(r.dport))
				t.RawSetString("bytes", lua.LNumber(r.bytes))
				call(L, fn, t)
			}
		})
	})
	b.Run("columns of 256", func(b *testing.B) {
		predicate(b, ctx, `function(n, dport, bytes)
			local hits = 0
			for i = 1, n do if dport[i] == 443 and bytes[i] > 1000 then hits = hits + 1 end end
			return hits > 0
		end`, func(_ *VM, L *lua.LState, fn *lua.LFunction) {
			var boxes value.Boxes
			ports, sizes := L.CreateTable(256, 0), L.CreateTable(256, 0)
			for done := 0; done < b.N; done += 256 {
				for i := range 256 {
					r := &benchRows[(done+i)%1024]
					ports.RawSetInt(i+1, boxes.Number(float64(r.dport)))
					sizes.RawSetInt(i+1, boxes.Number(r.bytes))
				}
				call(L, fn, lua.LNumber(256), ports, sizes)
			}
		})
	})
	b.Run("protected each", func(b *testing.B) {
		v := New(ctx, Options{})
		defer v.Close()
		v.Tasks.Lock()
		defer v.Tasks.Unlock()
		values, err := v.Eval("bench", "function(dport, bytes) return dport == 443 and bytes > 1000 end")
		if err != nil {
			b.Fatal(err)
		}
		var boxes value.Boxes
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			r := &benchRows[i%1024]
			if _, err := v.Call(v.L, values[0].(*lua.LFunction), 1, boxes.Number(float64(r.dport)), boxes.Number(r.bytes)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkContext is what it costs pure Lua that it can be interrupted: the
// same loop in a state of ours and in a plain one without a context.
func BenchmarkContext(b *testing.B) {
	const source = "function(n) local x = 0 for i = 1, n do x = x + i % 7 end return x > 0 end"
	b.Run("with", func(b *testing.B) {
		predicate(b, context.Background(), source, func(_ *VM, L *lua.LState, fn *lua.LFunction) {
			call(L, fn, lua.LNumber(b.N))
		})
	})
	b.Run("without", func(b *testing.B) {
		L := lua.NewState()
		defer L.Close()
		if err := L.DoString("return " + source); err != nil {
			b.Fatal(err)
		}
		fn := L.Get(-1).(*lua.LFunction)
		b.ResetTimer()
		call(L, fn, lua.LNumber(b.N))
	})
}
