package world

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// odd are timeouts of which no two are the same, so that a wrong choice shows.
func odd() *sysctl.Timeouts {
	const s = time.Second
	return &sysctl.Timeouts{
		Generic: 600 * s, ICMP: 31 * s, ICMPv6: 32 * s, UDP: 33 * s, UDPStream: 121 * s, GRE: 34 * s, GREStream: 181 * s,
		TCP:           [10]time.Duration{0, 119 * s, 60 * s, 432000 * s, 118 * s, 61 * s, 35 * s, 117 * s, 10 * s, 0},
		TCPMaxRetrans: 300 * s, TCPUnacknowledged: 290 * s,
		SCTP: [9]time.Duration{0, 11 * s, 3 * s, 4 * s, 210 * s, 5 * s, 6 * s, 7 * s, 36 * s},
	}
}

// flow makes a flow of a protocol with the usual details sent.
func flow(proto uint8, state uint8, status wire.Status, left uint32) *wire.Flow {
	f := &wire.Flow{
		Orig: wire.Tuple{Family: wire.FamilyIPv4, Proto: proto}, State: state, Status: status | wire.StatusConfirmed, Timeout: left,
		Present: wire.HasStatus | wire.HasTimeout,
	}
	if wire.States(proto) != nil {
		f.Present |= wire.HasState
	}
	if proto == wire.ProtoTCP {
		f.SetTCP(wire.TCPInfo{})
	}
	return f
}

func state(t *testing.T, proto uint8, name string) uint8 {
	t.Helper()
	n, ok := wire.ParseState(proto, name)
	if !ok {
		t.Fatalf("no state %s", name)
	}
	return n
}

const (
	replied = wire.StatusSeenReply
	assured = wire.StatusSeenReply | wire.StatusAssured
)

func TestFullByProtocol(t *testing.T) {
	s := newSettings(odd(), nil, 122)
	const none = 0
	for _, c := range []struct {
		name   string
		proto  uint8
		state  string
		status wire.Status
		want   uint32
	}{
		{"icmp", wire.ProtoICMP, "", 0, 31}, {"icmp", wire.ProtoICMP, "", replied, 31}, {"icmpv6", wire.ProtoICMPv6, "", 0, 32},
		{"udp", wire.ProtoUDP, "", 0, 33}, {"udp in its first two seconds", wire.ProtoUDP, "", replied, 33}, {"udp stream", wire.ProtoUDP, "", assured, 121},
		{"udp assured by hand", wire.ProtoUDP, "", wire.StatusAssured, 33},
		{"udplite", wire.ProtoUDPLite, "", replied, 33}, {"udplite stream", wire.ProtoUDPLite, "", assured, 121},
		{"gre", wire.ProtoGRE, "", 0, 34}, {"gre with its first reply", wire.ProtoGRE, "", replied, 34}, {"gre stream", wire.ProtoGRE, "", assured, 181},
		{"sctp", wire.ProtoSCTP, "CLOSED", 0, 11}, {"sctp", wire.ProtoSCTP, "ESTABLISHED", assured, 210}, {"sctp", wire.ProtoSCTP, "HEARTBEAT_SENT", replied, 36},
		{"sctp before a packet", wire.ProtoSCTP, "NONE", 0, none},
		{"dccp", wire.ProtoDCCP, "OPEN", assured, none},
		{"esp", 50, "", replied, 600}, {"igmp", 2, "", 0, 600},
		{"tcp", wire.ProtoTCP, "SYN_SENT", 0, 119}, {"tcp", wire.ProtoTCP, "SYN_RECV", replied, 60}, {"tcp", wire.ProtoTCP, "FIN_WAIT", assured, 118},
		{"tcp", wire.ProtoTCP, "CLOSE_WAIT", assured, 61}, {"tcp", wire.ProtoTCP, "LAST_ACK", assured, 35}, {"tcp", wire.ProtoTCP, "TIME_WAIT", assured, 117},
		{"tcp", wire.ProtoTCP, "CLOSE", replied, 10}, {"tcp", wire.ProtoTCP, "SYN_SENT2", replied, 122},
		{"tcp before a packet", wire.ProtoTCP, "NONE", 0, none},
		{"picked up", wire.ProtoTCP, "ESTABLISHED", 0, 290}, {"picked up with its first reply", wire.ProtoTCP, "ESTABLISHED", replied, 290},
		{"picked up, assured by hand", wire.ProtoTCP, "ESTABLISHED", wire.StatusAssured, 290},
	} {
		f := flow(c.proto, 0, c.status, 1)
		if c.state != "" {
			f.State = state(t, c.proto, c.state)
		}
		if got, ok := s.full(f); got != c.want || ok != (c.want != none) {
			t.Errorf("%s, %s, %s: %d %v, want %d", c.name, c.state, f.Status, got, ok, c.want)
		}
	}
}

func TestFullByStatus(t *testing.T) {
	s := newSettings(odd(), nil, synSent2)
	unknown := map[string]bool{"FIXED_TIMEOUT": true, "OFFLOAD": true, "HW_OFFLOAD": true, "DYING": true, "NAT_CLASH": true,
		"HELPER": true, "EXPECTED": true, "TEMPLATE": true}
	for _, name := range wire.StatusNames() {
		bit, _ := wire.ParseStatus(name)
		for _, proto := range []uint8{wire.ProtoUDP, wire.ProtoTCP, wire.ProtoGRE, 50} {
			if _, ok := s.full(flow(proto, 1, assured|bit, 1)); ok == unknown[name] {
				t.Errorf("%s with %s: known %v", wire.ProtoName(proto), name, ok)
			}
		}
	}
	f := flow(wire.ProtoUDP, 0, 0, 1)
	f.Present &^= wire.HasStatus
	if _, ok := s.full(f); ok {
		t.Error("known without a status")
	}
}

// Established connections: what is left decides whether it can be told.
func TestFullEstablished(t *testing.T) {
	s := newSettings(odd(), nil, synSent2)
	for _, c := range []struct {
		name     string
		from, to wire.TCPFlags
		left     uint32
		want     uint32 // 0 for unknown
	}{
		{"quiet", 0, 0, 431990, 432000},
		{"quiet, other flags", wire.TCPWindowScale | wire.TCPSACKPerm, wire.TCPMaxAck, 301, 432000},
		{"as much left as after retransmissions", 0, 0, 300, 0}, {"less", 0, 0, 20, 0}, {"nothing", 0, 0, 0, 0},
		{"unacknowledged, or retransmitted", wire.TCPUnacked, 0, 289, 0}, {"surely retransmitted", 0, wire.TCPUnacked, 291, 300},
		{"more left than any gives", wire.TCPUnacked, 0, 301, 290},
	} {
		f := flow(wire.ProtoTCP, tcpEstablished, assured, c.left)
		f.SetTCP(wire.TCPInfo{Flags: [2]wire.TCPFlags{c.from, c.to}})
		if got, ok := s.full(f); got != c.want || ok != (c.want != 0) {
			t.Errorf("%s: %d %v, want %d", c.name, got, ok, c.want)
		}
	}

	// The two timeouts are the same by default, and then it does not matter.
	same := odd()
	same.TCPMaxRetrans = same.TCPUnacknowledged
	s = newSettings(same, nil, synSent2)
	f := flow(wire.ProtoTCP, tcpEstablished, assured, 280)
	f.SetTCP(wire.TCPInfo{Flags: [2]wire.TCPFlags{0, wire.TCPUnacked}})
	if got, ok := s.full(f); got != 290 || !ok {
		t.Errorf("with the defaults: %d %v, want 290", got, ok)
	}
	// But for a RST beside the sequence, which leaves the state as it is.
	if f.Timeout = 10; known(s, f) {
		t.Error("known with no more left than a RST leaves")
	}
}

func known(s *settings, f *wire.Flow) bool { _, ok := s.full(f); return ok }

func TestFullWithoutDetails(t *testing.T) {
	s := newSettings(odd(), nil, synSent2)
	established := flow(wire.ProtoTCP, tcpEstablished, assured, 431000)
	established.Present &^= wire.HasTCP
	if known(s, established) {
		t.Error("ESTABLISHED is known without the flags")
	}
	finWait := flow(wire.ProtoTCP, 4, assured, 100)
	finWait.Present &^= wire.HasTCP
	if !known(s, finWait) {
		t.Error("FIN_WAIT, to which the flags do not matter, is unknown without them")
	}
	for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoSCTP} {
		f := flow(proto, 4, assured, 100)
		f.Present &^= wire.HasState // what State holds is that of another flow
		if known(s, f) {
			t.Errorf("%s is known without a state", wire.ProtoName(proto))
		}
	}
	f := flow(wire.ProtoTCP, 4, assured, 100)
	f.Present &^= wire.HasTimeout
	if known(s, f) {
		t.Error("TCP is known without what is left")
	}
	for _, number := range []uint8{10, 255} {
		if known(s, flow(wire.ProtoTCP, number, assured, 1)) || known(s, flow(wire.ProtoSCTP, number, assured, 1)) {
			t.Errorf("state %d is known", number)
		}
	}
	if empty := newSettings(&sysctl.Timeouts{}, nil, 0); known(empty, finWait) || known(empty, flow(wire.ProtoUDP, 0, 0, 1)) {
		t.Error("known without sysctls")
	}
}

func TestFullUnderPolicies(t *testing.T) {
	policy := func(family, proto uint8) wire.Timeout { return wire.Timeout{Name: "p", Family: family, Proto: proto} }
	for _, c := range []struct {
		name   string
		policy wire.Timeout
		barred func(family, proto uint8) bool
	}{
		{"tcp of IPv4", policy(wire.FamilyIPv4, wire.ProtoTCP), func(f, p uint8) bool { return f == wire.FamilyIPv4 && p == wire.ProtoTCP }},
		{"udp of IPv6", policy(wire.FamilyIPv6, wire.ProtoUDP), func(f, p uint8) bool { return f == wire.FamilyIPv6 && p == wire.ProtoUDP }},
		{"generic of IPv4", policy(wire.FamilyIPv4, anyProto), func(f, p uint8) bool { return f == wire.FamilyIPv4 && (p == 50 || p == 2) }},
		{"icmp of no family", policy(0, wire.ProtoICMP), func(_, p uint8) bool { return p == wire.ProtoICMP }},
	} {
		s := newSettings(odd(), []wire.Timeout{c.policy}, synSent2)
		for _, family := range []uint8{wire.FamilyIPv4, wire.FamilyIPv6} {
			for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoICMP, wire.ProtoGRE, wire.ProtoSCTP, 50, 2} {
				f := flow(proto, 1, replied, 1)
				f.Orig.Family = family
				if got := known(s, f); got == c.barred(family, proto) {
					t.Errorf("%s: family %d protocol %d known: %v", c.name, family, proto, got)
				}
			}
		}
	}
}

// What the kernel knows of a TCP connection and a dump does not tell.
type hiddenTCP struct {
	retransmitted, zeroWindow, rst, invalid bool
}

// kernelTCP chooses the timeout as nf_conntrack_tcp_packet does, line by line.
// The RST is one that has not changed the state.
func kernelTCP(s *sysctl.Timeouts, second uint32, f *wire.Flow, h hiddenTCP) uint32 {
	timeouts := s.TCP
	timeouts[9] = time.Duration(second) * time.Second
	flags := f.TCP().Flags
	byState := timeouts[f.State]
	var timeout time.Duration
	switch {
	case h.retransmitted && byState > s.TCPMaxRetrans:
		timeout = s.TCPMaxRetrans
	case h.rst:
		timeout = timeouts[8]
	case (flags[0]|flags[1])&0x10 != 0 && byState > s.TCPUnacknowledged:
		timeout = s.TCPUnacknowledged
	case h.zeroWindow && byState > s.TCPMaxRetrans:
		timeout = s.TCPMaxRetrans
	default:
		timeout = byState
	}
	// SEEN_REPLY is as it was before the packet: the packet that finds it set
	// sets ASSURED.
	if f.Status&wire.StatusAssured == 0 && f.State == 3 && timeout > s.TCPUnacknowledged {
		timeout = s.TCPUnacknowledged
	}
	if h.invalid && timeout > s.TCPUnacknowledged {
		timeout = s.TCPUnacknowledged
	}
	return uint32(timeout / time.Second)
}

// A timeout that is told is the only one that can have left what is left, and
// one that is not told is really in doubt.
func TestFullTCPAgainstKernel(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	some := func() time.Duration { return time.Duration(1+r.IntN(12)) * time.Second }
	told := 0
	for range 200_000 {
		sys := &sysctl.Timeouts{TCPMaxRetrans: some(), TCPUnacknowledged: some()}
		for i := 1; i < 9; i++ {
			sys.TCP[i] = some()
		}
		second := uint32(1 + r.IntN(12))
		f := flow(wire.ProtoTCP, uint8(1+r.IntN(9)), [...]wire.Status{0, replied, assured}[r.IntN(3)], uint32(r.IntN(13)))
		f.SetTCP(wire.TCPInfo{Flags: [2]wire.TCPFlags{wire.TCPFlags(r.Uint32()), wire.TCPFlags(r.Uint32()) &^ wire.TCPUnacked}})

		can := map[uint32]bool{}
		for bits := range 16 {
			h := hiddenTCP{bits&1 != 0, bits&2 != 0, bits&4 != 0, bits&8 != 0}
			if h.rst && (f.State != tcpEstablished || f.Status&wire.StatusAssured == 0) || h.invalid && f.Status&wire.StatusAssured == 0 {
				continue // the kernel does neither
			}
			if sec := kernelTCP(sys, second, f, h); sec >= f.Timeout {
				can[sec] = true
			}
		}
		got, ok := newSettings(sys, nil, second).full(f)
		switch {
		case len(can) == 1 && (!ok || !can[got]), len(can) > 1 && ok, len(can) == 0 && (!ok || got >= f.Timeout):
			t.Fatalf("state %d, %s, flags %v, %d left, %+v: %d %v, possible %v", f.State, f.Status, f.TCP().Flags, f.Timeout, sys, got, ok, can)
		}
		if ok {
			told++
		}
	}
	if told < 50_000 {
		t.Errorf("only %d timeouts told", told)
	}
}

func TestFullAllocatesNothing(t *testing.T) {
	s := newSettings(odd(), nil, synSent2)
	flows := manyFlows()
	if n := testing.AllocsPerRun(100, func() {
		for _, f := range flows {
			s.full(f)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func manyFlows() []*wire.Flow {
	r := rand.New(rand.NewPCG(1, 2))
	flows := make([]*wire.Flow, 256)
	for i := range flows {
		flows[i] = &filtertest.Flow(r).Flow
	}
	return flows
}
