package conntrack

import (
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// EventKind says what happened.
type EventKind uint8

// The kinds. EventLoss is made here, not by the kernel: it says that events
// are missing before the one that follows.
const (
	EventNew EventKind = iota
	EventUpdate
	EventDestroy
	EventExpNew
	EventExpUpdate
	EventExpDestroy
	EventLoss
)

var eventNames = [...]string{"new", "update", "destroy", "exp_new", "exp_update", "exp_destroy", "loss"}

// String returns the name that scripts use: new, update, destroy, exp_new,
// exp_update, exp_destroy or loss.
func (k EventKind) String() string { return eventNames[k] }

// ParseEventKind reads the name of a kind that can be listened to.
func ParseEventKind(s string) (EventKind, bool) {
	for i, name := range eventNames[:EventLoss] {
		if name == s {
			return EventKind(i), true
		}
	}
	return 0, false
}

// EventKinds lists the names that can be listened to.
func EventKinds() []string { return eventNames[:EventLoss] }

// Event is one message of the kernel, valid during the callback it is passed
// to.
type Event struct {
	Kind EventKind
	// View reads the flow of a conntrack event. Update events carry only what
	// changed, and none carries counters but destroy.
	View *wire.View
	// Expect reads the expectation of an expectation event.
	Expect *wire.Expect
	// PortID is the socket that caused it, 0 for a packet or a timeout.
	PortID uint32
	// NSID is the id of the namespace it happened in, -1 for the listener's.
	NSID int32
	// Lost is how many events the kernel dropped, for EventLoss: those that
	// the socket filter let pass and the buffer had no room for. In reliable
	// mode it counts the attempts to deliver, of which some are made again.
	Lost uint64
	// Received is when the datagram was read (one reading of the clock a
	// drain).
	Received time.Time
}

// EventOptions say what to listen to.
type EventOptions struct {
	// Kinds to receive; none given is all of new, update and destroy.
	Kinds []EventKind
	// RcvBuf is the socket's receive buffer in bytes, 8 MiB when 0. It is
	// charged only as it fills.
	RcvBuf int
	// Reliable asks the kernel to keep destroy events that do not fit and to
	// send them later. New and update events are lost all the same, and what
	// cannot be delivered stays in the table: a listener that stalls can fill
	// it. A watchdog leaves this mode when pinned entries pass 5 % of the
	// limit.
	Reliable bool
	// AllNSID also receives from the namespaces that have an id in this one
	// (ip netns set NAME ID).
	AllNSID bool
	// Filter drops in the kernel what it does not select. It may let through
	// more than it says, never less.
	Filter EventFilter
}

// EventFilter is what a socket program can decide on the bytes of a message.
// All given terms must hold.
type EventFilter struct {
	Family  uint8
	Proto   *uint8
	SrcPort *uint16 // original direction
	DstPort *uint16
	Src     *Prefix // original direction
	Dst     *Prefix
	Zone    *uint16
	Mark    *wire.Masked32
	Status  *wire.StatusFilter
}

// Prefix is an address range by mask.
type Prefix struct {
	Addr wire.Addr
	Bits int // of the family: 0 to 32 or 0 to 128
}

// EventStats count what became of the events of a listener.
type EventStats struct {
	Received uint64 // messages read from the socket
	Lost     uint64 // dropped by the kernel for want of buffer
	Overruns uint64 // how often the kernel said so (ENOBUFS)
	Bad      uint64 // messages that could not be read
	Reads    uint64 // system calls that brought at least one
	// ReliableLeft says that the watchdog has left reliable mode.
	ReliableLeft bool
}
