package address

import (
	"net/netip"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

func addr(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }

// check compares what s says with what it should.
func check(t *testing.T, s Set, want map[string]bool) {
	t.Helper()
	for text, local := range want {
		if s.Has(addr(text)) != local {
			t.Errorf("Has(%s) = %v", text, !local)
		}
	}
}

func TestZeroSet(t *testing.T) {
	check(t, Set{}, map[string]bool{
		"127.0.0.0": true, "127.0.0.1": true, "127.255.255.255": true, "::1": true, "::ffff:127.1.2.3": true,
		"126.255.255.255": false, "128.0.0.0": false, "0.0.0.0": false, "::": false, "::2": false, "10.0.0.1": false,
		"::127.0.0.1": false, "7f00::1": false,
	})
}

func BenchmarkHas(b *testing.B) {
	s := Set{addrs: map[wire.Addr]struct{}{}}
	for i := range 32 {
		s.addrs[wire.AddrFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))] = struct{}{}
	}
	ours, other := addr("10.0.0.7"), addr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		if !s.Has(ours) || s.Has(other) {
			b.Fatal("wrong answer")
		}
	}
}

func BenchmarkList(b *testing.B) {
	ns := netnstest.New(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := List(ns); err != nil {
			b.Fatal(err)
		}
	}
}
