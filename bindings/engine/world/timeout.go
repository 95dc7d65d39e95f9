package world

import (
	"math"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// settings are what decides which timeout a flow gets. They do not change once
// made.
type settings struct {
	sys *sysctl.Timeouts
	// policy tells whether a timeout policy of nfnetlink_cttimeout or a "ct
	// timeout" object of nftables may be in force for a flow: by family, IPv4
	// first, and protocol. Rules attach them to flows, and a dump does not tell
	// to which.
	policy [2][256]bool
	tcp    tcpTimeouts
}

// tcpTimeouts are those of TCP in seconds, 0 for one that is not known.
type tcpTimeouts struct {
	state                    [10]uint32 // by the kernel's number of the state
	retrans, unacked, closed uint32
}

// TCP states that the rules speak of, by the kernel's number.
const (
	tcpEstablished = 3
	tcpClose       = 8
	tcpSynSent2    = 9
)

// synSent2 is the timeout of TCP's SYN_SENT2 in seconds, compiled into the
// kernel (nf_conntrack_proto_tcp.c, tcp_timeouts). No sysctl changes it, only
// nfnetlink_cttimeout can, which tells it too.
const synSent2 = 120

// anyProto is the protocol of a policy for every protocol that the kernel
// tracks by its addresses only.
const anyProto = 255

// newSettings puts together what was read. policies are those of both kinds, of
// which only family and protocol count. second is the timeout of SYN_SENT2,
// 0 where it is not known.
func newSettings(sys *sysctl.Timeouts, policies []wire.Timeout, second uint32) *settings {
	s := &settings{sys: sys}
	for i, d := range sys.TCP {
		s.tcp.state[i] = seconds(d)
	}
	s.tcp.state[tcpSynSent2] = second
	s.tcp.retrans, s.tcp.unacked, s.tcp.closed = seconds(sys.TCPMaxRetrans), seconds(sys.TCPUnacknowledged), seconds(sys.TCP[tcpClose])
	for _, p := range policies {
		if p.Family != wire.FamilyIPv6 {
			s.bar(0, p.Proto)
		}
		if p.Family != wire.FamilyIPv4 {
			s.bar(1, p.Proto)
		}
	}
	return s
}

// bar notes a policy.
func (s *settings) bar(family int, proto uint8) {
	if proto != anyProto {
		s.policy[family][proto] = true
		return
	}
	for i := range s.policy[family] {
		// Those without a policy of their own are the ones of anyProto.
		if i == anyProto || wire.TimeoutStates(uint8(i)) == nil {
			s.policy[family][i] = true
		}
	}
}

func seconds(d time.Duration) uint32 { return uint32(min(max(d/time.Second, 0), math.MaxUint32)) }

// silent are the status bits of flows whose timeout does not follow from the
// settings:
//
//   - FIXED_TIMEOUT: packets do not move it;
//   - OFFLOAD and HW_OFFLOAD: the kernel holds it at a day
//     (nf_conntrack_core.h, nf_ct_offload_timeout) and packets pass it by;
//   - DYING: it has left the table and no packet finds it;
//   - NAT_CLASH: the loser of a race, which gets a second
//     (nf_conntrack_core.c, nf_ct_resolve_clash_harder);
//   - HELPER, and EXPECTED whose helper comes from the expectation: those of
//     SIP, H.323, Amanda and PPTP set timeouts of their own, as helpers in
//     user space may;
//   - TEMPLATE: it is no flow.
const silent = wire.StatusFixedTimeout | wire.StatusOffload | wire.StatusHWOffload | wire.StatusDying |
	wire.StatusNATClash | wire.StatusHelper | wire.StatusExpected | wire.StatusTemplate

// stream is the status of a flow of UDP, UDP-Lite or GRE that has had its
// stream timeout. The kernel gives that to the packets of a flow that was
// replied to, of UDP from two seconds after its birth on, and with the first
// of them sets ASSURED (nf_conntrack_proto_udp.c, nf_conntrack_proto_gre.c).
// SEEN_REPLY alone does not do: it is set behind the first reply, whose own
// timeout is still the plain one. ASSURED alone was set by hand.
const stream = wire.StatusSeenReply | wire.StatusAssured

// full is the timeout, in seconds, that the kernel gave f when the last packet
// of it passed, by the settings as they are now.
//
// Two kinds of packets move no timeout, and idle then counts from the one
// before: a repeated SYN or SCTP INIT without an answer, and packets that the
// kernel calls invalid. GRE takes over the two sysctls for life when a flow is
// born; a change of them since then cannot be seen.
func (s *settings) full(f *wire.Flow) (sec uint32, ok bool) {
	if !f.Has(wire.HasStatus) || f.Status&silent != 0 {
		return 0, false
	}
	family := 0
	if f.Orig.Family == wire.FamilyIPv6 {
		family = 1
	}
	if s.policy[family][f.Orig.Proto] {
		return 0, false
	}
	switch f.Orig.Proto {
	case wire.ProtoTCP:
		return s.tcp.full(f)
	case wire.ProtoSCTP:
		if !f.Has(wire.HasState) {
			return 0, false
		}
	}
	d, ok := s.sys.Of(f.Orig.Proto, f.State, f.Status&stream == stream)
	return seconds(d), ok
}

// full is that of a TCP flow (nf_conntrack_proto_tcp.c,
// nf_conntrack_tcp_packet). What counts beside the state and the flags is
// hidden from a dump: where it may have changed the outcome, so that more than
// one timeout could have left what is left, the answer is unknown.
func (t *tcpTimeouts) full(f *wire.Flow) (sec uint32, ok bool) {
	if !f.Has(wire.HasState|wire.HasTimeout) || int(f.State) >= len(t.state) {
		return 0, false
	}
	byState := t.state[f.State]
	if byState == 0 || t.retrans == 0 || t.unacked == 0 || t.closed == 0 {
		return 0, false
	}
	established, assured := f.State == tcpEstablished, f.Status&stream == stream
	// A connection that is picked up in the middle stays at the timeout of
	// unacknowledged data until a packet has passed after the first reply, and
	// that packet sets ASSURED.
	limit := uint32(math.MaxUint32)
	if established && !assured {
		limit = t.unacked
	}
	sec = min(byState, limit)
	if sec > t.unacked {
		if !f.Has(wire.HasTCP) {
			return 0, false
		}
		if flags := f.TCP().Flags; (flags[wire.Original]|flags[wire.Reply])&wire.TCPUnacked != 0 {
			sec = t.unacked
		}
	}
	hidden := [3]uint32{sec, sec, sec}
	if byState > t.retrans {
		hidden[0] = min(t.retrans, limit) // retransmitted too often, or the window is closed
	}
	if established && assured {
		hidden[1] = t.closed // a RST beside the sequence: the state is kept
	}
	if f.Status&wire.StatusAssured != 0 && max(sec, hidden[0], hidden[1]) > t.unacked {
		hidden[2] = t.unacked // an invalid FIN or RST was answered by another (nf_tcp_handle_invalid)
	}
	return settle(f.Timeout, sec, hidden)
}

// settle returns the one timeout of all that can have left what is left. Where
// none can, the timeout was set by hand since: then it is the first.
func settle(left, sec uint32, others [3]uint32) (uint32, bool) {
	found := uint32(0)
	if sec >= left {
		found = sec
	}
	for _, other := range others {
		switch {
		case other < left || other == found:
		case found != 0:
			return 0, false
		default:
			found = other
		}
	}
	if found == 0 {
		found = sec
	}
	return found, true
}
