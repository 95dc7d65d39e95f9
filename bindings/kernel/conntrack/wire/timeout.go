package wire

import (
	"fmt"
	"slices"

	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// Attributes of a timeout policy (enum ctattr_timeout).
const (
	attrTimeoutName  = 1
	attrTimeoutL3    = 2
	attrTimeoutL4    = 3
	attrTimeoutData  = 4
	attrTimeoutUse   = 5
	maxTimeoutName   = 31
	protoGeneric     = 255
	maxTimeoutStates = 11
)

// timeoutStates are the states of a policy by protocol, in the order of their
// attributes from 1 on (linux nfnetlink_cttimeout.h).
var timeoutStates = map[uint8][]string{
	ProtoTCP: {"syn_sent", "syn_recv", "established", "fin_wait", "close_wait",
		"last_ack", "time_wait", "close", "syn_sent2", "retrans", "unacknowledged"},
	ProtoUDP:     {"unreplied", "replied"},
	ProtoUDPLite: {"unreplied", "replied"},
	ProtoGRE:     {"unreplied", "replied"},
	ProtoICMP:    {"timeout"},
	ProtoICMPv6:  {"timeout"},
	ProtoSCTP: {"closed", "cookie_wait", "cookie_echoed", "established", "shutdown_sent",
		"shutdown_recd", "shutdown_ack_sent", "heartbeat_sent"},
	protoGeneric: {"timeout"},
}

// TimeoutStates lists the states that a policy of proto sets, nil for a
// protocol that has no policies; 255 is every protocol without its own.
func TimeoutStates(proto uint8) []string { return timeoutStates[proto] }

// Timeout is a timeout policy: how long the flows of a protocol live in each
// state, for the rules that refer to it by name.
type Timeout struct {
	Name   string
	Family uint8
	Proto  uint8
	// Seconds by state, in the order of TimeoutStates; states that are not
	// Set take the default of the namespace.
	Seconds [maxTimeoutStates]uint32
	set     uint16
	Use     uint32 // rules that refer to it
}

// Set stores the timeout of a state, in seconds.
func (t *Timeout) Set(state string, seconds uint32) error {
	states := timeoutStates[t.Proto]
	i := slices.Index(states, state)
	switch {
	case states == nil:
		return &FieldError{"timeout policy", "proto", ProtoName(t.Proto) + " has no timeout policies"}
	case i < 0:
		return &FieldError{"timeout policy", "state", fmt.Sprintf("%s has no state %q", ProtoName(t.Proto), state) + suggest.Hint(state, states)}
	case seconds == 0 || seconds > MaxTimeout:
		return &FieldError{"timeout policy", state, fmt.Sprintf("%d seconds: want 1 to %d", seconds, MaxTimeout)}
	}
	t.Seconds[i] = seconds
	t.set |= 1 << i
	return nil
}

// Get returns the timeout of a state in seconds, and whether it is set.
func (t *Timeout) Get(state string) (uint32, bool) {
	i := slices.Index(timeoutStates[t.Proto], state)
	if i < 0 || t.set>>i&1 == 0 {
		return 0, false
	}
	return t.Seconds[i], true
}

// ParseTimeout reads a timeout policy, or the defaults of a protocol (which
// have no name).
func ParseTimeout(msg []byte) (t Timeout, err error) {
	b, err := body(msg, "a timeout policy")
	if err != nil {
		return t, err
	}
	t.Name = cstring(find(b, attrTimeoutName))
	if p := find(b, attrTimeoutL3); len(p) >= 2 {
		t.Family = uint8(be16(p))
	}
	if p := find(b, attrTimeoutL4); len(p) >= 1 {
		t.Proto = p[0]
	}
	t.Use = uint32In(b, attrTimeoutUse)
	in := attrs{b: find(b, attrTimeoutData)}
	for {
		typ, p, ok := in.next()
		if !ok {
			return t, cut(&in, msg)
		}
		if i := typ - 1; i >= 0 && i < maxTimeoutStates && len(p) >= 4 {
			t.Seconds[i] = be32(p)
			t.set |= 1 << i
		}
	}
}

func (w *builder) timeout(t *Timeout) {
	w.uint16(attrTimeoutL3, uint16(t.Family))
	w.uint8(attrTimeoutL4, t.Proto)
	mark := w.nest(attrTimeoutData)
	for i, sec := range t.Seconds {
		if t.set>>i&1 == 1 {
			w.uint32(i+1, sec)
		}
	}
	w.end(mark)
}
