package field

import (
	"math"
	"strconv"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/names"
)

// The ways a flow goes through this machine.
var directions = []string{"in", "out", "forward", "loopback"}

// derived are the fields that are worked out of the stored ones, the time and
// the machine.
var derived = []Field{
	{Name: "idle", Part: PartOrig | PartStatus | PartProto | PartTimeout, Kind: Number, Unit: "s", Max: max32, Derived: true, row: idle,
		Doc: "seconds since the last packet: the timeout of its state less what is left of it. Absent where that timeout is not known: with a timeout policy in the namespace, a helper, offloading, a fixed timeout or one set by hand"},
	{Name: "age", Part: PartTimes, Kind: Number, Unit: "s", Max: max53, Needs: stamp, Derived: true, row: age,
		Doc: "seconds since the flow began, up to its end for one that has ended"},
	{Name: "rate", Part: PartNone, Kind: Number, Unit: "bytes", Max: max53, Derived: true, Doc: "bytes a second in both directions, after delta",
		row: func(r *Row) (Value, bool) { return r.rate(func(x *Rates) float64 { return x.Bytes }) }},
	{Name: "prate", Part: PartNone, Kind: Number, Max: max53, Derived: true, Doc: "packets a second in both directions, after delta",
		row: func(r *Row) (Value, bool) { return r.rate(func(x *Rates) float64 { return x.Packets }) }},
	{Name: "dir", Part: PartOrig | PartReply, Kind: Text, Words: func() []string { return directions }, Derived: true, row: dir,
		Doc: "in, out, forward or loopback: how it goes through this machine"},
	{Name: "local_end", Part: PartOrig | PartReply, Kind: Flag, Derived: true, Doc: "one end is this machine",
		row: func(r *Row) (Value, bool) {
			from, to, ok := r.ends()
			return Value{On: from || to}, ok
		}},
	{Name: "flags", Part: PartStatus, Kind: Text, Derived: true, Doc: "the status in words: unreplied, assured, snat, dnat and what is rarer, with commas",
		row: func(r *Row) (Value, bool) {
			e := r.Need(PartStatus)
			return Value{Str: flags(e.Status)}, e.Has(wire.HasStatus)
		}},
	{Name: "svc", Part: PartOrig, Kind: Text, Derived: true, Doc: "the service of the destination port by name, or its number as text", row: svc},
	{Name: "key", Part: PartOrig | PartReply | PartIdentity, Kind: Text, Derived: true, Doc: "text that names the flow for its life: original tuple, zone and id",
		row: func(r *Row) (Value, bool) {
			e := r.Need(PartOrig | PartReply | PartIdentity)
			t := e.Orig
			t.Zone = e.Zone()
			return Value{Str: t.String() + " #" + strconv.FormatUint(uint64(e.ID), 16)}, e.Has(wire.HasID)
		}},
	{Name: "netns", Part: PartNone, Kind: Text, Derived: true, Doc: "network namespace, where it is not that of this process",
		row: func(r *Row) (Value, bool) {
			if r.world == nil {
				return Value{}, false
			}
			return Value{Str: r.world.Netns}, r.world.Netns != ""
		}},
}

func idle(r *Row) (Value, bool) {
	e := r.Need(PartOrig | PartStatus | PartProto | PartTimeout)
	if r.world == nil || r.world.Timeout == nil || !e.Has(wire.HasTimeout|wire.HasStatus) {
		return Value{}, false
	}
	full, ok := r.world.Timeout(&e.Flow)
	if !ok || e.Timeout > full {
		return Value{}, false
	}
	// The kernel cuts what is left to whole seconds, so that a packet of this
	// moment looks a second old. The other way round is the safe one.
	return Value{Num: float64(max(full-e.Timeout, 1) - 1)}, true
}

func age(r *Row) (Value, bool) {
	e := r.Need(PartTimes)
	if !e.Has(wire.HasStart) {
		return Value{}, false
	}
	until := e.Stop
	if !e.Has(wire.HasStop) {
		if r.world == nil {
			return Value{}, false
		}
		until = r.world.Now
	}
	// The clock may have been set back meanwhile.
	return Value{Num: math.Max(0, float64(int64(until-e.Start))/1e9)}, true
}

func (r *Row) rate(of func(*Rates) float64) (Value, bool) {
	if r.rates == nil {
		return Value{}, false
	}
	return Value{Num: of(r.rates)}, true
}

// ends tells of the two ends of a flow whether they are this machine: where it
// came from, and where it really goes, which the source of the reply tells
// behind a translation of the destination.
func (r *Row) ends() (from, to, ok bool) {
	e := r.Need(PartOrig | PartReply)
	if r.world == nil || r.world.Local == nil || !e.Has(wire.HasReply) {
		return false, false, false
	}
	from, known := r.world.Local(e.Orig.Src)
	to, _ = r.world.Local(e.Reply.Src)
	return from, to, known
}

func dir(r *Row) (Value, bool) {
	from, to, ok := r.ends()
	word := "forward"
	switch {
	case from && to:
		word = "loopback"
	case from:
		word = "out"
	case to:
		word = "in"
	}
	return Value{Str: word}, ok
}

// statusWords are the status bits that are worth telling, SEEN_REPLY where it
// is not set.
var statusWords = []struct {
	bit  wire.Status
	name string
}{
	{wire.StatusSeenReply, "unreplied"}, {wire.StatusAssured, "assured"}, {wire.StatusSrcNAT, "snat"}, {wire.StatusDstNAT, "dnat"},
	{wire.StatusExpected, "expected"}, {wire.StatusDying, "dying"}, {wire.StatusFixedTimeout, "fixed_timeout"},
	{wire.StatusOffload, "offload"}, {wire.StatusHWOffload, "hw_offload"},
}

// flags is the status in words, "" for a plain flow with a reply.
func flags(st wire.Status) string {
	st ^= wire.StatusSeenReply
	b := make([]byte, 0, 32)
	for _, w := range statusWords {
		if st&w.bit != 0 {
			if len(b) > 0 {
				b = append(b, ',')
			}
			b = append(b, w.name...)
		}
	}
	return string(b)
}

func svc(r *Row) (Value, bool) {
	t := &r.Need(PartOrig).Orig
	if !wire.HasPorts(t.Proto) {
		return Value{}, false
	}
	return Value{Str: ServiceName(t.DstPort)}, true
}

// ServiceName is the name of the service of a port, its number where it has
// none.
func ServiceName(port uint16) string {
	if name, ok := names.ServiceName(port); ok {
		return name
	}
	return strconv.Itoa(int(port))
}
