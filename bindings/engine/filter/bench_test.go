package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// addresses are addresses as a parameter holds them, and one more that is in flow.
func addresses(n int, in wire.Addr) []any {
	r := rand.New(rand.NewPCG(1, 2))
	list := []any{in}
	for len(list) < n {
		list = append(list, wire.AddrFrom(netip.AddrFrom4([4]byte{172, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})))
	}
	return list
}

// matches are filters, what they answer of whole, and what they may take with
// a view that was reset.
var matches = []struct {
	name, text string
	params     Params
	want       Tri
}{
	{"three", "tcp and dport == 443 and src in 10.0.0.0/8", nil, True},
	{"first fails", "udp and dport == 443 and src in 10.0.0.0/8", nil, False},
	{"second fails", "tcp and dport == 22 and src in 10.0.0.0/8", nil, False},
	{"proto", "tcp", nil, True},
	{"protos", "proto in {tcp, udp}", nil, True},
	{"dport", "dport == 443", nil, True},
	{"ports", "dport in {22, 53, 80, 443}", nil, True},
	{"many ports", "dport in {22, 53, 80, 443, 1000..2000, 5000, 6000, 7000}", nil, True},
	{"host", "host == 203.0.113.9", nil, True},
	{"src", "src == 10.0.0.1", nil, True},
	{"one address", "src in $1", Params{"1": addresses(1, addrOf(netip.MustParseAddr("10.0.0.1")))}, True},
	{"10000 addresses", "src in $1", Params{"1": addresses(10_000, addrOf(netip.MustParseAddr("10.0.0.1")))}, True},
	{"status", "assured and not dnat", nil, True},
	{"mark", "mark == 0x2a/0xff", nil, True},
	{"timeout", "timeout > 4m", nil, True},
	{"state", "state == ESTABLISHED", nil, True},
	{"bytes", "bytes > 1kB", nil, True},
	{"rate", "bytes / packets > 100", nil, True},
	{"helper", "helper == ftp", nil, Unknown},
	{"net", "net(src, 24) == 10.0.0.0", nil, True},
}

// whole is the message of a TCP flow with all that a dump has.
func whole(tb testing.TB) *wire.View {
	e := flow()
	e.Present &^= wire.HasHelper
	v := &wire.View{}
	// The third is accounted for and gets packets; of nothing there is no flow.
	list := messages(tb, []*wire.Entry{{}, {}, e})
	if err := v.Reset(list[0]); err != nil || len(list) != 1 {
		tb.Fatal(err)
	}
	return v
}

func TestMatchAllocatesNothing(t *testing.T) {
	v := whole(t)
	for _, m := range matches {
		f, err := Compile(m.text, m.params, env)
		if err != nil {
			t.Fatal(err)
		}
		var r field.Row
		if n := testing.AllocsPerRun(100, func() {
			r.Reset(v)
			if got := f.Match(&r); got != m.want {
				t.Fatalf("%s: %d, want %d", m.text, got, m.want)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a flow", m.text, n)
		}
	}
}

// BenchmarkMatch matches one message again and again, and reads nothing else of
// it.
func BenchmarkMatch(b *testing.B) {
	v := whole(b)
	for _, m := range matches {
		f, err := Compile(m.text, m.params, env)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(m.name, func(b *testing.B) {
			b.ReportAllocs()
			var r field.Row
			for b.Loop() {
				r.Reset(v)
				f.Match(&r)
			}
		})
	}
	var r field.Row
	e := flow()
	r.ResetEntry(e)
	f, _ := Compile(matches[0].text, nil, env)
	b.Run("three kept", func(b *testing.B) {
		for b.Loop() {
			f.Match(&r)
		}
	})
}

// BenchmarkAddresses looks up the sources of many flows in sets of one, some
// and many, where one in ten is in the set.
func BenchmarkAddresses(b *testing.B) {
	rnd := rand.New(rand.NewPCG(3, 4))
	views := make([]wire.View, 1024)
	for i := range views {
		e := flow()
		e.Orig.Src = wire.AddrFrom(netip.AddrFrom4([4]byte{10, 0, byte(rnd.Uint32()), byte(rnd.Uint32())}))
		e.Reply.Dst = e.Orig.Src
		e.Present = wire.HasTimeout
		msg, err := (&wire.Create{Entry: *e}).Append(nil, 1, 0)
		if err == nil {
			err = views[i].Reset(msg)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, n := range []int{1, 3, 10, 100, 1000, 10_000} {
		list := addresses(n, addrOf(netip.MustParseAddr("10.0.0.1")))
		for i := 0; i < len(views) && i < n; i += 10 {
			var t wire.Tuple
			views[i].Tuple(wire.Original, &t)
			list[i] = t.Src
		}
		f, err := Compile("src in $1", Params{"1": list}, env)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var r field.Row
			i := 0
			for b.Loop() {
				r.Reset(&views[i&1023])
				f.Match(&r)
				i++
			}
		})
	}
}
