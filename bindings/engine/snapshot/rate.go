package snapshot

import (
	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// rateParts is what must be decoded to tell a rate.
const rateParts = field.PartOrig | field.PartReply | field.PartIdentity | field.PartTimes | field.PartCounters

// ratesAtOnce is how many rates are allocated together: 4 KB.
const ratesAtOnce = 256

// Delta shows fn every flow of after with its rates against before, as
// [Snapshot.Rate] sets them. It ends as [Snapshot.Each] does.
func Delta(before, after *Snapshot, fn func(*field.Row) error) error {
	before.next = 0
	return after.Each(func(r *field.Row) error {
		before.Rate(r)
		return fn(r)
	})
}

// Rate sets the rates of a flow that was read later, at the time of its world:
// bytes and packets a second, of both directions together.
//
// A flow that s has counts by what its counters grew. One that was born since
// counts whole, over the same time: that since its birth may be so short that
// a few packets would look like a flood. One that s missed counts over its
// life, where its start is known. It was born since where s does not have it, where its id or start
// time is another, where a counter fell, and where it started after the time of
// s. A flow has no rates where it has no counters, where s has it without them,
// and where no time has passed or the clock was set back meanwhile.
//
// The rates of a row that was copied stay what they are.
func (s *Snapshot) Rate(r *field.Row) {
	r.SetRates(nil)
	w := r.World()
	if w == nil || s.world == nil {
		return
	}
	f := &r.Need(rateParts).Flow
	if !f.Has(wire.HasCounters) {
		return
	}
	var old *wire.Flow
	if i, ok := s.follow(f); ok {
		old = s.flows.at(i)
	}
	n, since, ok := moved(old, f, s.world.Now, w.Now)
	if !ok || since >= w.Now {
		return
	}
	if len(s.rates) == 0 {
		s.rates = make([]field.Rates, ratesAtOnce)
	}
	rates := &s.rates[0]
	s.rates = s.rates[1:]
	seconds := float64(w.Now-since) / 1e9
	rates.Bytes, rates.Packets = float64(n.Bytes)/seconds, float64(n.Packets)/seconds
	r.SetRates(rates)
}

// moved tells what f moved and since when. It was old, or nil for none, when it
// was looked at before.
func moved(old, f *wire.Flow, before, now uint64) (n wire.Counters, since uint64, ok bool) {
	n = total(f)
	switch {
	case old == nil && f.Has(wire.HasStart) && f.Start < min(before, now): // before missed it
		return n, f.Start, true
	case old == nil || reborn(old, f):
		return n, before, true
	case !old.Has(wire.HasCounters):
		return n, before, f.Has(wire.HasStart) && f.Start > before
	}
	for dir := range f.Counter {
		was, is := &old.Counter[dir], &f.Counter[dir]
		if is.Bytes < was.Bytes || is.Packets < was.Packets {
			return n, before, true
		}
	}
	was := total(old)
	return wire.Counters{Packets: n.Packets - was.Packets, Bytes: n.Bytes - was.Bytes}, before, true
}

// total is the traffic of both directions.
func total(f *wire.Flow) wire.Counters {
	o, r := &f.Counter[wire.Original], &f.Counter[wire.Reply]
	return wire.Counters{Packets: o.Packets + r.Packets, Bytes: o.Bytes + r.Bytes}
}
