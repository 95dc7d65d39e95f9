package fake

import (
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Packet is one packet that passes. Bytes is its length with the IP header.
// Of a TCP packet the flags matter.
type Packet struct {
	Tuple              wire.Tuple // as the packet has it; Zone is the zone it is tracked in
	Bytes              int
	SYN, ACK, FIN, RST bool
}

// streamAge is when a UDP flow with traffic in both directions becomes a
// stream.
const streamAge = 2 * time.Second

// Packet passes a packet through connection tracking, where some rule asks
// for it. It tells whether the packet was tracked: one that is invalid (the
// answer to an unknown TCP connection) or does not fit the table is not.
func (k *Kernel) Packet(p Packet) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	z := defaultZone
	z.id = p.Tuple.Zone
	t := p.Tuple
	t.Zone = 0
	f, dir := k.table.find(z, t)
	if f != nil && f.expired(k.now) {
		k.remove(f, origin{})
		f = nil
	}
	var what events
	if f == nil {
		if f = k.firstPacket(z, t, &p); f == nil {
			return false
		}
		dir, what = wire.Original, evNew
		if f.master != nil {
			what = evRelated
		}
		if f.helper != nil {
			what |= evHelper
		}
	}
	if f.ext.acct {
		f.e.Counter[dir].Packets++
		f.e.Counter[dir].Bytes += uint64(p.Bytes)
	}
	if dir == wire.Reply && f.e.Status&wire.StatusSeenReply == 0 {
		f.e.Status |= wire.StatusSeenReply
		what |= evReply
	}
	what |= k.track(f, dir, &p)
	if what != 0 {
		k.emit(f, what, origin{})
	}
	return true
}

// firstPacket makes the flow of a packet that belongs to none, met by an
// expectation or not.
func (k *Kernel) firstPacket(z zone, t wire.Tuple, p *Packet) *flow {
	switch {
	case t.Proto == wire.ProtoTCP && (p.RST || p.SYN && p.ACK || !p.SYN && !k.sys.TCPLoose):
		k.stats.invalid++
		return nil
	case k.full():
		k.stats.drop++
		return nil
	}
	f := k.newborn(z, t, invert(t))
	f.e.Status = wire.StatusConfirmed
	if x := k.findExpect(z, &t); x != nil && x.flags&expInactive == 0 {
		f.master = x.master
		f.e.Status |= wire.StatusExpected
		f.e.Mark = x.master.e.Mark
		if x.flags&expPermanent == 0 {
			k.removeExpect(x, origin{})
		}
		k.stats.expNew++
	}
	k.insert(f)
	return f
}

// track moves the protocol's state and sets the timeout.
func (k *Kernel) track(f *flow, dir wire.Direction, p *Packet) (what events) {
	replied := f.e.Status&wire.StatusSeenReply != 0
	state := 0
	switch f.e.Orig.Proto {
	case wire.ProtoTCP:
		before := f.e.State
		if next := tcpNext(before, dir, p); next != before {
			f.e.State = next
			what |= evProtoInfo
		}
		if f.e.State == tcpEstablished && before == tcpSynRecv {
			what |= f.assure()
		}
		state = max(int(f.e.State), 1) - 1
	case wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoGRE:
		if replied && (f.e.Orig.Proto == wire.ProtoGRE || f.e.Status&wire.StatusAssured != 0 || k.now.Sub(f.born) >= streamAge) {
			state = 1
			what |= f.assure()
		}
	}
	if f.e.Status&wire.StatusFixedTimeout == 0 {
		f.expires = k.now.Add(k.sys.Timeouts.of(f.e.Orig.Proto, state))
	}
	return what
}

func (f *flow) assure() events {
	if f.e.Status&wire.StatusAssured != 0 {
		return 0
	}
	f.e.Status |= wire.StatusAssured
	return evAssured
}

// TCP states by number.
const (
	tcpNone        = 0
	tcpSynSent     = 1
	tcpSynRecv     = 2
	tcpEstablished = 3
	tcpFinWait     = 4
	tcpCloseWait   = 5
	tcpLastAck     = 6
	tcpTimeWait    = 7
	tcpClose       = 8
	tcpSynSent2    = 9
)

// tcpNext is the state after a packet, for connections that go as they
// should (linux nf_conntrack_proto_tcp.c has the full table).
func tcpNext(state uint8, dir wire.Direction, p *Packet) uint8 {
	switch {
	case p.RST:
		return tcpClose
	case p.SYN && p.ACK:
		if state == tcpSynSent || state == tcpSynSent2 {
			return tcpSynRecv
		}
	case p.SYN:
		switch {
		case state == tcpNone, state == tcpTimeWait, state == tcpClose:
			return tcpSynSent
		case state == tcpSynSent && dir == wire.Reply:
			return tcpSynSent2
		}
	case p.FIN:
		switch state {
		case tcpNone, tcpSynRecv, tcpEstablished:
			return tcpFinWait
		case tcpFinWait, tcpCloseWait:
			return tcpLastAck
		}
	case p.ACK:
		switch {
		case state == tcpNone, state == tcpSynRecv && dir == wire.Original:
			return tcpEstablished
		case state == tcpFinWait:
			return tcpCloseWait
		case state == tcpLastAck:
			return tcpTimeWait
		}
	}
	return state
}
