package ct

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// randomTable are the flows that random scripts meet: of several protocols and
// families, marked, labelled, translated, in zones, with a helper and a child.
func randomTable() (list []*wire.Create) {
	add := func(proto uint8, src string, dport uint16, timeout uint32, change ...func(*wire.Create)) *wire.Create {
		c := &wire.Create{}
		e := &c.Entry
		e.Orig = wire.Tuple{Family: wire.FamilyIPv4, Proto: proto, Src: address(src), Dst: address("192.0.2.53"), SrcPort: 4000, DstPort: dport}
		if !e.Orig.Src.Is4() {
			e.Orig.Family, e.Orig.Dst = wire.FamilyIPv6, address("2001:db8::53")
		}
		e.Timeout, e.Present = timeout, wire.HasTimeout
		for _, fn := range change {
			fn(c)
		}
		list = append(list, c)
		return c
	}
	marked := func(n uint32) func(*wire.Create) {
		return func(c *wire.Create) { c.Entry.Mark, c.Entry.Present = n, c.Entry.Present|wire.HasMark }
	}
	status := func(s wire.Status) func(*wire.Create) {
		return func(c *wire.Create) { c.Entry.Status, c.Entry.Present = s, c.Entry.Present|wire.HasStatus }
	}
	state := func(n uint8) func(*wire.Create) {
		return func(c *wire.Create) { c.Entry.State, c.Entry.Present = n, c.Entry.Present|wire.HasState }
	}
	const both = wire.StatusSeenReply | wire.StatusAssured
	for i := range 6 {
		add(wire.ProtoUDP, fmt.Sprintf("10.77.0.%d", i+1), 53, 700, marked(uint32(i%4)))
	}
	for i := range 3 {
		add(wire.ProtoUDP, fmt.Sprintf("10.77.0.%d", i+1), 53, 7200, func(c *wire.Create) { c.Entry.Orig.Zone = 7 })
		add(wire.ProtoTCP, fmt.Sprintf("10.77.1.%d", i+1), 443, 432000, state(3), status(both), marked(uint32(i)))
		add(wire.ProtoTCP, fmt.Sprintf("10.77.2.%d", i+1), 22, 900, state(7), status(wire.StatusSeenReply))
		add(wire.ProtoUDP, fmt.Sprintf("fd00:77::%d", i+1), 53, 700, marked(uint32(i)))
		add(wire.ProtoUDP, fmt.Sprintf("10.77.3.%d", i+1), 5353, 8000, func(c *wire.Create) {
			c.Entry.Labels, c.Entry.Present = wire.Labels{}.Set(7), c.Entry.Present|wire.HasLabels
		})
	}
	add(wire.ProtoTCP, "fd00:77::9", 443, 432000, state(3), status(both))
	add(wire.ProtoSCTP, "10.77.4.1", 80, 700)
	add(wire.ProtoUDP, "10.77.5.1", 53, 9000, status(wire.StatusFixedTimeout))
	add(wire.ProtoTCP, "10.77.6.1", 80, 432000, state(3), status(both), func(c *wire.Create) {
		c.SrcNAT = &wire.NAT{Min: address("203.0.113.1"), Max: address("203.0.113.1"), MinPort: 6000, MaxPort: 6000}
	})
	add(wire.ProtoICMP, "10.77.7.1", 0, 700).Entry.Orig.SetICMP(8, 0, 77)
	ftp := add(wire.ProtoTCP, "10.77.8.1", 21, 432000, state(3), status(both), func(c *wire.Create) {
		c.Entry.Helper, c.Entry.Present = "ftp", c.Entry.Present|wire.HasHelper
	})
	add(wire.ProtoTCP, "10.77.8.1", 2020, 700, state(3), func(c *wire.Create) {
		c.Entry.Master, c.Entry.Present = ftp.Entry.Orig, c.Entry.Present|wire.HasMaster
	})
	return list
}

func address(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }

// seen is all that a script could change.
type seen struct {
	flows    map[wire.Tuple]wire.Entry
	expects  map[string]bool
	policies string
	sysctls  map[string]int64
}

// watched are the sysctls that random scripts set, and some more.
var watchedKeys = []string{"nf_conntrack_udp_timeout", "nf_conntrack_acct", "nf_conntrack_timestamp", "nf_conntrack_events", "nf_conntrack_tcp_timeout_close", "nf_conntrack_tcp_loose"}

// look reads all that there is.
func look(t testing.TB, k conntrack.Kernel, sys *sysctl.Table) *seen {
	t.Helper()
	ctx := context.Background()
	s := &seen{flows: map[wire.Tuple]wire.Entry{}, expects: map[string]bool{}, sysctls: map[string]int64{}}
	_, err := k.Dump(ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		var e wire.Entry
		v.Entry(&e)
		s.flows[e.Orig] = e
		return nil
	})
	if err == nil {
		err = k.Expects(ctx, wire.ExpectDump{}, func(e *wire.Expect) error {
			s.expects[e.Tuple.String()+" of "+e.Master.String()] = true
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	list, err := k.Timeouts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].Use = 0
	}
	s.policies = fmt.Sprint(list)
	for _, key := range watchedKeys {
		if s.sysctls[key], err = sys.Get(key); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// slack is by how many seconds a timeout may go down by itself in a script.
const slack = 20

// changed tells whether a flow is another, or otherwise, than it was.
func changed(a, b *wire.Entry) bool {
	return a.Mark != b.Mark || a.Labels != b.Labels || a.Status != b.Status || a.Helper != b.Helper || a.State != b.State || a.Start != b.Start ||
		a.Counter != b.Counter || b.Timeout > a.Timeout || b.Timeout+slack < a.Timeout || a.Reply != b.Reply
}

// difference are the flows of which something became between two looks: those
// that went or are otherwise, and those that came.
func difference(before, after *seen) (touched, made map[wire.Tuple]bool) {
	touched, made = map[wire.Tuple]bool{}, map[wire.Tuple]bool{}
	for tup, e := range before.flows {
		if now, there := after.flows[tup]; !there || changed(&e, &now) {
			touched[tup] = true
		}
	}
	for tup := range after.flows {
		if _, there := before.flows[tup]; !there {
			made[tup] = true
		}
	}
	return touched, made
}
