package field

import (
	"slices"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Part is a group of fields that are decoded together.
type Part uint16

// The parts.
const (
	PartOrig Part = 1 << iota
	PartReply
	PartStatus
	PartMark
	PartTimeout
	PartCounters
	PartTimes
	PartProto
	PartLabels
	PartIdentity // id and use
	PartExtra    // helper, master, security context and what only an Entry holds
	PartCells    // of a row that was computed

	PartNone Part = 0
	PartAll       = PartExtra<<1 - 1
	PartFlow      = PartAll &^ PartExtra // what a wire.Flow holds, but for the helper
)

// Row is one flow that is being looked at, or the cells of a row that was
// computed. It is used again for the next: who keeps the flow copies what
// [Row.Need] returns, and who keeps the row copies it after that.
type Row struct {
	entry wire.Entry
	view  *wire.View
	got   Part
	cells []Cell
	world *World
	rates *Rates
	about any
}

// In makes r show the flows of a world.
func (r *Row) In(w *World) { r.world = w }

// World is what the flow is seen against.
func (r *Row) World() *World { return r.world }

// ResetCells makes r show a row that was computed. It keeps the slice.
func (r *Row) ResetCells(cells []Cell) { r.cells = cells }

// Cells are those of a row that was computed.
func (r *Row) Cells() []Cell { return r.cells }

// SetRates notes how fast the flow moves data. It lasts until the next Reset.
func (r *Row) SetRates(x *Rates) { r.rates = x }

// Rates are what SetRates noted, nil for nothing.
func (r *Row) Rates() *Rates { return r.rates }

// SetAbout notes what a computed row was made of, for who can do more with
// that. It lasts until it is set again.
func (r *Row) SetAbout(x any) { r.about = x }

// About is what SetAbout noted, nil for nothing.
func (r *Row) About() any { return r.about }

// View is the message that the flow is read from, nil for one that was kept.
func (r *Row) View() *wire.View { return r.view }

// Reset makes r show the flow of a message.
func (r *Row) Reset(v *wire.View) {
	r.view, r.got, r.rates = v, 0, nil
	r.entry.Present = 0
}

// ResetEntry makes r show a flow that was kept.
func (r *Row) ResetEntry(e *wire.Entry) {
	r.entry, r.view, r.got, r.rates = *e, nil, PartAll, nil
}

// ResetFlow makes r show a flow that was kept, of which the parts of an Entry
// are not known.
func (r *Row) ResetFlow(f *wire.Flow) {
	r.entry.Flow, r.view, r.got, r.rates = *f, nil, PartAll, nil
	r.entry.Helper, r.entry.HelpInfo, r.entry.EventAt = f.Helper.String(), nil, 0
	r.entry.Present &^= wire.HasMaster | wire.HasSeqAdj | wire.HasSynProxy | wire.HasSecCtx | wire.HasEventTime
}

// Need returns the flow with the given parts decoded. The rest of it means
// nothing.
func (r *Row) Need(p Part) *wire.Entry {
	if missing := p &^ r.got; missing != 0 {
		r.decode(missing)
	}
	return &r.entry
}

func (r *Row) decode(p Part) {
	v, e := r.view, &r.entry
	if v == nil { // it shows no flow
		r.got = PartAll
		return
	}
	if p&PartExtra != 0 {
		v.Entry(e)
		r.got = PartAll
		return
	}
	r.got |= p
	var ok bool
	if p&PartOrig != 0 && !v.Tuple(wire.Original, &e.Orig) {
		e.Orig = wire.Tuple{}
	}
	if p&PartReply != 0 {
		if v.Tuple(wire.Reply, &e.Reply) {
			e.Present |= wire.HasReply
		} else {
			e.Reply = wire.Tuple{}
		}
	}
	if p&PartStatus != 0 {
		if e.Status, ok = v.Status(); ok {
			e.Present |= wire.HasStatus
		}
	}
	if p&PartMark != 0 {
		if e.Mark, ok = v.Mark(); ok {
			e.Present |= wire.HasMark
		}
	}
	if p&PartTimeout != 0 {
		if e.Timeout, ok = v.Timeout(); ok {
			e.Present |= wire.HasTimeout
		}
	}
	if p&PartCounters != 0 {
		for dir := wire.Original; dir <= wire.Reply; dir++ {
			if e.Counter[dir], ok = v.Counters(dir); ok {
				e.Present |= wire.HasCounters
			}
		}
	}
	if p&PartTimes != 0 {
		if e.Start, e.Stop, ok = v.Timestamp(); ok {
			e.Present |= wire.HasStart
			if e.Stop != 0 {
				e.Present |= wire.HasStop
			}
		}
	}
	if p&PartProto != 0 {
		v.ProtoInfo(&e.Flow)
	}
	if p&PartLabels != 0 {
		if e.Labels, ok = v.Labels(); ok {
			e.Present |= wire.HasLabels
		}
	}
	if p&PartIdentity != 0 {
		if e.ID, ok = v.ID(); ok {
			e.Present |= wire.HasID
		}
		if use, ok := v.Use(); ok {
			e.Use = uint16(min(use, 1<<16-1))
			e.Present |= wire.HasUse
		}
	}
}

// Hold returns a copy of r that outlives its turn, with the given parts
// decoded. Of other parts it knows nothing.
func (r *Row) Hold(p Part) Row {
	c := *r
	c.Detach(p)
	return c
}

// Detach decodes the given parts and lets go of the message, so that r can be
// kept as long as it is not reset. Of other parts it knows nothing.
func (r *Row) Detach(p Part) {
	r.Need(p)
	r.view, r.got = nil, PartAll
	r.cells = slices.Clone(r.cells)
	if r.rates != nil {
		rates := *r.rates
		r.rates = &rates
	}
}
