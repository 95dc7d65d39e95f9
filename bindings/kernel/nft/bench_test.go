package nft

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// benchmarked are the kinds of sets that are kept in different ways.
var benchmarked = map[string]string{
	"hash":      "type ipv4_addr; flags timeout;",
	"intervals": "type ipv4_addr; flags timeout, interval;",
	"pairs":     "type ipv4_addr . inet_service; flags timeout, interval;",
}

// some are n elements of a set.
func some(b *testing.B, s *Set, n int) []Element {
	list := make([]Element, n)
	for i := range list {
		text := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		if len(s.Key) > 1 {
			text += " . 80"
		}
		list[i] = parse(b, s, text)[0]
	}
	return list
}

// BenchmarkAdd adds to a set of 10 000 elements: one that is new, one that is
// there, and, each in one call, many that are new.
func BenchmarkAdd(b *testing.B) {
	const size = 10000
	ctx := context.Background()
	for name, kind := range benchmarked {
		_, c := load(b, "table inet t { set s { "+kind+" }; }")
		s := set(b, c, "t s")
		es := some(b, s, size+1)
		check := func(_ Result, err error) {
			if err != nil {
				b.Fatal(err)
			}
		}
		check(s.Add(ctx, es[:size], time.Hour))
		b.Run(name+"/new", func(b *testing.B) {
			for b.Loop() {
				check(s.Add(ctx, es[size:], time.Hour))
				b.StopTimer()
				check(s.Delete(ctx, es[size:]))
				b.StartTimer()
			}
		})
		b.Run(name+"/renewed", func(b *testing.B) {
			for b.Loop() {
				check(s.Add(ctx, es[7:8], time.Hour))
			}
		})
		b.Run(name+"/has", func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Has(ctx, es[7]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/many", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				check(s.Delete(ctx, es))
				b.StartTimer()
				check(s.Add(ctx, es[:size], time.Hour))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/element")
		})
	}
}

// BenchmarkList lists 10 000 elements, as the nft command does.
func BenchmarkList(b *testing.B) {
	const size = 10000
	ctx := context.Background()
	for name, kind := range benchmarked {
		ns, c := load(b, "table inet t { set s { "+kind+" }; }")
		s := set(b, c, "t s")
		if _, err := s.Add(ctx, some(b, s, size), time.Hour); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.List(ctx, func(Entry) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/nft", func(b *testing.B) {
			for b.Loop() {
				netnstest.Run(b, ns, "nft", "list", "set", "inet", "t", "s")
			}
		})
	}
}
