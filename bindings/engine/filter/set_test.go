package filter

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// near makes addresses that are close to one another and to the ends of each
// family, so that ranges meet.
func near(r *rand.Rand) netip.Addr {
	list := []string{"::", "::fffe:ffff:fff8", "0.0.0.0", "10.0.0.0", "255.255.255.248", "::1:0:0:0", "fd00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff8"}
	a := netip.MustParseAddr(list[r.IntN(len(list))])
	for range r.IntN(8) {
		a = a.Next()
	}
	return a
}

// item makes a member of a set and tells what it holds.
func item(r *rand.Rand) (text string, has func(netip.Addr) bool) {
	a := near(r)
	switch r.IntN(4) {
	case 0:
		p, _ := a.Prefix(r.IntN(a.BitLen() + 1))
		if r.IntN(10) == 0 { // a network of IPv6 in the place of IPv4, which no flow has
			p = netip.MustParsePrefix("::ffff:0.0.0.0/96")
		}
		return p.String(), p.Contains
	case 1:
		b := near(r)
		if b.Is4() != a.Is4() {
			b = a
		}
		if b.Less(a) {
			a, b = b, a
		}
		return a.String() + ".." + b.String(), func(x netip.Addr) bool {
			return x.Is4() == a.Is4() && !x.Less(a) && !b.Less(x)
		}
	}
	return a.String(), func(x netip.Addr) bool { return x == a }
}

// TestAddrSets compares sets of few and of many addresses and networks with a
// look at each member.
func TestAddrSets(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var in, trees int
	for range 600 {
		var list []any
		var holds []func(netip.Addr) bool
		for range 1 + r.IntN(1+r.IntN(60)) {
			text, has := item(r)
			list, holds = append(list, text), append(holds, has)
		}
		f, err := Compile("src in $1", Params{"1": list}, nil)
		not, err2 := Compile("src not in $1", Params{"1": list}, nil)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if len(list) > 30 {
			trees++
		}
		for range 60 {
			a := near(r)
			want := False
			for _, has := range holds {
				want = max(want, truth(has(a)))
			}
			var e wire.Entry
			e.Orig.Src, e.Orig.Family = addrOf(a), wire.FamilyIPv4
			var row field.Row
			row.ResetEntry(&e)
			if got := f.Match(&row); got != want || not.Match(&row) != want.not() {
				t.Fatalf("%s in %v: %d, want %d", a, list, got, want)
			}
			in += int(want) / 2
		}
	}
	if in < 3000 || trees == 0 {
		t.Errorf("%d hits, %d large sets: the test tests too little", in, trees)
	}
}

// TestLargeAddrSet looks for addresses of a large set and for their neighbours.
func TestLargeAddrSet(t *testing.T) {
	members := map[netip.Addr]bool{}
	var list []addrRange
	r := rand.New(rand.NewPCG(8, 8))
	for len(members) < 20_000 {
		a := netip.AddrFrom4([4]byte{10, byte(r.Uint32()), byte(r.Uint32()), byte(2 * r.Uint32())})
		if r.IntN(2) == 0 {
			b := wire.Addr{0: 0xfd, 14: byte(r.Uint32()), 15: byte(2 * r.Uint32()), 3: byte(r.Uint32())}
			a = b.Netip()
		}
		members[a] = true
		list = append(list, rangeOf(a, a))
	}
	set := newAddrSet(joinedRanges(list))
	for a := range members {
		if !set.has(addrOf(a).Words()) {
			t.Fatalf("%s is missing", a)
		}
		if next := a.Next(); set.has(addrOf(next).Words()) != members[next] {
			t.Fatalf("%s is wrong", next)
		}
	}
	if set.has(addrWords{}) {
		t.Error("the empty address is in it")
	}
}

// TestNumberSets compares sets and comparisons of numbers with a look at each
// member: of whole numbers and of others, in fields of 16 and 32 bits and in a
// computed one.
func TestNumberSets(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 1))
	pick := func() float64 {
		n := []float64{0, 5, 1000, 65530, 4294967290}[r.IntN(5)] + float64(r.IntN(6))
		return n + float64(r.IntN(2))/2*float64(r.IntN(2))
	}
	text := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	for _, name := range []string{"dport", "mark", "max(mark, 0)", "obytes"} {
		limit := 4294967295.0
		if name == "dport" {
			limit = 65535
		}
		for range 1000 {
			v := float64(int64(min(pick(), limit)))
			var e wire.Entry
			e.Orig = wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoTCP, DstPort: uint16(v)}
			e.Mark, e.Counter[0].Bytes, e.Present = uint32(v), uint64(v), wire.HasMark|wire.HasCounters
			var row field.Row
			row.ResetEntry(&e)
			check := func(text string, want bool) {
				f, err := Compile(text, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				if f.Match(&row) != truth(want) {
					t.Fatalf("%s of %v, want %v", text, v, want)
				}
			}
			n := min(pick(), limit)
			for op, want := range map[string]bool{"==": v == n, "!=": v != n, "<": v < n, "<=": v <= n, ">": v > n, ">=": v >= n} {
				check(name+" "+op+" "+text(n), want)
			}
			set, want := "", false
			for range 1 + r.IntN(12) {
				lo, hi := min(pick(), limit), min(pick(), limit)
				lo, hi = min(lo, hi), max(lo, hi)
				if r.IntN(2) == 0 || hi-lo > 100 {
					hi = lo
				}
				if set += text(lo); hi > lo {
					set += " .. " + text(hi)
				}
				set += ", "
				want = want || lo <= v && v <= hi
			}
			check(name+" in {"+set[:len(set)-2]+"}", want)
			check(name+" not in {"+set[:len(set)-2]+"}", !want)
		}
	}
}

// TestOrder checks that what is cheap is asked first, and that the order does
// not change the text.
func TestOrder(t *testing.T) {
	var asked []string
	list := []weighed{}
	for _, text := range []string{"bytes / packets > 1", `state == ESTABLISHED`, "bytes > 1", "src == 10.0.0.1", "mark == 1", "tcp", "dport == 1"} {
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		x, err := newCompiler(nil, nil).weighed(e)
		if err != nil {
			t.Fatal(err)
		}
		x.pred = func(*field.Row) Tri { asked = append(asked, text); return True }
		list = append(list, x)
	}
	preds, w := lightFirst(list)
	if got := allOf(preds)(nil); got != True || w != weightComputed {
		t.Errorf("%d, weight %d", got, w)
	}
	want := []string{"mark == 1", "tcp", "src == 10.0.0.1", "dport == 1", "bytes > 1", `state == ESTABLISHED`, "bytes / packets > 1"}
	for i, text := range want {
		if asked[i] != text {
			t.Fatalf("asked in the order %q, want %q", asked, want)
		}
	}
	f, err := Compile("state == ESTABLISHED and tcp", nil, nil)
	if err != nil || f.String() != "state == ESTABLISHED and tcp" {
		t.Error(f, err)
	}
}
