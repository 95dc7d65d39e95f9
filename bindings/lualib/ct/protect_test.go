package ct

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/session"
)

// tupleOf is a tuple of TCP from one end to another.
func tupleOf(from, to netip.AddrPort) wire.Tuple {
	t := wire.Tuple{Src: wire.AddrFrom(from.Addr()), Dst: wire.AddrFrom(to.Addr()), SrcPort: from.Port(), DstPort: to.Port(),
		Family: wire.FamilyIPv4, Proto: wire.ProtoTCP}
	if from.Addr().Is6() {
		t.Family = wire.FamilyIPv6
	}
	return t
}

// TestSessionFilters compiles the filters of as many connections as there may
// be, and matches each of them, and what is nearly one.
func TestSessionFilters(t *testing.T) {
	var all []session.Connection
	add := func(local, remote string) {
		all = append(all, session.Connection{Proto: session.TCP, Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote)})
	}
	for i := range 3 * endsPerFilter {
		add("[2001:db8:1111:2222:3333:4444:5555:6666]:65022", fmt.Sprintf("[2001:db8:1111:2222:3333:4444:5555:7777]:%d", 60000+i))
		add("192.0.2.1:22", fmt.Sprintf("198.51.100.7:%d", 50000+i))
	}
	add("192.0.2.1:22", "203.0.113.5:50000")
	add("192.0.2.1:2222", "203.0.113.6:40000")

	var list []filter.Filter
	for _, text := range sessionFilters(all) {
		f, err := filter.Compile(text, nil, env)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	if len(list) != 3+4+1 {
		t.Errorf("%d filters", len(list))
	}
	covered := func(orig, reply wire.Tuple) bool {
		var r field.Row
		r.ResetFlow(&wire.Flow{Orig: orig, Reply: reply, Present: wire.HasReply})
		for i := range list {
			if list[i].Match(&r) == filter.True {
				return true
			}
		}
		return false
	}
	elsewhere := [2]netip.AddrPort{netip.MustParseAddrPort("10.9.9.9:40001"), netip.MustParseAddrPort("10.9.9.8:40002")}
	for _, c := range all {
		other := elsewhere
		if c.Local.Addr().Is6() {
			other = [2]netip.AddrPort{netip.MustParseAddrPort("[fd00::1]:40001"), netip.MustParseAddrPort("[fd00::2]:40002")}
		}
		away := tupleOf(other[0], other[1]) // as a translation shows the other direction
		if !covered(away, tupleOf(c.Local, c.Remote)) || !covered(tupleOf(c.Local, c.Remote), away) {
			t.Fatalf("%+v is not covered", c)
		}
		next := netip.AddrPortFrom(c.Remote.Addr(), 1)
		if covered(tupleOf(next, c.Local), tupleOf(c.Local, next)) {
			t.Fatalf("%s to %s is covered", next, c.Local)
		}
		udp := tupleOf(c.Local, c.Remote)
		udp.Proto = wire.ProtoUDP
		if covered(udp, udp) {
			t.Fatalf("%s is covered", udp)
		}
	}
	// Ends of two connections do not make a third.
	for _, ends := range [][2]string{{"192.0.2.1:2222", "203.0.113.5:50000"}, {"192.0.2.1:22", "203.0.113.6:40000"}, {"192.0.2.2:22", "203.0.113.5:50000"}} {
		local, remote := netip.MustParseAddrPort(ends[0]), netip.MustParseAddrPort(ends[1])
		if covered(tupleOf(remote, local), tupleOf(local, remote)) {
			t.Errorf("%s to %s is covered", remote, local)
		}
	}
}

// BenchmarkSessionFilters is what a flow costs that is nobody's session, where
// there are as many of these as there may be.
func BenchmarkSessionFilters(b *testing.B) {
	var all []session.Connection
	for i := range 4096 {
		all = append(all, session.Connection{Proto: session.TCP, Local: netip.MustParseAddrPort("192.0.2.1:22"),
			Remote: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), uint16(1024+i))})
	}
	var list []filter.Filter
	for _, text := range sessionFilters(all) {
		f, err := filter.Compile(text, nil, env)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, f)
	}
	flow := tupleOf(netip.MustParseAddrPort("10.0.0.1:50000"), netip.MustParseAddrPort("192.0.2.1:443"))
	reply := tupleOf(netip.MustParseAddrPort("192.0.2.1:443"), netip.MustParseAddrPort("10.0.0.1:50000"))
	var r field.Row
	r.ResetFlow(&wire.Flow{Orig: flow, Reply: reply, Present: wire.HasReply})
	for b.Loop() {
		for i := range list {
			if list[i].Match(&r) != filter.False {
				b.Fatal("covered")
			}
		}
	}
}
