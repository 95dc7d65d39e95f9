package restore

import "github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"

// A part is something of a flow that comes back, by the name that it has in
// messages.
type part struct {
	name string
	same func(p *pair) bool
}

// A pair is a flow as it was, as it was asked for again (its entry and the mask of
// its flags), and as it p.is.
type pair struct {
	was, want, is *wire.Entry
	mask          [2]wire.TCPFlags
}

// parts are all that comes back, tuples first. Conditions are in the comments of
// the comparisons below.
var parts = []part{
	{"original tuple", func(p *pair) bool { return sameEnds(p.want.Orig, p.is.Orig) }},
	{"reply tuple", func(p *pair) bool { return sameEnds(p.want.Reply, p.is.Reply) }},
	{"zone", func(p *pair) bool {
		return p.want.Orig.Zone == p.is.Orig.Zone && p.want.Reply.Zone == p.is.Reply.Zone
	}},
	{"snat", sameBit(wire.StatusSrcNAT)},
	{"dnat", sameBit(wire.StatusDstNAT)},
	{"status", sameStatus},
	{"timeout", sameTimeout},
	{"mark", func(p *pair) bool { return p.want.Mark == p.is.Mark }},
	{"labels", func(p *pair) bool { return p.want.Labels == p.is.Labels }},
	{"helper", func(p *pair) bool { return p.want.Helper == helperName(p.is) }},
	{"master", sameMaster},
	{"state", func(p *pair) bool {
		return !p.want.Has(wire.HasState) || p.want.State == p.is.State
	}},
	{"tcp_flags", sameFlags},
	{"wscale", sameScales},
	{"vtag", func(p *pair) bool {
		return !p.want.Has(wire.HasSCTP) || p.want.VTags() == p.is.VTags()
	}},
	{"seq_adjust", func(p *pair) bool {
		return p.want.Has(wire.HasSeqAdj) == p.is.Has(wire.HasSeqAdj) && p.want.SeqAdj == p.is.SeqAdj
	}},
	{"synproxy", func(p *pair) bool { return p.want.SynProxy == p.is.SynProxy }},
}

// Parts lists the names of all that a restored flow gets back, in the order in
// which [Differs] names them.
func Parts() []string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.name
	}
	return names
}

// Differs compares a flow as it is now with what [Request] would make of it as it
// was, and returns the names of the parts that differ, nil where it is the same
// flow again. opt.Age counts from was to is; timeouts may differ by two seconds.
// What cannot be restored ([Losses]) is not compared.
func Differs(was, is *wire.Entry, opt Options) []string {
	c, err := Request(was, opt)
	if err != nil {
		return []string{"timeout"} // it should be gone
	}
	p := pair{was, &c.Entry, is, c.TCPMask}
	var names []string
	for i := range parts {
		if !parts[i].same(&p) {
			names = append(names, parts[i].name)
		}
	}
	return names
}

// sameEnds compares two tuples without their zones. A protocol without ports has
// nothing in the fields for them.
func sameEnds(a, b wire.Tuple) bool {
	a.Zone, b.Zone = 0, 0
	return a == b
}

func sameBit(bit wire.Status) func(p *pair) bool {
	return func(p *pair) bool {
		return !p.want.Has(wire.HasStatus) || (p.want.Status^p.is.Status)&bit == 0
	}
}

// sameStatus compares the bits that a request sets. HELPER comes with every
// helper that was asked for by name, and the DONE bits come in pairs: these may
// be more than there were.
func sameStatus(p *pair) bool {
	if !p.want.Has(wire.HasStatus) {
		return true
	}
	const exact = wire.StatusSeenReply | wire.StatusAssured | wire.StatusFixedTimeout
	const least = wire.StatusHelper | natDone
	want := p.want.Status
	return (want^p.is.Status)&exact == 0 && want&^p.is.Status&least == 0
}

// timeoutSlack is by how many seconds two timeouts of the same flow may differ:
// each is a rounded part of a second off, and a table takes time to read.
const timeoutSlack = 2

func sameTimeout(p *pair) bool {
	want, got := int64(p.want.Timeout), int64(p.is.Timeout)
	return got >= want-timeoutSlack && got <= want+timeoutSlack
}

// sameMaster compares the links. The zone of a master is that of the flow.
func sameMaster(p *pair) bool {
	return p.want.Has(wire.HasMaster) == p.is.Has(wire.HasMaster) && sameEnds(p.want.Master, p.is.Master)
}

// sameFlags compares the flags under the mask of the request. BE_LIBERAL may be
// more than there was, MAXACK_SET comes with the next packet.
func sameFlags(p *pair) bool {
	was, is := p.was.TCP().Flags, p.is.TCP().Flags
	for dir, mask := range p.mask {
		differ := (was[dir] ^ is[dir]) & mask &^ wire.TCPMaxAck
		if differ&^(is[dir]&wire.TCPBeLiberal) != 0 {
			return false
		}
	}
	return true
}

// sameScales compares the window scales, which the kernel stores where both
// directions have one.
func sameScales(p *pair) bool {
	return !bothScale(p.want) || p.want.TCP().WScale == p.is.TCP().WScale
}

// bothScale tells whether both directions of a connection carry WINDOW_SCALE.
func bothScale(e *wire.Entry) bool {
	f := e.TCP().Flags
	return e.Orig.Proto == wire.ProtoTCP && e.Has(wire.HasTCP) && f[0]&f[1]&wire.TCPWindowScale != 0
}
