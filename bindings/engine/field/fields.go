package field

import (
	"math"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

const (
	max8  = math.MaxUint8
	max16 = math.MaxUint16
	max32 = math.MaxUint32
	max53 = 1<<53 - 1 // the largest whole number that a script can hold exactly

	orig  = wire.Original
	reply = wire.Reply

	acct  = "nf_conntrack_acct"
	stamp = "nf_conntrack_timestamp"
)

// Flow is the set of all fields of a flow, in the order in which they are
// shown.
var Flow = newSet(withValues(stored), derived)

// stored are the fields that the kernel tells.
var stored = []Field{
	{Name: "src", Part: PartOrig, Kind: Address, Doc: "source address of the original direction", addr: tupleAddr(orig, false)},
	{Name: "dst", Part: PartOrig, Kind: Address, Doc: "destination address of the original direction", addr: tupleAddr(orig, true)},
	{Name: "sport", Part: PartOrig, Kind: Number, Max: max16, Doc: "source port of the original direction", word: tuplePort(orig, false)},
	{Name: "dport", Part: PartOrig, Kind: Number, Max: max16, Doc: "destination port of the original direction", word: tuplePort(orig, true)},
	{Name: "proto", Part: PartOrig, Kind: Text, Words: wire.ProtoNames, Doc: "layer-4 protocol by name, or its number as text", text: protoName},
	{Name: "protonum", Part: PartOrig, Kind: Number, Max: max8, Doc: "layer-4 protocol by number", word: proto},
	{Name: "family", Part: PartOrig, Kind: Number, Min: 4, Max: 6, Doc: "4 or 6", word: family},
	{Name: "icmp_type", Part: PartOrig, Kind: Number, Max: max8, Doc: "ICMP type of the original direction", word: tupleICMP(orig, 0)},
	{Name: "icmp_code", Part: PartOrig, Kind: Number, Max: max8, Doc: "ICMP code of the original direction", word: tupleICMP(orig, 1)},
	{Name: "icmp_id", Part: PartOrig, Kind: Number, Max: max16, Doc: "ICMP identifier", word: tupleICMP(orig, 2)},
	{Name: "gre_key", Part: PartOrig, Kind: Number, Max: max16, Doc: "GRE key of the original direction", word: greKey},
	{Name: "zone", Part: PartOrig | PartReply, Kind: Number, Max: max16, Doc: "zone of the flow, 0 is the default", word: func(r *Row) (uint32, bool) { return uint32(r.Need(PartOrig | PartReply).Zone()), true }},
	{Name: "ozone", Part: PartOrig, Kind: Number, Max: max16, Doc: "zone of the original direction", word: func(r *Row) (uint32, bool) { return uint32(r.Need(PartOrig).Orig.Zone), true }},
	{Name: "rzone", Part: PartReply, Kind: Number, Max: max16, Doc: "zone of the reply direction", word: present(PartReply, wire.HasReply, func(e *wire.Entry) uint32 { return uint32(e.Reply.Zone) })},
	{Name: "rsrc", Part: PartReply, Kind: Address, Doc: "source address of the reply direction", addr: tupleAddr(reply, false)},
	{Name: "rdst", Part: PartReply, Kind: Address, Doc: "destination address of the reply direction", addr: tupleAddr(reply, true)},
	{Name: "rsport", Part: PartReply, Kind: Number, Max: max16, Doc: "source port of the reply direction", word: tuplePort(reply, false)},
	{Name: "rdport", Part: PartReply, Kind: Number, Max: max16, Doc: "destination port of the reply direction", word: tuplePort(reply, true)},
	{Name: "ricmp_type", Part: PartReply, Kind: Number, Max: max8, Doc: "ICMP type of the reply direction", word: tupleICMP(reply, 0)},
	{Name: "ricmp_code", Part: PartReply, Kind: Number, Max: max8, Doc: "ICMP code of the reply direction", word: tupleICMP(reply, 1)},
	{Name: "ricmp_id", Part: PartReply, Kind: Number, Max: max16, Doc: "ICMP identifier of the reply direction", word: tupleICMP(reply, 2)},

	{Name: "nat", Part: PartStatus, Kind: Flag, Doc: "source or destination is translated", on: status(wire.StatusSrcNAT|wire.StatusDstNAT, false)},
	{Name: "snat", Part: PartStatus, Kind: Flag, Doc: "the source is translated", on: status(wire.StatusSrcNAT, false)},
	{Name: "dnat", Part: PartStatus, Kind: Flag, Doc: "the destination is translated", on: status(wire.StatusDstNAT, false)},
	{Name: "nat_src", Part: PartReply | PartStatus, Kind: Address, Doc: "the source that the outside sees", addr: natAddr(wire.StatusSrcNAT, true)},
	{Name: "nat_sport", Part: PartReply | PartStatus, Kind: Number, Max: max16, Doc: "the source port that the outside sees", word: natPort(wire.StatusSrcNAT, true)},
	{Name: "nat_dst", Part: PartReply | PartStatus, Kind: Address, Doc: "where a translated flow really goes", addr: natAddr(wire.StatusDstNAT, false)},
	{Name: "nat_dport", Part: PartReply | PartStatus, Kind: Number, Max: max16, Doc: "the port where a translated flow really goes", word: natPort(wire.StatusDstNAT, false)},

	{Name: "state", Part: PartOrig | PartProto, Kind: Text, Words: stateNames, Doc: "connection state of TCP, SCTP or DCCP", text: stateName},
	{Name: "tcp_flags_orig", Part: PartProto, Kind: Number, Max: max8, Doc: "TCP tracking flags, original direction", word: tcpFlags(orig)},
	{Name: "tcp_flags_reply", Part: PartProto, Kind: Number, Max: max8, Doc: "TCP tracking flags, reply direction", word: tcpFlags(reply)},
	{Name: "wscale_orig", Part: PartProto, Kind: Number, Max: 14, Doc: "TCP window scale, original direction", word: wscale(orig)},
	{Name: "wscale_reply", Part: PartProto, Kind: Number, Max: 14, Doc: "TCP window scale, reply direction", word: wscale(reply)},
	{Name: "vtag_orig", Part: PartProto, Kind: Number, Max: max32, Doc: "SCTP verification tag, original direction", word: vtag(orig)},
	{Name: "vtag_reply", Part: PartProto, Kind: Number, Max: max32, Doc: "SCTP verification tag, reply direction", word: vtag(reply)},
	{Name: "unreplied", Part: PartStatus, Kind: Flag, Doc: "no packet came back yet", on: status(wire.StatusSeenReply, true)},
	{Name: "replied", Part: PartStatus, Kind: Flag, Doc: "packets were seen in both directions", on: status(wire.StatusSeenReply, false)},
	{Name: "assured", Part: PartStatus, Kind: Flag, Doc: "not thrown out early when the table is full", on: status(wire.StatusAssured, false)},
	{Name: "confirmed", Part: PartStatus, Kind: Flag, Doc: "the first packet has left the box", on: status(wire.StatusConfirmed, false)},
	{Name: "dying", Part: PartStatus, Kind: Flag, Doc: "taken out of the table", on: status(wire.StatusDying, false)},
	{Name: "expected", Part: PartStatus, Kind: Flag, Doc: "came through an expectation", on: status(wire.StatusExpected, false)},
	{Name: "offload", Part: PartStatus, Kind: Flag, Doc: "handled by a flowtable", on: status(wire.StatusOffload, false)},
	{Name: "hw_offload", Part: PartStatus, Kind: Flag, Doc: "handled by hardware", on: status(wire.StatusHWOffload, false)},
	{Name: "fixed_timeout", Part: PartStatus, Kind: Flag, Doc: "packets do not renew the timeout", on: status(wire.StatusFixedTimeout, false)},
	{Name: "helper_set", Part: PartStatus, Kind: Flag, Doc: "the helper was set by a rule or by hand", on: status(wire.StatusHelper, false)},
	{Name: "seq_adjust", Part: PartStatus, Kind: Flag, Doc: "sequence numbers are adjusted", on: status(wire.StatusSeqAdjust, false)},
	{Name: "status", Part: PartStatus, Kind: Number, Max: max32, Doc: "raw status word", Mask: true, word: func(r *Row) (uint32, bool) { s, ok := r.status(); return uint32(s), ok }},

	{Name: "bytes", Part: PartCounters, Kind: Number, Unit: "bytes", Max: max53, Needs: acct, Doc: "traffic in both directions", num: counter(true, orig, reply)},
	{Name: "packets", Part: PartCounters, Kind: Number, Max: max53, Needs: acct, Doc: "packets in both directions", num: counter(false, orig, reply)},
	{Name: "obytes", Part: PartCounters, Kind: Number, Unit: "bytes", Max: max53, Needs: acct, Doc: "traffic in the original direction", num: counter(true, orig)},
	{Name: "opackets", Part: PartCounters, Kind: Number, Max: max53, Needs: acct, Doc: "packets in the original direction", num: counter(false, orig)},
	{Name: "rbytes", Part: PartCounters, Kind: Number, Unit: "bytes", Max: max53, Needs: acct, Doc: "traffic in the reply direction", num: counter(true, reply)},
	{Name: "rpackets", Part: PartCounters, Kind: Number, Max: max53, Needs: acct, Doc: "packets in the reply direction", num: counter(false, reply)},

	{Name: "timeout", Part: PartTimeout, Kind: Number, Unit: "s", Max: max32, Doc: "seconds until the flow is forgotten", word: direct(PartTimeout, wire.HasTimeout, (*wire.View).Timeout, func(e *wire.Entry) uint32 { return e.Timeout })},
	{Name: "start", Part: PartTimes, Kind: Number, Unit: "s", Max: max53, Needs: stamp, Doc: "when the flow began, seconds since 1970", num: seconds(wire.HasStart, func(e *wire.Entry) uint64 { return e.Start })},
	{Name: "stop", Part: PartTimes, Kind: Number, Unit: "s", Max: max53, Needs: stamp, Doc: "when the flow ended, seconds since 1970", num: seconds(wire.HasStop, func(e *wire.Entry) uint64 { return e.Stop })},

	{Name: "mark", Part: PartMark, Kind: Number, Max: max32, Doc: "mark of the flow", Mask: true, word: direct(PartMark, wire.HasMark, (*wire.View).Mark, func(e *wire.Entry) uint32 { return e.Mark })},
	{Name: "labels", Part: PartLabels, Kind: Labels, Doc: "set of labels", bits: func(r *Row) (wire.Labels, bool) {
		e := r.Need(PartLabels)
		return e.Labels, e.Has(wire.HasLabels)
	}},
	{Name: "helper", Part: PartExtra, Kind: Text, Doc: "name of the helper that follows the flow", text: helper},
	{Name: "secctx", Part: PartExtra, Kind: Text, Doc: "security context", text: secCtx},
	{Name: "id", Part: PartIdentity, Kind: Number, Max: max32, Doc: "identifier for the life of the flow; a re-created flow may have it again", word: direct(PartIdentity, wire.HasID, (*wire.View).ID, func(e *wire.Entry) uint32 { return e.ID })},
	{Name: "use", Part: PartIdentity, Kind: Number, Max: max16, Doc: "references to the flow", word: present(PartIdentity, wire.HasUse, func(e *wire.Entry) uint32 { return uint32(e.Use) })},
	{Name: "master", Part: PartExtra, Kind: Parent, Doc: "the flow that expected this one", text: master},
}
