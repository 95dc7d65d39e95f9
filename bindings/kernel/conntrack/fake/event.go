package fake

import (
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// events say what has happened to a flow (linux enum ip_conntrack_events).
type events uint16

const (
	evNew events = 1 << iota
	evRelated
	evDestroy
	evReply
	evAssured
	evProtoInfo
	evHelper
	evMark
	evSeqAdj
	evLabel
	evSynProxy

	// evChanged is what every request that writes a flow reports.
	evChanged = evProtoInfo | evSeqAdj | evMark | evSynProxy
)

// ear is an event socket.
type ear struct {
	queue
	kinds    map[conntrack.EventKind]bool
	reliable bool
	filter   conntrack.EventFilter
}

// defaultEventBuffer is the receive buffer of an event socket that asks for
// none, the client's choice.
const defaultEventBuffer = 8 << 20

// DialEvents implements conntrack.Transport. The socket filter is applied in
// full, as exactly as a program could.
func (k *Kernel) DialEvents(opt conntrack.EventOptions) (conntrack.EventSocket, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.closed:
		return nil, conntrack.ErrClosed
	case k.opt.Unprivileged:
		return nil, os.NewSyscallError("setsockopt", syscall.EPERM)
	}
	if opt.RcvBuf == 0 {
		opt.RcvBuf = defaultEventBuffer
	}
	if len(opt.Kinds) == 0 {
		opt.Kinds = []conntrack.EventKind{conntrack.EventNew, conntrack.EventUpdate, conntrack.EventDestroy}
	}
	e := &ear{queue: k.newQueue(opt.RcvBuf), kinds: map[conntrack.EventKind]bool{}, reliable: opt.Reliable, filter: opt.Filter}
	for _, kind := range opt.Kinds {
		e.kinds[kind] = true
	}
	k.ears = append(k.ears, e)
	return e, nil
}

// ReceiveMany implements conntrack.EventSocket.
func (e *ear) ReceiveMany(msgs []conntrack.Datagram, wait bool) (n int, err error) {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	for n < len(msgs) {
		b, err := e.take()
		switch {
		case err != nil && n > 0:
			e.overrun = e.overrun || !e.closed // reported by the next call
			return n, nil
		case err != nil:
			return 0, err
		case b != nil:
			copy(msgs[n].Buf, b)
			msgs[n].N, msgs[n].NSID = len(b), -1
			n++
			continue
		case n > 0 || !wait:
			e.k.redeliver()
			return n, nil
		}
		if err := e.wait(); err != nil {
			return 0, err
		}
	}
	e.k.redeliver()
	return n, nil
}

// LeaveReliable ends reliable mode: what waited for this listener only is free
// to go.
func (e *ear) LeaveReliable() error {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	e.reliable = false
	e.k.redeliver()
	return nil
}

// Drops implements conntrack.EventSocket.
func (e *ear) Drops() (uint32, error) {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	return e.drops, nil
}

// Info implements conntrack.EventSocket.
func (e *ear) Info() conntrack.EventSocketInfo {
	return conntrack.EventSocketInfo{RcvBuf: e.limit, PortID: e.portID, BPF: e.filter != (conntrack.EventFilter{})}
}

// SetDeadline implements conntrack.EventSocket.
func (e *ear) SetDeadline(t time.Time) error {
	e.setDeadline(t)
	return nil
}

// Close implements conntrack.EventSocket. What waited for this listener only
// is free to go.
func (e *ear) Close() error {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	e.shut()
	e.k.ears = slices.DeleteFunc(e.k.ears, func(o *ear) bool { return o == e })
	e.k.redeliver()
	return nil
}

// emit reports what happened to a flow. It is false where a reliable listener,
// or who asked for an echo, had no room; then a destroy must be tried again, and other news come with
// the next event of the flow.
func (k *Kernel) emit(f *flow, what events, by origin) bool {
	if !f.ext.events {
		return true
	}
	what |= f.missed
	kind, typ, flags := conntrack.EventUpdate, uint16(wire.MsgNew), uint16(0)
	switch {
	case what&evDestroy != 0:
		kind, typ = conntrack.EventDestroy, wire.MsgDelete
	case what&(evNew|evRelated) != 0:
		kind, flags = conntrack.EventNew, flagCreate|flagExcl
	}
	m := newMessage(nil, uint16(wire.SubsysConntrack)<<8|typ, flags, 0, by.portID, f.e.Orig.Family, 0)
	k.eventBody(m, f, what)
	b := m.finish(0)
	ok := k.broadcast(kind, b, by, func(e *ear) bool { return passes(&e.filter, f) })
	if ok {
		f.missed = 0
	} else {
		f.missed = what
	}
	return ok
}

// eventBody appends what an event of this sort tells (linux
// ctnetlink_conntrack_event).
func (k *Kernel) eventBody(m *message, f *flow, what events) {
	m.tuples(f)
	m.u32(wire.AttrID, f.id)
	m.u32(wire.AttrStatus, uint32(f.e.Status))
	left := f.left(k.now)
	if what&evDestroy != 0 {
		if left != 0 {
			m.u32(wire.AttrTimeout, left)
		}
		m.counters(f)
		m.times(f)
		m.protoInfo(f, true)
	} else {
		if f.e.Status&wire.StatusOffload == 0 {
			m.u32(wire.AttrTimeout, left)
		}
		m.help(f)
		for _, part := range []struct {
			on    events
			write func(*flow)
		}{{evProtoInfo, func(f *flow) { m.protoInfo(f, false) }}, {evLabel, m.labels}, {evRelated, m.master},
			{evSeqAdj, m.seqAdj}, {evSynProxy, m.synProxy}} {
			if what&part.on != 0 {
				part.write(f)
			}
		}
	}
	if f.e.Mark != 0 || what&evMark != 0 {
		m.u32(wire.AttrMark, f.e.Mark)
	}
	if f.ext.times {
		m.u64(wire.AttrEventTime, uint64(k.now.UnixNano()))
	}
}

// broadcast sends an event to all who listen but the one that caused it and
// asked for an echo, who gets a copy of its own. It is false where that one or
// a reliable listener had no room.
func (k *Kernel) broadcast(kind conntrack.EventKind, b []byte, by origin, pass func(*ear) bool) bool {
	delivered := true
	for _, e := range k.ears {
		switch {
		case !e.kinds[kind], !pass(e):
			continue
		case k.faults.lose():
			e.overflow()
		case e.put(b, max(eventCost, len(b)+768)):
			continue
		}
		if e.reliable {
			delivered = false
		}
	}
	if by.echo != nil && !by.echo.store(b, eventCost) {
		delivered = false
	}
	return delivered
}

// passes is what a socket program decides.
func passes(want *conntrack.EventFilter, f *flow) bool {
	t := &f.e.Orig
	switch {
	case want.Family != 0 && want.Family != t.Family,
		want.Proto != nil && *want.Proto != t.Proto,
		want.SrcPort != nil && *want.SrcPort != t.SrcPort,
		want.DstPort != nil && *want.DstPort != t.DstPort,
		want.Zone != nil && *want.Zone != f.zone.id,
		want.Mark != nil && f.e.Mark&want.Mark.Mask != want.Mark.Value,
		want.Status != nil && f.e.Status&want.Status.Mask != want.Status.Value:
		return false
	}
	return within(want.Src, t.Src) && within(want.Dst, t.Dst)
}

func within(p *conntrack.Prefix, a wire.Addr) bool {
	if p == nil {
		return true
	}
	if p.Addr.Is4() != a.Is4() {
		return false
	}
	prefix, err := p.Addr.Netip().Prefix(p.Bits)
	return err == nil && prefix.Contains(a.Netip())
}
