package keyed

import (
	"runtime"
	"slices"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"pgregory.net/rapid"
)

// TestModel compares with a list that is searched and sorted anew each time.
func TestModel(t *testing.T) {
	type item struct {
		key, value int
		set        time.Time
	}
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1e9, 0)
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		ttl := time.Duration(rapid.IntRange(0, 3).Draw(t, "ttl")) * time.Second
		m := New[int, int](limit, ttl, func() time.Time { return now })
		var model []item // set last first
		remove := func(k int) { model = slices.DeleteFunc(model, func(i item) bool { return i.key == k }) }
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			k := rapid.IntRange(0, 7).Draw(t, "key")
			if ttl > 0 {
				model = slices.DeleteFunc(model, func(i item) bool { return now.Sub(i.set) >= ttl })
			}
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1:
				v := rapid.Int().Draw(t, "value")
				m.Set(k, v)
				remove(k)
				if len(model) == limit {
					model = model[:limit-1]
				}
				model = slices.Insert(model, 0, item{k, v, now})
			case 2:
				m.Delete(k)
				remove(k)
			case 3:
				now = now.Add(time.Second)
			case 4:
				m.Clear()
				model = nil
			}
			if ttl > 0 {
				model = slices.DeleteFunc(model, func(i item) bool { return now.Sub(i.set) >= ttl })
			}
			keys := m.Keys()
			if len(keys) != len(model) || m.Len() != len(model) {
				t.Fatalf("%v, want %v", keys, model)
			}
			for i, it := range model {
				if v, ok := m.Get(it.key); !ok || v != it.value || keys[i] != it.key {
					t.Fatalf("%v: %v %v, want %v", keys, v, ok, it)
				}
			}
		}
	})
}

// TestMemory checks that keys which come and go leave nothing behind.
func TestMemory(t *testing.T) {
	n := 2_000_000
	if testing.Short() {
		n = 200_000
	}
	m := New[lua.LValue, lua.LValue](1000, 0, time.Now)
	churn := func(from, to int) {
		for i := from; i < to; i++ {
			m.Set(lua.LNumber(i), lua.LTrue)
			if i%3 == 0 {
				m.Delete(lua.LNumber(i - 500))
			}
		}
	}
	churn(0, 10_000)
	before := heap()
	churn(10_000, n)
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("%d keys left %d bytes behind", n, grown)
	}
	runtime.KeepAlive(m)
}

func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// BenchmarkChurn is a key that comes while another one goes; growth is what
// the heap has more at the end than after the first thousands.
func BenchmarkChurn(b *testing.B) {
	m := New[lua.LValue, lua.LValue](1000, time.Minute, time.Now)
	for i := range 10_000 {
		m.Set(lua.LNumber(i), lua.LTrue)
	}
	before := heap()
	b.ResetTimer()
	for i := range b.N {
		m.Set(lua.LNumber(i), lua.LTrue)
	}
	b.StopTimer()
	b.ReportMetric(float64(int64(heap())-int64(before)), "growth-bytes")
	runtime.KeepAlive(m)
}
