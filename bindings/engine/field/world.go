package field

import (
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// World is what a flow is seen against: the time of looking, and the machine.
// Of a field that asks for a part that is nil nothing is known.
type World struct {
	// Now is when the flow was read, in nanoseconds since 1970.
	Now uint64
	// Netns is the name of the network namespace the flow was read from, ""
	// for that of the process.
	Netns string
	// Timeout tells the timeout that a flow gets when a packet of it passes, in
	// seconds, and whether that is known.
	Timeout func(*wire.Flow) (uint32, bool)
	// Local tells whether an address is one of this machine, and whether that
	// is known.
	Local func(wire.Addr) (local, known bool)
}

// Rates are how fast a flow moved data between two looks at it.
type Rates struct {
	Bytes, Packets float64 // a second
}
