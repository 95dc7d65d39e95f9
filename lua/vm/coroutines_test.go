package vm

import (
	"context"
	"runtime"
	"testing"
	"time"
)

func TestCoroutines(t *testing.T) {
	for _, c := range []struct{ name, source, stdout string }{
		{"kept ones are bounded", `
			local kept, ok, e = {}
			repeat ok, e = pcall(function() kept[#kept + 1] = coroutine.create(print) end) until not ok
			print(#kept, e)
			print(pcall(coroutine.wrap, print))
			for i = 1, 5 do coroutine.resume(kept[i]) end
			for i = 1, 5 do coroutine.create(print) end
			kept = nil
			for i = 1, 20000 do coroutine.create(print) end`,
			"5000\ttest.lua:3: more than 5000 coroutines that have not ended\nfalse\ttest.lua:5: more than 5000 coroutines that have not ended\n\n\n\n\n\n"},
		{"forgotten ones do not count", `
			local n = 0
			for i = 1, 30000 do for x in coroutine.wrap(function() coroutine.yield(1) coroutine.yield(2) end) do n = n + x break end end
			print(n)`, "30000\n"},
		{"ended ones do not count", `
			local kept = {}
			for i = 1, 6000 do kept[i] = coroutine.wrap(function() end) kept[i]() end
			for i = 1, 6000 do kept[i] = coroutine.create(error) coroutine.resume(kept[i]) end
			for i = 1, 6000 do kept[i] = coroutine.wrap(error) pcall(kept[i]) end
			print(#kept)`, "6000\n"},
		{"a library function as its body", `
			local co = coroutine.create(math.max)
			print(coroutine.resume(co, 1, 5, 3))
			print(coroutine.status(co), coroutine.resume(co))
			co = coroutine.create(pcall)
			print(coroutine.resume(co, error, "x", 0))
			co = coroutine.wrap(math.max)
			print(co(1, 2), (pcall(co)))
			co = coroutine.create(sleep)
			print(coroutine.resume(co, "1ms"))
			print(coroutine.status(co))`, "true\t5\ndead\tfalse\tcan not resume a dead thread\ntrue\tfalse\tx\n2\tfalse\ntrue\ndead\n"},
		{"return yield(...)", `
			for x in coroutine.wrap(function() coroutine.yield(1) return coroutine.yield(2) end) do print(x) end
			local co = coroutine.create(function(a) return coroutine.yield(a) end)
			print(coroutine.resume(co, 1))
			print(coroutine.status(co), coroutine.resume(co, 2, 3))
			print(coroutine.status(co), coroutine.resume(co))
			co = coroutine.create(coroutine.yield)
			print(coroutine.resume(co, 1, 2))
			print(coroutine.resume(co, 3))
			print(coroutine.status(co))`, "1\n2\ntrue\t1\nsuspended\ttrue\t2\t3\ndead\tfalse\tcan not resume a dead thread\ntrue\t1\t2\ntrue\t3\ndead\n"},
		{"an error ends a wrapped one", `
			local co = coroutine.wrap(function() error("x", 0) end)
			print(pcall(co))
			print(pcall(co))`, "false\tx\nfalse\t can not resume a dead thread\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, err := within(t, context.Background(), c.source)
			if err != nil || stdout != c.stdout || stderr != "" {
				t.Errorf("%v, printed\n%s%s want\n%s", err, stdout, stderr, c.stdout)
			}
		})
	}
}

// TestCoroutinesAreLight checks that one that is suspended holds no goroutine
// and, once forgotten, no memory: a child of a context would be kept by it.
func TestCoroutinesAreLight(t *testing.T) {
	v := New(context.Background(), Options{})
	defer v.Close()
	before := runtime.NumGoroutine()
	if err := v.Run("t", `
		kept = {}
		for i = 1, 4000 do
			kept[i] = coroutine.wrap(function() coroutine.yield() end)
			kept[i]()
		end`); err != nil {
		t.Fatal(err)
	}
	if n := runtime.NumGoroutine(); n > before+10 {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	if n := v.alive.count(); n != 4000 {
		t.Errorf("%d coroutines are counted", n)
	}
	if err := v.Run("t", "kept = nil"); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		runtime.GC()
		if v.alive.count() < 100 { // a thread may still refer to a few
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d coroutines are kept", v.alive.count())
}

// TestCoroutinesDoNotKeepTheirState checks that a closed state goes, coroutines
// in its globals or not.
func TestCoroutinesDoNotKeepTheirState(t *testing.T) {
	gone := make(chan struct{})
	func() {
		v := New(context.Background(), Options{})
		if err := v.Run("t", "co = coroutine.wrap(function() coroutine.yield() end) co() other = coroutine.create(print)"); err != nil {
			t.Fatal(err)
		}
		v.Close()
		runtime.AddCleanup(v, func(c chan struct{}) { close(c) }, gone)
	}()
	for range 500 {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("the state is kept")
}
