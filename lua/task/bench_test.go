package task

import (
	"context"
	"testing"
	"time"
)

// What a handler pays for its limit is the difference between the two.
func BenchmarkHandler(b *testing.B) {
	for name, limit := range map[string]time.Duration{"limited": 5 * time.Second, "unlimited": 0} {
		b.Run(name, func(b *testing.B) {
			g := New(context.Background(), nil)
			defer g.Close()
			g.SetLimit(limit, errBad)
			call := g.Handler("bench")
			nothing := func() error { return nil }
			b.ReportAllocs()
			for b.Loop() {
				if err := call(nothing); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBlock is a handler that waits for nothing.
func BenchmarkBlock(b *testing.B) {
	for name, limit := range map[string]time.Duration{"limited": 5 * time.Second, "unlimited": 0} {
		b.Run(name, func(b *testing.B) {
			g := New(context.Background(), nil)
			defer g.Close()
			g.SetLimit(limit, errBad)
			_ = g.Handler("bench")(func() error {
				for b.Loop() {
					g.Block(func() {})
				}
				return nil
			})
		})
	}
}

func BenchmarkSpawn(b *testing.B) {
	g := New(context.Background(), nil)
	defer g.Close()
	g.Lock()
	defer g.Unlock()
	b.ReportAllocs()
	for b.Loop() {
		t, err := g.Spawn("bench", func(context.Context) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		if _, err := t.Wait(g.Now(), Forever); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkChan is a value to another task and one back.
func BenchmarkChan(b *testing.B) {
	g := New(context.Background(), nil)
	defer g.Close()
	g.Lock()
	defer g.Unlock()
	there, back := NewChan[int](g, 0), NewChan[int](g, 0)
	if _, err := g.Spawn("echo", func(ctx context.Context) error {
		for {
			v, ok, err := there.Recv(ctx, Forever)
			if err != nil || !ok {
				return err
			}
			if err := back.Send(ctx, v, Forever); err != nil {
				return err
			}
		}
	}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := there.Send(g.Now(), 1, Forever); err != nil {
			b.Fatal(err)
		}
		if _, _, err := back.Recv(g.Now(), Forever); err != nil {
			b.Fatal(err)
		}
	}
	there.Close()
}
