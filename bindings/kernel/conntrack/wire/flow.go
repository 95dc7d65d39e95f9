package wire

// Present says which fields of a [Flow] the kernel sent. A field that is not
// present is unknown, not zero: update events carry only what changed,
// counters exist only with nf_conntrack_acct, start times only with
// nf_conntrack_timestamp.
type Present uint32

// One bit a field or group of fields.
const (
	HasStatus Present = 1 << iota
	HasTimeout
	HasMark
	HasID
	HasUse
	HasCounters  // packets and bytes of both directions
	HasStart     // start time
	HasStop      // stop time (destroy events)
	HasEventTime // time of the event (events with nf_conntrack_timestamp)
	HasState     // connection state of TCP, SCTP or DCCP
	HasTCP       // window scales and flags
	HasSCTP      // verification tags
	HasLabels
	HasHelper
	HasMaster   // in Entry only
	HasSeqAdj   // in Entry only
	HasSynProxy // in Entry only
	HasSecCtx   // in Entry only
	HasReply    // the reply tuple
)

// Counters are the traffic of one direction.
type Counters struct {
	Packets, Bytes uint64
}

// Labels are the 128 label bits of a flow, bit n in word n/64.
type Labels [2]uint64

// Flow is a flow as it is kept: 176 bytes, no pointers, so that a million of
// them cost the collector nothing. What it cannot hold (master, sequence
// adjustment, SYN proxy, security context) is in [Entry].
type Flow struct {
	Orig, Reply Tuple
	Counter     [2]Counters // by Direction
	Start, Stop uint64      // nanoseconds since 1970
	Labels      Labels
	Status      Status
	Timeout     uint32 // seconds left
	Mark        uint32
	ID          uint32
	Present     Present
	Use         uint16 // references, held at 65535
	State       uint8  // TCP, SCTP or DCCP connection state
	Helper      HelperID
	info        [8]byte // TCP: window scales and flags by direction; SCTP: tags
}

// Has tells whether all the fields of p were sent.
func (f *Flow) Has(p Present) bool { return f.Present&p == p }

// Zone is the zone of an unsplit flow, otherwise that of the direction which
// has one.
func (f *Flow) Zone() uint16 {
	if f.Orig.Zone != 0 {
		return f.Orig.Zone
	}
	return f.Reply.Zone
}

// SplitZone tells whether the two directions live in different zones.
func (f *Flow) SplitZone() bool { return f.Has(HasReply) && f.Orig.Zone != f.Reply.Zone }

// TCPInfo is what ctnetlink tells of a TCP connection beside its state.
type TCPInfo struct {
	WScale [2]uint8    // window scale by Direction
	Flags  [2]TCPFlags // by Direction
}

// TCPFlags are the IP_CT_TCP_FLAG_* bits of one direction.
type TCPFlags uint8

// Flags of a TCP direction (linux
// include/uapi/linux/netfilter/nf_conntrack_tcp.h).
const (
	TCPWindowScale TCPFlags = 0x01
	TCPSACKPerm    TCPFlags = 0x02
	TCPCloseInit   TCPFlags = 0x04
	TCPBeLiberal   TCPFlags = 0x08
	TCPUnacked     TCPFlags = 0x10
	TCPMaxAck      TCPFlags = 0x20
	TCPChallenge   TCPFlags = 0x40
	TCPSimOpen     TCPFlags = 0x80
)

// TCP returns the TCP details; they mean something where Has(HasTCP).
func (f *Flow) TCP() TCPInfo {
	return TCPInfo{
		WScale: [2]uint8{f.info[0], f.info[1]},
		Flags:  [2]TCPFlags{TCPFlags(f.info[2]), TCPFlags(f.info[3])},
	}
}

// SetTCP stores TCP details and marks them present.
func (f *Flow) SetTCP(t TCPInfo) {
	f.info = [8]byte{t.WScale[0], t.WScale[1], byte(t.Flags[0]), byte(t.Flags[1])}
	f.Present |= HasTCP
}

// VTags returns the SCTP verification tags by Direction; they mean something
// where Has(HasSCTP).
func (f *Flow) VTags() [2]uint32 {
	return [2]uint32{be32(f.info[0:]), be32(f.info[4:])}
}

// SetVTags stores SCTP verification tags and marks them present.
func (f *Flow) SetVTags(t [2]uint32) {
	for i, v := range t {
		f.info[4*i], f.info[4*i+1] = byte(v>>24), byte(v>>16)
		f.info[4*i+2], f.info[4*i+3] = byte(v>>8), byte(v)
	}
	f.Present |= HasSCTP
}

// Key returns what identifies f: zone, original tuple, id and start time.
func (f *Flow) Key() Key {
	k := Key{Tuple: f.Orig, Split: f.SplitZone()}
	if f.Has(HasID) {
		k.ID, k.HasID = f.ID, true
	}
	if f.Has(HasStart) {
		k.Start = f.Start
	}
	return k
}

// Key names one flow to the kernel. Tuple is looked up as the original
// direction unless Dir says Reply; ID, where HasID, must be that of the flow
// for a delete to act (get and update ignore it). Start is not sent: it is for
// the caller to tell a flow from its re-creation, which keeps the id (linux
// hands out the same slab object again).
type Key struct {
	Tuple Tuple
	Start uint64
	ID    uint32
	HasID bool
	Dir   Direction
	Split bool // Tuple.Zone is a CTA_TUPLE_ZONE of this direction only
}

// SeqAdj is the sequence adjustment of one direction.
type SeqAdj struct {
	Correction, Before, After uint32
}

// SynProxy is the state of a SYN proxy.
type SynProxy struct {
	ISN, ITS, TSOff uint32
}

// Entry is everything the kernel says about a flow, and so what create and
// restore start from.
type Entry struct {
	Flow
	Master   Tuple
	SeqAdj   [2]SeqAdj
	SynProxy SynProxy
	SecCtx   string
	Helper   string // full name; Flow.Helper is its number
	HelpInfo []byte // private data of userspace helpers
	EventAt  uint64 // nanoseconds since 1970, where HasEventTime
}
