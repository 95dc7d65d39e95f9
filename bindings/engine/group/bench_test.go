package group

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// benchRows is how many rows go around, about ten of each source.
const benchRows = 1 << 20

// stream is the rows by the number of their source.
func stream() []uint32 {
	rnd := rand.New(rand.NewPCG(13, 14))
	order := make([]uint32, benchRows)
	for i := range order {
		order[i] = uint32(rnd.IntN(manySources))
	}
	return order
}

// benchmark adds rows that stand ready, so that what a flow costs before it is
// grouped is not measured. Only their source changes, and goes with one of 64
// flows.
func benchmark(b *testing.B, keys []string, aggs []Aggregate, opt Options) {
	flows := sources(manySources, false)
	order := stream()
	addrs := make([]wire.Addr, benchRows)
	for i, s := range order {
		addrs[i] = flows[s].Orig.Src
	}
	tab := mustNew(b, getAll(b, keys...), opt, aggs...)
	rows := make([]field.Row, 64)
	for i := range rows {
		rows[i].ResetFlow(&flows[i])
	}
	add := func(i int) {
		r := &rows[order[i]%64]
		r.Need(field.PartOrig).Orig.Src = addrs[i]
		tab.Add(r)
	}
	for i := range order {
		add(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		add(i % benchRows)
	}
	b.ReportMetric(float64(tab.Len()), "groups")
}

func BenchmarkBySource(b *testing.B) {
	benchmark(b, []string{"src"}, []Aggregate{{Name: "n", Func: "count"}}, Options{})
}

func BenchmarkBySourceSum(b *testing.B) {
	benchmark(b, []string{"src"}, []Aggregate{{Name: "n", Func: "count"}, {Name: "s", Func: "sum", Of: get(b, "bytes")}}, Options{})
}

func BenchmarkBySourceFive(b *testing.B) {
	benchmark(b, []string{"src"}, allOf(b), Options{})
}

func BenchmarkByThreeKeys(b *testing.B) {
	benchmark(b, []string{"src", "dport", "proto"}, []Aggregate{{Name: "n", Func: "count"}}, Options{})
}

func BenchmarkByProto(b *testing.B) {
	benchmark(b, []string{"proto"}, []Aggregate{{Name: "n", Func: "count"}}, Options{})
}

func BenchmarkBySourceUniq(b *testing.B) {
	benchmark(b, []string{"src"}, []Aggregate{{Name: "u", Func: "uniq", Of: get(b, "dport")}}, Options{})
}

func BenchmarkBySourcePercentile(b *testing.B) {
	benchmark(b, []string{"src"}, []Aggregate{{Name: "p", Func: "pct", Of: get(b, "timeout"), Arg: 95}}, Options{})
}

func BenchmarkBounded(b *testing.B) {
	benchmark(b, []string{"src"}, []Aggregate{{Name: "n", Func: "count"}}, Options{Keys: 10_000})
}

// BenchmarkUngrouped is what a row costs when it needs no group.
func BenchmarkUngrouped(b *testing.B) {
	benchmark(b, nil, []Aggregate{{Name: "s", Func: "sum", Of: get(b, "bytes")}}, Options{})
}

// BenchmarkMap is BenchmarkBySource with a map of the language.
func BenchmarkMap(b *testing.B) {
	flows := sources(manySources, false)
	addrs := make([]netip.Addr, benchRows)
	for i, s := range stream() {
		addrs[i] = flows[s].Orig.Src.Netip()
	}
	counts := map[netip.Addr]uint64{}
	for i := 0; b.Loop(); i++ {
		counts[addrs[i%benchRows]]++
	}
}

// BenchmarkReadSource is what of BenchmarkBySource is reading the field.
func BenchmarkReadSource(b *testing.B) {
	flows := sources(64, false)
	read := get(b, "src").Reader()
	var rows [64]field.Row
	for i := range rows {
		rows[i].ResetFlow(&flows[i])
	}
	var all wire.Addr
	for i := 0; b.Loop(); i++ {
		v, _ := read(&rows[i%64])
		all[15] ^= v.Addr[15]
	}
}

func BenchmarkHash(b *testing.B) {
	key := []uint64{1, 0, 0xffff0a000001}
	for i := 0; b.Loop(); i++ {
		key[2] += hash(key)&1 + uint64(i&1)
	}
}

func BenchmarkTopRejects(b *testing.B) {
	top := NewTop(10, func(a, b *[4]float64) bool { return a[0] > b[0] })
	for i := range 10 {
		top.Add([4]float64{float64(1e9 + i)})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		top.Add([4]float64{float64(i & 1023)})
	}
}
