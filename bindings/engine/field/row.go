package field

import "github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"

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

	PartAll  = PartExtra<<1 - 1
	PartFlow = PartAll &^ PartExtra // what a wire.Flow holds, but for the helper
)

// Row is one flow that is being looked at. It is used again for the next: who
// keeps the flow copies what [Row.Need] returns.
type Row struct {
	entry wire.Entry
	view  *wire.View
	got   Part
}

// Reset makes r show the flow of a message.
func (r *Row) Reset(v *wire.View) {
	r.view, r.got = v, 0
	r.entry.Present = 0
}

// ResetEntry makes r show a flow that was kept.
func (r *Row) ResetEntry(e *wire.Entry) {
	r.entry, r.view, r.got = *e, nil, PartAll
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
