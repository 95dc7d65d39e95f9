package snapshot

import (
	"errors"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Snapshot is flows as they were at one time: 176 bytes each, without pointers
// for the collector. What a [wire.Flow] cannot hold (master, sequence
// adjustment, SYN proxy, security context, details of helpers) is kept beside,
// for the flows that have it.
//
// A reading of the table may tell a flow twice, and both stay: Len counts them
// and Each passes them. Where one is looked up, the last counts.
type Snapshot struct {
	world  *field.World
	flows  pages[wire.Flow]
	extras pages[extra] // in the order of their flows
	words  words
	index  *index        // nil until a flow is looked up
	next   int           // the flow after the last that follow found
	rates  []field.Rates // still to be handed out
}

// New makes an empty snapshot. Its rows are seen against a copy of world, so
// that they stay as old as they were. With nil nothing is known that depends
// on the time or the machine, rates included.
func New(world *field.World) *Snapshot {
	s := &Snapshot{}
	if world != nil {
		w := *world
		s.world = &w
	}
	return s
}

// Taken is the time of the flows, in nanoseconds since 1970; 0 is unknown.
func (s *Snapshot) Taken() uint64 {
	if s.world == nil {
		return 0
	}
	return s.world.Now
}

// Len is the number of flows.
func (s *Snapshot) Len() int { return s.flows.n }

// Add copies the flow that r shows, and decodes it whole. Rates are not kept.
// The next look-up after an Add prepares all of them anew: add first, then look
// up.
func (s *Snapshot) Add(r *field.Row) {
	s.index = nil
	f := s.flows.add()
	if v := r.View(); v != nil && plainView(v) {
		v.Flow(f) // at its place, which is faster than a copy of what r decodes
		return
	}
	e := r.Need(field.PartAll)
	*f = e.Flow
	if !plainEntry(e) {
		s.addExtra(s.flows.n-1, e)
	}
}

// Each shows fn every flow in the order of adding. The row is used again for
// the next. An error of fn ends it and is returned, but for [conntrack.ErrStop],
// which ends it without one. Flows that fn adds are not shown.
func (s *Snapshot) Each(fn func(*field.Row) error) error {
	var r field.Row
	var e wire.Entry
	next, clean := 0, true
	for i := range s.flows.n {
		r.In(s.world)
		switch {
		case next < s.extras.n && int(s.extras.at(next).of) == i:
			s.whole(s.extras.at(next), &e)
			r.ResetEntry(&e)
			next, clean = next+1, false
		case !clean: // ResetFlow leaves the helper's data of the flow before
			r.ResetEntry(&wire.Entry{})
			clean = true
			fallthrough
		default:
			r.ResetFlow(s.flows.at(i))
		}
		if err := fn(&r); err != nil {
			if errors.Is(err, conntrack.ErrStop) {
				return nil
			}
			return err
		}
	}
	return nil
}

// At makes r show flow i, which is 0 to Len()-1, as Each does.
func (s *Snapshot) At(i int, r *field.Row) {
	var e wire.Entry
	s.entry(i, &e)
	r.ResetEntry(&e)
	r.In(s.world)
}

// entry puts flow i together again. It overwrites e.
func (s *Snapshot) entry(i int, e *wire.Entry) {
	if x := s.extraOf(i); x != nil {
		s.whole(x, e)
		return
	}
	*e = wire.Entry{Flow: *s.flows.at(i)}
	e.Helper = e.Flow.Helper.String()
}

// addFrom copies flow i of another snapshot.
func (s *Snapshot) addFrom(from *Snapshot, i int) {
	s.index = nil
	*s.flows.add() = *from.flows.at(i)
	if x := from.extraOf(i); x != nil {
		var e wire.Entry
		from.whole(x, &e)
		s.addExtra(s.flows.n-1, &e)
	}
}
