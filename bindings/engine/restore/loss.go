package restore

import "github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"

// Loss is something of a flow that no request brings back.
type Loss struct {
	Field string // "counters"
	Why   string // what is there instead, in words
}

// A loss and who has it.
type loss struct {
	Loss
	of func(e *wire.Entry, o *Options) bool
}

func has(p wire.Present) func(*wire.Entry, *Options) bool {
	return func(e *wire.Entry, _ *Options) bool { return e.Has(p) }
}

func status(bits wire.Status) func(*wire.Entry, *Options) bool {
	return func(e *wire.Entry, _ *Options) bool { return e.Has(wire.HasStatus) && e.Status&bits != 0 }
}

func proto(p uint8) func(*wire.Entry, *Options) bool {
	return func(e *wire.Entry, _ *Options) bool { return e.Orig.Proto == p }
}

// losses are what the kernel takes from no request (linux nf_conntrack_netlink.c,
// ctnetlink_create_conntrack).
var losses = []loss{
	{Loss{"id", "the kernel gives another one"}, has(wire.HasID)},
	{Loss{"start", "the flow begins anew, its age counts from now"}, has(wire.HasStart)},
	{Loss{"counters", "packets and bytes count from 0"}, has(wire.HasCounters)},
	{Loss{"window", "the edges of the TCP windows are learnt from the next packets; where some may have passed unseen, the check is off for this flow (BE_LIBERAL)"}, proto(wire.ProtoTCP)},
	{Loss{"wscale", "a window scale is stored only where both directions have one"}, func(e *wire.Entry, _ *Options) bool {
		return e.Orig.Proto == wire.ProtoTCP && e.Has(wire.HasTCP) && e.TCP().WScale != [2]uint8{} && !bothScale(e)
	}},
	{Loss{"gre timeouts", "the flow has none of its own: its next packet sets 0 s, and the one behind makes a new flow"}, func(e *wire.Entry, _ *Options) bool {
		return e.Orig.Proto == wire.ProtoGRE && e.Status&wire.StatusFixedTimeout == 0
	}},
	{Loss{"offload", "the flow comes back outside of the flowtable, with the default timeout of its state; a rule may offload it again"}, status(offloaded)},
	{Loss{"expectations", "what its helper expected and remembered is gone"}, has(wire.HasHelper)},
	{Loss{"helper", "it is not restored: the kernel looks it up by name and protocol, and finds none"}, func(e *wire.Entry, o *Options) bool { return o.leavesHelper(e) }},
	{Loss{"master", "the link is not restored, nor the status EXPECTED"}, func(e *wire.Entry, o *Options) bool { return o.NoMaster && e.Has(wire.HasMaster) }},
	{Loss{"secctx", "the security mark is set by rules and the security module alone"}, has(wire.HasSecCtx)},
	{Loss{"status", "DYING, TEMPLATE and NAT_CLASH are the kernel's own"}, status(wire.StatusDying | wire.StatusTemplate | wire.StatusNATClash)},
}

// Losses lists what of e a restored flow lacks. Beside these, labels come back
// only where a rule uses labels ("ct label"), and a helper or a translation only
// where the kernel has it.
func Losses(e *wire.Entry, opt Options) []Loss {
	var list []Loss
	for i := range losses {
		if losses[i].of(e, &opt) {
			list = append(list, losses[i].Loss)
		}
	}
	return list
}

// AllLosses lists everything that any flow can lose.
func AllLosses() []Loss {
	list := make([]Loss, len(losses))
	for i := range losses {
		list[i] = losses[i].Loss
	}
	return list
}
