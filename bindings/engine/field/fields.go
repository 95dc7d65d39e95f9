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

// fields is the table of all fields, in the order in which they are shown.
var fields = []Field{
	{Name: "src", Part: PartOrig, Kind: Address, Doc: "source address of the original direction", Get: tupleAddr(orig, false)},
	{Name: "dst", Part: PartOrig, Kind: Address, Doc: "destination address of the original direction", Get: tupleAddr(orig, true)},
	{Name: "sport", Part: PartOrig, Kind: Number, Max: max16, Doc: "source port of the original direction", Get: tuplePort(orig, false)},
	{Name: "dport", Part: PartOrig, Kind: Number, Max: max16, Doc: "destination port of the original direction", Get: tuplePort(orig, true)},
	{Name: "proto", Part: PartOrig, Kind: Text, Words: wire.ProtoNames, Doc: "layer-4 protocol by name, or its number as text", Get: func(e *wire.Entry) (Value, bool) {
		return Value{Str: wire.ProtoName(e.Orig.Proto)}, true
	}},
	{Name: "protonum", Part: PartOrig, Kind: Number, Max: max8, Doc: "layer-4 protocol by number", Get: func(e *wire.Entry) (Value, bool) {
		return num(e.Orig.Proto), true
	}},
	{Name: "family", Part: PartOrig, Kind: Number, Min: 4, Max: 6, Doc: "4 or 6", Get: func(e *wire.Entry) (Value, bool) {
		if e.Orig.Family == wire.FamilyIPv6 {
			return Value{Num: 6}, true
		}
		return Value{Num: 4}, true
	}},
	{Name: "icmp_type", Part: PartOrig, Kind: Number, Max: max8, Doc: "ICMP type of the original direction", Get: tupleICMP(orig, 0)},
	{Name: "icmp_code", Part: PartOrig, Kind: Number, Max: max8, Doc: "ICMP code of the original direction", Get: tupleICMP(orig, 1)},
	{Name: "icmp_id", Part: PartOrig, Kind: Number, Max: max16, Doc: "ICMP identifier", Get: tupleICMP(orig, 2)},
	{Name: "gre_key", Part: PartOrig, Kind: Number, Max: max16, Doc: "GRE key of the original direction", Get: func(e *wire.Entry) (Value, bool) {
		return num(e.Orig.SrcPort), e.Orig.Proto == wire.ProtoGRE
	}},
	{Name: "zone", Part: PartOrig | PartReply, Kind: Number, Max: max16, Doc: "zone of the flow, 0 is the default", Get: func(e *wire.Entry) (Value, bool) {
		return num(e.Zone()), true
	}},
	{Name: "ozone", Part: PartOrig, Kind: Number, Max: max16, Doc: "zone of the original direction", Get: func(e *wire.Entry) (Value, bool) {
		return num(e.Orig.Zone), true
	}},
	{Name: "rzone", Part: PartReply, Kind: Number, Max: max16, Doc: "zone of the reply direction", Get: func(e *wire.Entry) (Value, bool) {
		return num(e.Reply.Zone), e.Has(wire.HasReply)
	}},
	{Name: "rsrc", Part: PartReply, Kind: Address, Doc: "source address of the reply direction", Get: tupleAddr(reply, false)},
	{Name: "rdst", Part: PartReply, Kind: Address, Doc: "destination address of the reply direction", Get: tupleAddr(reply, true)},
	{Name: "rsport", Part: PartReply, Kind: Number, Max: max16, Doc: "source port of the reply direction", Get: tuplePort(reply, false)},
	{Name: "rdport", Part: PartReply, Kind: Number, Max: max16, Doc: "destination port of the reply direction", Get: tuplePort(reply, true)},
	{Name: "ricmp_type", Part: PartReply, Kind: Number, Max: max8, Doc: "ICMP type of the reply direction", Get: tupleICMP(reply, 0)},
	{Name: "ricmp_code", Part: PartReply, Kind: Number, Max: max8, Doc: "ICMP code of the reply direction", Get: tupleICMP(reply, 1)},
	{Name: "ricmp_id", Part: PartReply, Kind: Number, Max: max16, Doc: "ICMP identifier of the reply direction", Get: tupleICMP(reply, 2)},

	{Name: "nat", Part: PartStatus, Kind: Flag, Doc: "source or destination is translated", Get: status(wire.StatusSrcNAT|wire.StatusDstNAT, false)},
	{Name: "snat", Part: PartStatus, Kind: Flag, Doc: "the source is translated", Get: status(wire.StatusSrcNAT, false)},
	{Name: "dnat", Part: PartStatus, Kind: Flag, Doc: "the destination is translated", Get: status(wire.StatusDstNAT, false)},
	{Name: "nat_src", Part: PartReply | PartStatus, Kind: Address, Doc: "the source that the outside sees", Get: natEnd(wire.StatusSrcNAT, func(e *wire.Entry) Value { return Value{Addr: e.Reply.Dst} }, false)},
	{Name: "nat_sport", Part: PartReply | PartStatus, Kind: Number, Max: max16, Doc: "the source port that the outside sees", Get: natEnd(wire.StatusSrcNAT, func(e *wire.Entry) Value { return num(e.Reply.DstPort) }, true)},
	{Name: "nat_dst", Part: PartReply | PartStatus, Kind: Address, Doc: "where a translated flow really goes", Get: natEnd(wire.StatusDstNAT, func(e *wire.Entry) Value { return Value{Addr: e.Reply.Src} }, false)},
	{Name: "nat_dport", Part: PartReply | PartStatus, Kind: Number, Max: max16, Doc: "the port where a translated flow really goes", Get: natEnd(wire.StatusDstNAT, func(e *wire.Entry) Value { return num(e.Reply.SrcPort) }, true)},

	{Name: "state", Part: PartOrig | PartProto, Kind: Text, Words: stateNames, Doc: "connection state of TCP, SCTP or DCCP", Get: func(e *wire.Entry) (Value, bool) {
		return Value{Str: wire.StateName(e.Orig.Proto, e.State)}, e.Has(wire.HasState)
	}},
	{Name: "tcp_flags_orig", Part: PartProto, Kind: Number, Max: max8, Doc: "TCP tracking flags, original direction", Get: tcpFlags(orig)},
	{Name: "tcp_flags_reply", Part: PartProto, Kind: Number, Max: max8, Doc: "TCP tracking flags, reply direction", Get: tcpFlags(reply)},
	{Name: "wscale_orig", Part: PartProto, Kind: Number, Max: 14, Doc: "TCP window scale, original direction", Get: wscale(orig)},
	{Name: "wscale_reply", Part: PartProto, Kind: Number, Max: 14, Doc: "TCP window scale, reply direction", Get: wscale(reply)},
	{Name: "vtag_orig", Part: PartProto, Kind: Number, Max: max32, Doc: "SCTP verification tag, original direction", Get: vtag(orig)},
	{Name: "vtag_reply", Part: PartProto, Kind: Number, Max: max32, Doc: "SCTP verification tag, reply direction", Get: vtag(reply)},
	{Name: "unreplied", Part: PartStatus, Kind: Flag, Doc: "no packet came back yet", Get: status(wire.StatusSeenReply, true)},
	{Name: "replied", Part: PartStatus, Kind: Flag, Doc: "packets were seen in both directions", Get: status(wire.StatusSeenReply, false)},
	{Name: "assured", Part: PartStatus, Kind: Flag, Doc: "not thrown out early when the table is full", Get: status(wire.StatusAssured, false)},
	{Name: "confirmed", Part: PartStatus, Kind: Flag, Doc: "the first packet has left the box", Get: status(wire.StatusConfirmed, false)},
	{Name: "dying", Part: PartStatus, Kind: Flag, Doc: "taken out of the table", Get: status(wire.StatusDying, false)},
	{Name: "expected", Part: PartStatus, Kind: Flag, Doc: "came through an expectation", Get: status(wire.StatusExpected, false)},
	{Name: "offload", Part: PartStatus, Kind: Flag, Doc: "handled by a flowtable", Get: status(wire.StatusOffload, false)},
	{Name: "hw_offload", Part: PartStatus, Kind: Flag, Doc: "handled by hardware", Get: status(wire.StatusHWOffload, false)},
	{Name: "fixed_timeout", Part: PartStatus, Kind: Flag, Doc: "packets do not renew the timeout", Get: status(wire.StatusFixedTimeout, false)},
	{Name: "helper_set", Part: PartStatus, Kind: Flag, Doc: "the helper was set by a rule or by hand", Get: status(wire.StatusHelper, false)},
	{Name: "seq_adjust", Part: PartStatus, Kind: Flag, Doc: "sequence numbers are adjusted", Get: status(wire.StatusSeqAdjust, false)},
	{Name: "status", Part: PartStatus, Kind: Number, Max: max32, Doc: "raw status word", Mask: true, Get: present(wire.HasStatus, func(e *wire.Entry) float64 { return float64(e.Status) })},

	{Name: "bytes", Part: PartCounters, Kind: Number, Unit: "bytes", Max: max53, Needs: acct, Doc: "traffic in both directions", Get: counter(true, orig, reply)},
	{Name: "packets", Part: PartCounters, Kind: Number, Max: max53, Needs: acct, Doc: "packets in both directions", Get: counter(false, orig, reply)},
	{Name: "obytes", Part: PartCounters, Kind: Number, Unit: "bytes", Max: max53, Needs: acct, Doc: "traffic in the original direction", Get: counter(true, orig)},
	{Name: "opackets", Part: PartCounters, Kind: Number, Max: max53, Needs: acct, Doc: "packets in the original direction", Get: counter(false, orig)},
	{Name: "rbytes", Part: PartCounters, Kind: Number, Unit: "bytes", Max: max53, Needs: acct, Doc: "traffic in the reply direction", Get: counter(true, reply)},
	{Name: "rpackets", Part: PartCounters, Kind: Number, Max: max53, Needs: acct, Doc: "packets in the reply direction", Get: counter(false, reply)},

	{Name: "timeout", Part: PartTimeout, Kind: Number, Unit: "s", Max: max32, Doc: "seconds until the flow is forgotten", Get: present(wire.HasTimeout, func(e *wire.Entry) float64 { return float64(e.Timeout) })},
	{Name: "start", Part: PartTimes, Kind: Number, Unit: "s", Max: max53, Needs: stamp, Doc: "when the flow began, seconds since 1970", Get: present(wire.HasStart, func(e *wire.Entry) float64 { return float64(e.Start) / 1e9 })},
	{Name: "stop", Part: PartTimes, Kind: Number, Unit: "s", Max: max53, Needs: stamp, Doc: "when the flow ended, seconds since 1970", Get: present(wire.HasStop, func(e *wire.Entry) float64 { return float64(e.Stop) / 1e9 })},

	{Name: "mark", Part: PartMark, Kind: Number, Max: max32, Doc: "mark of the flow", Mask: true, Get: present(wire.HasMark, func(e *wire.Entry) float64 { return float64(e.Mark) })},
	{Name: "labels", Part: PartLabels, Kind: Labels, Doc: "set of labels", Get: func(e *wire.Entry) (Value, bool) {
		return Value{Bits: e.Labels}, e.Has(wire.HasLabels)
	}},
	{Name: "helper", Part: PartExtra, Kind: Text, Doc: "name of the helper that follows the flow", Get: func(e *wire.Entry) (Value, bool) {
		return Value{Str: e.Flow.Helper.String()}, e.Has(wire.HasHelper)
	}},
	{Name: "secctx", Part: PartExtra, Kind: Text, Doc: "security context", Get: func(e *wire.Entry) (Value, bool) {
		return Value{Str: e.SecCtx}, e.Has(wire.HasSecCtx)
	}},
	{Name: "id", Part: PartIdentity, Kind: Number, Max: max32, Doc: "identifier for the life of the flow; a re-created flow may have it again", Get: present(wire.HasID, func(e *wire.Entry) float64 { return float64(e.ID) })},
	{Name: "use", Part: PartIdentity, Kind: Number, Max: max16, Doc: "references to the flow", Get: present(wire.HasUse, func(e *wire.Entry) float64 { return float64(e.Use) })},
	{Name: "master", Part: PartExtra, Kind: Parent, Doc: "the flow that expected this one", Get: func(e *wire.Entry) (Value, bool) {
		return Value{Str: e.Master.String()}, e.Has(wire.HasMaster)
	}},
}
