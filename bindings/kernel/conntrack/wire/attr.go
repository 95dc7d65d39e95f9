package wire

// Attributes of a conntrack message (linux
// include/uapi/linux/netfilter/nfnetlink_conntrack.h, enum ctattr_type).
const (
	AttrTupleOrig     = 1
	AttrTupleReply    = 2
	AttrStatus        = 3
	AttrProtoInfo     = 4
	AttrHelp          = 5
	AttrNATSrc        = 6
	AttrTimeout       = 7
	AttrMark          = 8
	AttrCountersOrig  = 9
	AttrCountersReply = 10
	AttrUse           = 11
	AttrID            = 12
	AttrNATDst        = 13
	AttrTupleMaster   = 14
	AttrSeqAdjOrig    = 15
	AttrSeqAdjReply   = 16
	AttrSecMark       = 17
	AttrZone          = 18
	AttrSecCtx        = 19
	AttrTimestamp     = 20
	AttrMarkMask      = 21
	AttrLabels        = 22
	AttrLabelsMask    = 23
	AttrSynProxy      = 24
	AttrFilter        = 25
	AttrStatusMask    = 26
	AttrEventTime     = 27

	attrCount = 28 // one more than the last known attribute
)

// Attributes inside a tuple (enum ctattr_tuple, ctattr_ip, ctattr_l4proto).
const (
	attrTupleIP    = 1
	attrTupleProto = 2
	attrTupleZone  = 3

	attrIPv4Src = 1
	attrIPv4Dst = 2
	attrIPv6Src = 3
	attrIPv6Dst = 4

	attrProtoNum      = 1
	attrProtoSrcPort  = 2
	attrProtoDstPort  = 3
	attrProtoICMPID   = 4
	attrProtoICMPType = 5
	attrProtoICMPCode = 6
	attrProtoICMP6ID  = 7
	attrProtoICMP6Typ = 8
	attrProtoICMP6Cod = 9
)

// Attributes of the other nests (enum ctattr_protoinfo*, ctattr_counters,
// ctattr_tstamp, ctattr_seqadj, ctattr_synproxy, ctattr_help, ctattr_nat,
// ctattr_filter).
const (
	attrProtoInfoTCP  = 1
	attrProtoInfoDCCP = 2
	attrProtoInfoSCTP = 3

	attrTCPState       = 1
	attrTCPWScaleOrig  = 2
	attrTCPWScaleReply = 3
	attrTCPFlagsOrig   = 4
	attrTCPFlagsReply  = 5

	attrDCCPState = 1
	attrDCCPRole  = 2
	attrDCCPSeq   = 3

	attrSCTPState     = 1
	attrSCTPVTagOrig  = 2
	attrSCTPVTagReply = 3

	attrCountersPackets   = 1
	attrCountersBytes     = 2
	attrCounters32Packets = 3
	attrCounters32Bytes   = 4

	attrTimestampStart = 1
	attrTimestampStop  = 2

	attrSeqAdjCorrection = 1
	attrSeqAdjBefore     = 2
	attrSeqAdjAfter      = 3

	attrSynProxyISN   = 1
	attrSynProxyITS   = 2
	attrSynProxyTSOff = 3

	attrHelpName = 1
	attrHelpInfo = 2

	attrSecCtxName = 1

	attrNATv4Min = 1
	attrNATv4Max = 2
	attrNATProto = 3
	attrNATv6Min = 4
	attrNATv6Max = 5

	attrNATPortMin = 1
	attrNATPortMax = 2

	attrFilterOrig  = 1
	attrFilterReply = 2
)

const (
	nlaHeader   = 4
	nlaTypeMask = 0x3fff // NLA_F_NESTED and NLA_F_NET_BYTEORDER taken off
	nlaNested   = 0x8000

	// HeaderLen is the length of a netlink header and an nfgenmsg, the part
	// of every message that stands before its attributes.
	HeaderLen = 16 + 4
)

// align rounds a length up to the four bytes that netlink aligns to.
func align(n int) int { return (n + 3) &^ 3 }

// attrs walks the attributes in b: next returns the type, the payload and
// whether there was one. It stops at the first malformed attribute, as the
// kernel's own nla_for_each_attr does, and sets bad.
type attrs struct {
	b   []byte
	bad bool
}

func (a *attrs) next() (typ int, payload []byte, ok bool) {
	if len(a.b) < nlaHeader {
		a.bad = a.bad || len(a.b) != 0
		return 0, nil, false
	}
	n := int(nativeUint16(a.b))
	if n < nlaHeader || n > len(a.b) {
		a.bad = true
		return 0, nil, false
	}
	typ = int(nativeUint16(a.b[2:])) & nlaTypeMask
	payload = a.b[nlaHeader:n]
	if step := align(n); step < len(a.b) {
		a.b = a.b[step:]
	} else {
		a.b = nil
	}
	return typ, payload, true
}
