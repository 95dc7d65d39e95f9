package restoretest

import (
	"fmt"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Mixed is a table of 179 flows: 166 of IPv4 and 13 of IPv6; 143 TCP (124
// SYN_SENT, 10 ESTABLISHED, 4 TIME_WAIT, 3 CLOSE_WAIT, 2 FIN_WAIT), 35 UDP and one
// ICMP; 20 translated, 5 marked, 3 in zones.
func Mixed() []*wire.Create {
	m := mixed{}
	m.connections()
	m.translated()
	m.halves()
	m.marked()
	return m.list
}

type mixed struct{ list []*wire.Create }

func (m *mixed) add(proto uint8, src, dst string, sport, dport uint16) *wire.Create {
	c := New(Tuple(proto, src, dst, sport, dport))
	m.list = append(m.list, c)
	return c
}

func (m *mixed) tcp(state, src, dst string, sport, dport uint16) *wire.Create {
	c := m.add(wire.ProtoTCP, src, dst, sport, dport)
	c.Entry.State, _ = wire.ParseState(wire.ProtoTCP, state)
	c.Entry.Present |= wire.HasState
	return c
}

func (m *mixed) udp(src, dst string, sport, dport uint16) *wire.Create {
	return m.add(wire.ProtoUDP, src, dst, sport, dport)
}

// half takes the reply away.
func half(c *wire.Create) { c.Entry.Status = wire.StatusConfirmed }

func (m *mixed) connections() {
	const days = 432000
	m.tcp("ESTABLISHED", "198.51.100.7", "192.0.2.1", 50001, 22).Entry.Timeout = days
	m.tcp("ESTABLISHED", "198.51.100.7", "192.0.2.1", 50002, 80).Entry.Timeout = days
	m.tcp("ESTABLISHED", "198.51.100.8", "192.0.2.1", 50003, 443).Entry.Timeout = 1000
	m.tcp("ESTABLISHED", "2001:db8::7", "2001:db8::1", 50001, 22).Entry.Timeout = days
	m.tcp("ESTABLISHED", "2001:db8::7", "2001:db8::1", 50002, 443).Entry.Timeout = days
	m.tcp("ESTABLISHED", "10.0.0.5", "203.0.113.9", 40000, 22).Entry.Timeout = days
	for i, state := range []string{"TIME_WAIT", "CLOSE_WAIT", "FIN_WAIT"} {
		for host := 1; host <= 4-i; host++ {
			m.tcp(state, fmt.Sprintf("10.1.0.%d", host), "192.0.2.80", uint16(30000+1000*i+host), 80)
		}
	}
	for _, c := range []struct {
		host string
		zone uint16
	}{{"10.6.0.1", 4097}, {"10.6.0.1", 4098}, {"10.6.0.3", 4097}} {
		e := &m.tcp("ESTABLISHED", c.host, "10.6.0.2", 999, 22).Entry
		e.Orig.Zone, e.Reply.Zone, e.Timeout = c.zone, c.zone, 400
	}
}

func (m *mixed) translated() {
	m.tcp("ESTABLISHED", "10.0.0.5", "203.0.113.10", 40001, 443).SrcNAT = To("192.0.2.1", 61001)
	m.udp("10.0.0.6", "203.0.113.53", 5353, 53).SrcNAT = To("192.0.2.1", 61002)
	m.udp("10.0.0.7", "203.0.113.60", 5060, 5060).SrcNAT = To("192.0.2.99", 5060)
	for i := 1; i <= 5; i++ {
		to := "10.244.1.2"
		if i > 3 {
			to = "10.244.1.3"
		}
		m.udp(fmt.Sprintf("10.244.0.%d", i), "10.96.0.10", uint16(40000+i), 53).DstNAT = To(to, 5353)
	}
	m.udp("198.51.100.20", "192.0.2.1", 33333, 30053).DstNAT = To("10.244.1.2", 5353)
	for port := uint16(20000); port < 20010; port++ {
		m.udp("203.0.113.200", "192.0.2.1", port, port).DstNAT = To("192.0.2.1", 443)
		m.udp("2001:db8:2::1", "2001:db8::1", port, port)
	}
}

func (m *mixed) halves() {
	half(m.tcp("SYN_SENT", "21.73.193.93", "21.71.0.65", 1413, 443))
	half(m.tcp("SYN_SENT", "21.73.193.93", "21.71.0.65", 1414, 443))
	half(m.tcp("SYN_SENT", "10.3.0.1", "10.4.0.1", 1413, 443))
	c := m.tcp("SYN_SENT", "21.73.193.94", "21.71.0.65", 1413, 443)
	c.DstNAT = To("10.244.1.9", 8443)
	half(c)
	half(m.udp("10.0.0.8", "203.0.113.53", 1111, 53))
	half(m.udp("2001:db8::8", "2001:db8:53::1", 1111, 53))
	half(m.add(wire.ProtoICMP, "10.0.0.9", "203.0.113.1", 77, 8))
	for port := uint16(1); port <= 120; port++ { // a scanner
		half(m.tcp("SYN_SENT", "198.51.100.66", fmt.Sprintf("192.0.2.%d", 100+port%5), 20000+port, port))
	}
}

func (m *mixed) marked() {
	for i := range 5 {
		e := &m.udp(fmt.Sprintf("10.5.%d.%d", i/3, 1+i%3), "203.0.113.70", 7000, 7000).Entry
		e.Mark, e.Present = 0xc9+uint32(i/3), e.Present|wire.HasMark
	}
}
