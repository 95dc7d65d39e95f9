package filter

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

func TestCacheHits(t *testing.T) {
	const text = "udp and dport == https and src in 10.0.0.0/8"
	if n := testing.AllocsPerRun(100, func() {
		if _, err := Compile(text, nil, env); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a text that was compiled before", n)
	}
}

// TestCacheTellsApart compiles one text with words of different meaning.
func TestCacheTellsApart(t *testing.T) {
	service := func(port uint16) *Env {
		return &Env{Service: func(string) (uint16, bool) { return port, port != 0 }}
	}
	one, two, none := service(443), service(80), service(0)
	var row field.Row
	row.ResetEntry(flow())
	for range 2 {
		for want, e := range map[Tri]*Env{True: one, False: two} {
			f, err := Compile("dport == web", nil, e)
			if err != nil || f.Match(&row) != want {
				t.Errorf("%v, %v", f.Match(&row), err)
			}
		}
		if _, err := Compile("dport == web", nil, none); err == nil {
			t.Error("an unknown service was found")
		}
		for want, port := range map[Tri]float64{True: 443, False: 80} {
			f, err := Compile("dport == $1", Params{"1": port}, one)
			if err != nil || f.Match(&row) != want {
				t.Errorf("port %v: %v, %v", port, f.Match(&row), err)
			}
		}
		if _, err := Compile("dport == $1", nil, one); err == nil {
			t.Error("a parameter was not asked for")
		}
		if _, err := Compile("dport == web", Params{"1": 1.0}, one); err == nil {
			t.Error("a parameter too many was taken")
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	for i := range 3 * maxPrograms {
		c.put(fmt.Sprint(i), nil, nil, Filter{})
		if len(c.list) > maxPrograms {
			t.Fatalf("%d filters", len(c.list))
		}
		if _, ok := c.get(fmt.Sprint(i), nil, nil); !ok {
			t.Fatalf("filter %d is not kept", i)
		}
	}
	long := strings.Repeat("x", maxProgramText+1)
	c.put(long, nil, nil, Filter{})
	if _, ok := c.get(long, nil, nil); ok {
		t.Error("a long text was kept")
	}
}

func TestCacheConcurrent(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var row field.Row
			row.ResetEntry(flow())
			for i := range 2 * maxPrograms {
				f, err := Compile(fmt.Sprintf("dport == %d", i), nil, env)
				if err != nil || f.Match(&row) != truth(i == 443) {
					t.Errorf("%s: %v", f, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkCompile(b *testing.B) {
	const text = "udp and dport == https and src in 10.0.0.0/8"
	for name, used := range map[string]Params{"again": nil, "first": {"1": "10.0.0.0/8"}} {
		b.Run(name, func(b *testing.B) {
			text := text
			if used != nil { // such a filter is not kept
				text = "udp and dport == https and src in $1"
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(text, used, env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
