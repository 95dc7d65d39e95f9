package restore

import (
	"fmt"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// ExpiredError says that a flow has no time left: the kernel would have removed
// it by now. It is not made again.
type ExpiredError struct {
	Flow wire.Tuple
	Left uint32        // seconds that it had left when it was read
	Age  time.Duration // since then
}

// Error implements error.
func (e *ExpiredError) Error() string {
	return fmt.Sprintf("restore flow %s: it had %d s left %s ago, so it would be gone by now", e.Flow, e.Left, e.Age.Round(time.Second))
}

// Timeouts of offloaded flows, in seconds. The kernel tells none of theirs: it
// holds it at a day and expires such flows on its own (linux
// nf_conntrack_core.h, nf_ct_offload_timeout). What it takes off the flowtable
// gets the timeout of its state (nf_flow_table_core.c, flow_offload_fixup_ct),
// and so does what is restored, by the kernel's defaults: the next packet sets
// the timeout that is configured.
const (
	offloadedTCP = 432000 // ESTABLISHED, the only state that is offloaded
	offloadedUDP = 120    // replied to
	offloadedGRE = 180
)

func offloadedTimeout(proto uint8) uint32 {
	switch proto {
	case wire.ProtoTCP:
		return offloadedTCP
	case wire.ProtoGRE:
		return offloadedGRE
	}
	return offloadedUDP
}

const offloaded = wire.StatusOffload | wire.StatusHWOffload

// timeout is what e has left now, in seconds. One that packets do not move
// (FIXED_TIMEOUT) runs down like any other.
func (o *Options) timeout(e *wire.Entry) (uint32, error) {
	left := e.Timeout
	if !e.Has(wire.HasTimeout) {
		if !e.Has(wire.HasStatus) || e.Status&offloaded == 0 {
			return 0, &wire.FieldError{Op: "restore flow", Field: "timeout", Msg: "missing in " + e.Orig.String() + ": only offloaded flows are read without one"}
		}
		left = offloadedTimeout(e.Orig.Proto)
	}
	left = min(left, wire.MaxTimeout)
	passed := max(o.Age, 0) / time.Second
	if passed >= time.Duration(left) {
		return 0, &ExpiredError{e.Orig, left, o.Age}
	}
	return left - uint32(passed), nil
}
