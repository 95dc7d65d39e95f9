package archive

import (
	"encoding/binary"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/label"
)

// rest reads what is neither tuple nor zone.
func (p *parser) rest(e *wire.Entry) {
	p.status(e)
	if _, ok := p.value(optTimeout); ok {
		e.Timeout, e.Present = uint32(p.number(optTimeout, 32, 0)), e.Present|wire.HasTimeout
	} else if e.Status&(wire.StatusOffload|wire.StatusHWOffload) == 0 && p.reason == "" {
		p.reason = "-t is missing"
	}
	if _, ok := p.value(optMark); ok {
		e.Mark, e.Present = uint32(p.number(optMark, 32, 0)), e.Present|wire.HasMark
	}
	p.state(e)
	p.labels(e)
}

// said are the bits that a line may name. EXPECTED comes of a master, which no line
// has; translation shows in the tuples.
const said = wire.StatusSeenReply | wire.StatusAssured | wire.StatusConfirmed | wire.StatusFixedTimeout |
	wire.StatusHelper | wire.StatusExpected | wire.StatusOffload | wire.StatusHWOffload

func (p *parser) status(e *wire.Entry) {
	e.Status |= wire.StatusConfirmed
	e.Present |= wire.HasStatus
	text, ok := p.value(optStatus)
	if !ok {
		return
	}
	for word := range strings.SplitSeq(text, ",") {
		bit, known := wire.ParseStatus(word)
		switch {
		case known && bit&said != 0:
			e.Status |= bit
		case !strings.EqualFold(word, "UNSET"):
			p.bad(optStatus, "a list of SEEN_REPLY, ASSURED, FIXED_TIMEOUT and the like, or UNSET")
		}
	}
}

// state reads the state of a connection. What the command does not know it calls
// (null): of SCTP that is the last state.
func (p *parser) state(e *wire.Entry) {
	if text, ok := p.value(optState); ok {
		state, known := wire.ParseState(e.Orig.Proto, text)
		last := len(wire.States(e.Orig.Proto)) - 1
		switch {
		case known:
		case e.Orig.Proto == wire.ProtoSCTP && text == "(null)", e.Orig.Proto == wire.ProtoTCP && strings.EqualFold(text, "LISTEN"):
			state = uint8(last)
		default:
			p.bad(optState, "a state of "+wire.ProtoName(e.Orig.Proto))
		}
		e.State, e.Present = state, e.Present|wire.HasState
	}
	if e.Orig.Proto == wire.ProtoTCP {
		e.SetTCP(wire.TCPInfo{Flags: [2]wire.TCPFlags{unseen(e.State), unseen(e.State)}})
	}
	if e.Orig.Proto == wire.ProtoSCTP {
		e.SetVTags([2]uint32{swapped(p.number(optOrigTag, 32, 0)), swapped(p.number(optReplyTag, 32, 0))})
	}
}

// unseen are the flags of a connection of which the text says nothing else: the
// command gives them to each that it makes, so that the window check, which knows
// nothing of the connection either, lets its packets pass.
func unseen(state uint8) wire.TCPFlags {
	const timeWait = 7
	if state >= timeWait {
		return wire.TCPBeLiberal | wire.TCPSACKPerm | wire.TCPCloseInit
	}
	return wire.TCPBeLiberal | wire.TCPSACKPerm
}

// swapped is a verification tag as the network has it. The command takes its bytes
// for a number of the host.
func swapped(n uint64) uint32 {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], uint32(n))
	return binary.BigEndian.Uint32(b[:])
}

func (p *parser) labels(e *wire.Entry) {
	text, ok := p.value(optLabel)
	if !ok {
		return
	}
	for name := range strings.SplitSeq(text, ",") {
		bit, err := label.System().Bit(name)
		if err != nil {
			if p.reason == "" {
				p.reason = wordOf[optLabel] + ": " + err.Error()
			}
			return
		}
		e.Labels = e.Labels.Set(bit)
	}
	e.Present |= wire.HasLabels
}
