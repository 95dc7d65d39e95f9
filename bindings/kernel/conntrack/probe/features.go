package probe

import (
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// The features that the planner asks for by name.
const (
	FilterFamily = "filter-family"
	FilterMark   = "filter-mark"
	FilterStatus = "filter-status"
	FilterZone   = "filter-zone"
	FilterTuple  = "filter-tuple"
)

const (
	inGo      = "filtered in Go"
	groupDump = "filters"
	groupMake = "changes"
	groupHear = "events"
	groupMore = "around it"
)

// features is the one table of them.
var features = []*Feature{
	{ID: FilterFamily, Group: groupDump, Name: "dump filter: family", Without: inGo,
		try: filter(wire.Filter{Family: wire.FamilyIPv6}, 4)},
	{ID: FilterMark, Group: groupDump, Name: "dump filter: mark and mask", Since: "3.3", Needs: "CONFIG_NF_CONNTRACK_MARK", Without: inGo,
		try: filter(wire.Filter{Mark: &wire.Masked32{Value: 0x01, Mask: 0x0f}}, 1, 2)},
	{ID: FilterStatus, Group: groupDump, Name: "dump filter: status bits", Since: "5.15", Without: inGo,
		try: filter(wire.Filter{Status: &wire.StatusFilter{Value: wire.StatusSeenReply, Mask: wire.StatusSeenReply}}, 2)},
	{ID: FilterZone, Group: groupDump, Name: "dump filter: zone", Since: "6.8", Needs: "CONFIG_NF_CONNTRACK_ZONES", Without: inGo,
		try: filter(wire.Filter{Zone: new(uint16(7))}, 5)},
	{ID: FilterTuple, Group: groupDump, Name: "dump filter: IPv4 addresses, TCP and UDP ports", Since: "5.8", Without: inGo,
		try: filter(wire.Filter{Family: wire.FamilyIPv4, Orig: wire.TupleFilter{Tuple: tcp4(0, 81),
			Bits: wire.FilterSrc | wire.FilterDst | wire.FilterProto | wire.FilterDstPort}}, 2)},
	{ID: "filter-ipv6", Group: groupDump, Name: "dump filter: IPv6 addresses", Since: "5.8", Without: "never used: filtered in Go", try: filterIPv6},
	{ID: "filter-other-ports", Group: groupDump, Name: "dump filter: ports of SCTP, UDP-Lite, GRE", Since: "5.8", Without: "never used: filtered in Go", try: filterOtherPorts},
	{ID: "filter-tuple-zone", Group: groupDump, Name: "dump filter: zone of one direction", Since: "5.8", Without: "never used: filtered in Go", try: filterTupleZone},
	{ID: "dump-filtered", Group: groupDump, Name: "the kernel says that it filtered", Since: "5.8", Without: "every row is checked again, as always", try: saysFiltered},
	{ID: "dump-zero", Group: groupDump, Name: "dump that resets counters", try: readAndZero},
	{ID: "dump-dying", Group: groupDump, Name: "list of undelivered destroy events", Since: "3.8", try: dying},

	{ID: "flush-family", Group: groupMake, Name: "flush of one family", Since: "5.3", Without: "deleted one by one", try: flushFamily},
	{ID: "delete-id", Group: groupMake, Name: "delete compares the id", Without: "the flow is read again before it is deleted", try: deleteByID},
	{ID: "labels", Group: groupMake, Name: "labels", Since: "3.9", Needs: "CONFIG_NF_CONNTRACK_LABELS", Without: "no labels", try: labels},
	{ID: "nat", Group: groupMake, Name: "flows made with NAT", Needs: "CONFIG_NF_NAT", Without: "such a create is an error", try: nat},
	{ID: "helpers", Group: groupMake, Name: "helpers in the kernel", Needs: "modules nf_conntrack_ftp and others", Without: "such a create is an error", try: helpers},
	{ID: "expectations", Group: groupMake, Name: "expectations", Without: "no expectations", try: expectations},
	{ID: "dccp", Group: groupMake, Name: "DCCP tracking", Needs: "CONFIG_NF_CT_PROTO_DCCP (gone from newer kernels)", Without: "DCCP flows have no ports and no state", try: dccp},

	{ID: "events", Group: groupHear, Name: "events", Needs: "CONFIG_NF_CONNTRACK_EVENTS", Without: "no handlers", try: events},
	{ID: "event-time", Group: groupHear, Name: "time stamps of events", Since: "6.14", Needs: "CONFIG_NF_CONNTRACK_TIMESTAMP", Without: "the time of reception", try: eventTime},
	{ID: "event-bpf", Group: groupHear, Name: "socket filter program", Without: inGo, try: socketFilter},
	{ID: "event-buffer", Group: groupHear, Name: "receive buffer beyond rmem_max", Needs: "CAP_NET_ADMIN in the initial user namespace",
		Without: "a smaller buffer, and losses at a lower rate, which are counted", try: bigBuffer},
	{ID: "event-reliable", Group: groupHear, Name: "reliable mode", Since: "2.6.31", Without: "not offered", try: reliable},
	{ID: "event-all-namespaces", Group: groupHear, Name: "events of all namespaces on one socket", Since: "4.2", Without: "a socket a namespace", try: allNamespaces},

	{ID: "timeout-policies", Group: groupMore, Name: "timeout policies (nfnetlink_cttimeout)", Since: "3.4", Needs: "CONFIG_NF_CT_NETLINK_TIMEOUT",
		Without: "no policies", module: "nfnetlink_cttimeout", try: timeoutPolicies},
	{ID: "user-helpers", Group: groupMore, Name: "helpers in user space (nfnetlink_cthelper)", Since: "3.6", Needs: "CONFIG_NF_CT_NETLINK_HELPER",
		Without: "no such helpers", module: "nfnetlink_cthelper", try: userHelpers},
	{ID: "queue-flows", Group: groupMore, Name: "flows of queued packets (NFQA_CT)", Since: "3.6", Needs: "CONFIG_NETFILTER_NETLINK_GLUE_CT",
		Without: "queued packets come without their flow", module: "nfnetlink_queue", try: queueFlows},
	{ID: "flowtables", Group: groupMore, Name: "flowtables (offloaded flows)", Since: "4.16", Needs: "CONFIG_NF_FLOW_TABLE",
		Without: "no flow is ever offloaded", try: flowtables},
	{ID: "secctx", Group: groupMore, Name: "security contexts (secctx)", Since: "2.6.37", Needs: "CONFIG_NF_CONNTRACK_SECMARK and a security module",
		Without: "the field secctx is absent", try: security},
}
