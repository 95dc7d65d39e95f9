package conntrack

import (
	"context"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// BenchmarkFetch reads a whole table of 100 000 flows by key, and for comparison
// by one Get after the other. Fetch is to take 4 us a flow at most.
func BenchmarkFetch(b *testing.B) {
	const n = 100_000
	ctx := context.Background()
	k := Open(netnstest.New(b))
	defer k.Close()
	keys := make([]wire.Key, n)
	batch, err := k.Batch(ctx, BatchOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range keys {
		keys[i] = wire.Key{Tuple: tuple(wire.ProtoUDP, i)}
		if err := batch.Add(udp(i)); err != nil {
			b.Fatal(err)
		}
	}
	if res, err := batch.Close(); err != nil || res.Applied != n {
		b.Fatal(res, err)
	}
	b.Run("fetch", func(b *testing.B) {
		for b.Loop() {
			seen := 0
			err := k.Fetch(ctx, keys, false, func(_ int, v *wire.View) error {
				if v != nil {
					seen++
				}
				return nil
			})
			if err != nil || seen != n {
				b.Fatal(seen, err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/flow")
	})
	b.Run("get", func(b *testing.B) {
		for b.Loop() {
			var e wire.Entry
			for _, key := range keys {
				if ok, err := k.Get(ctx, wire.Get{Key: key}, &e); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/flow")
	})
}
