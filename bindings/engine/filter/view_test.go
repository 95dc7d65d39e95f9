package filter

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// messages creates flows in a kernel that counts and stamps, passes a packet
// each way through every second one, and returns them as a dump has them.
func messages(tb testing.TB, flows []*wire.Entry) (list [][]byte) {
	tb.Helper()
	k := fake.New(fake.Options{LabelRule: true})
	k.Configure(func(s *fake.Sysctls) { s.Acct, s.Timestamp = true, true })
	c := k.Client()
	defer c.Close()
	ctx := context.Background()
	for i, e := range flows {
		k.Configure(func(s *fake.Sysctls) { s.Acct = i%3 != 0 })
		created := *e
		created.Timeout += 600
		if c.Do(ctx, &wire.Create{Entry: created}) != nil {
			continue // it is there, or the kernel has no such flow
		}
		if i%2 == 0 {
			k.Packet(fake.Packet{Tuple: e.Orig, Bytes: 700, ACK: true})
			k.Packet(fake.Packet{Tuple: e.Reply, Bytes: 1000, ACK: true})
		}
	}
	_, err := c.Dump(ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		list = append(list, slices.Clone(v.Raw()))
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// TestViewAgrees matches messages and what is decoded of them whole: what a
// filter reads in place, or of parts, never changes its answer. The second
// filter finds what the first has left decoded.
func TestViewAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 3))
	flows := make([]*wire.Entry, 600)
	for i := range flows {
		flows[i] = filtertest.Flow(r)
	}
	list := messages(t, flows)
	if len(list) < 100 {
		t.Fatalf("%d flows: the test tests too little", len(list))
	}
	fields := field.Flow.Fields()
	var counts [3]int
	for range 3000 {
		var pair [2]Filter
		for i := range pair {
			for pair[i].IsAll() {
				pair[i], _ = Compile(filtertest.Text(r), nil, nil)
			}
		}
		for range 20 {
			var v wire.View
			msg := list[r.IntN(len(list))]
			if err := v.Reset(msg); err != nil {
				t.Fatal(err)
			}
			var e wire.Entry
			v.Entry(&e)
			var kept, row field.Row
			kept.ResetEntry(&e)
			row.Reset(&v)
			for _, f := range pair {
				want := f.Match(&kept)
				if got := f.Match(&row); got != want {
					t.Fatalf("%s on the message of %s: %d, want %d", f, e.Orig, got, want)
				}
				counts[want]++
				x := fields[r.IntN(len(fields))]
				got, has := x.Of(&row)
				if value, ok := x.Of(&kept); got != value || has != ok {
					t.Fatalf("%s of the message of %s: %v %v, want %v %v", x.Name, e.Orig, got, has, value, ok)
				}
			}
		}
	}
	if counts[True] < 5000 || counts[False] < 5000 || counts[Unknown] < 1000 {
		t.Errorf("%v results: the test tests too little", counts)
	}
}
