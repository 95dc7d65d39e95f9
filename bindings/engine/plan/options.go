package plan

import (
	"fmt"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
)

// DefaultMax is the guard of a plan that was given none.
const DefaultMax = 10000

// Options bound an application. The zero value is right, but that it takes
// nothing down.
type Options struct {
	// Max refuses a plan that would touch more flows, or make more than that
	// out of nothing. 0 is DefaultMax; what is brought back from a file or a
	// journal is then only bounded by the room in the table.
	Max int
	// Share refuses a plan that would touch more than this part of the table,
	// 0 to 1; 0 refuses none.
	Share float64
	// Rate is how many flows a second are changed; 0 is as fast as it goes.
	Rate float64
	// Batch is the number of messages a send, 128 when 0.
	Batch       int
	StopOnError bool
	DryRun      bool // find and count, change nothing
	// Fast lets the kernel delete what its own filter selects, without a
	// journal. It is refused where that filter was not seen to select exactly
	// what the plan does.
	Fast bool
	// Able tells what this kernel was seen to filter rightly; Fast needs it.
	Able filter.Able
	// Verify waits so long after the last change, then counts the deleted flows
	// that are back and the changed ones that are not as they should be.
	Verify  time.Duration
	Guard   Protection
	Journal *Journal // nil takes nothing down: then nothing can be undone
	// Allow is asked, after all has been found, whether n more changes may be
	// made. It is for a Breaker.
	Allow    func(n int) error
	Progress func(done, of int)
}

// GuardError says that a plan goes too far. Nothing was changed unless Done says
// so.
type GuardError struct {
	Op   string
	Max  int
	Done int // flows that were reached, where the table grew while it was read
}

// Error implements error.
func (e *GuardError) Error() string {
	if e.Done > 0 {
		return fmt.Sprintf("%s: stopped after %d flows: the table grew meanwhile and more than %d match", e.Op, e.Done, e.Max)
	}
	return fmt.Sprintf("%s: more than %d flows match, nothing was changed; look at the plan, then apply{max=...} to allow more", e.Op, e.Max)
}

// ShareError says that a plan touches more of the table than it may. Nothing
// was changed.
type ShareError struct {
	Op      string
	N, Of   int
	Allowed float64
}

// Error implements error.
func (e *ShareError) Error() string {
	return fmt.Sprintf("%s: %d flows match, %.0f%% of the %d in the table and more than the %.3g%% of share; nothing was changed",
		e.Op, e.N, min(100, 100*float64(e.N)/float64(max(e.Of, 1))), e.Of, 100*e.Allowed)
}

// RoomError says that the table has no room for what a plan makes. Nothing was
// changed.
type RoomError struct {
	Op          string
	N           int // to be made
	Count, Most int
}

// Error implements error.
func (e *RoomError) Error() string {
	return fmt.Sprintf("%s: %d flows, but the table holds %d of %d; nothing was changed", e.Op, e.N, e.Count, e.Most)
}

// FastError says why the kernel cannot do a plan by itself. Nothing was
// changed.
type FastError struct{ Op, Reason string }

// Error implements error.
func (e *FastError) Error() string {
	return fmt.Sprintf("%s: fast: %s; nothing was changed; without fast it is done flow by flow", e.Op, e.Reason)
}

// withDefaults fills in what is not said.
func (o Options) withDefaults() Options {
	if o.Batch == 0 {
		o.Batch = 128
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	return o
}

// most is how many flows a plan may touch.
func (o *Options) most() int {
	if o.Max == 0 {
		return DefaultMax
	}
	return o.Max
}

// batch is how requests are sent.
func (o *Options) batch(failed func(n int, err *conntrack.Error)) conntrack.BatchOptions {
	return conntrack.BatchOptions{Size: o.Batch, StopOnError: o.StopOnError, Failed: failed}
}
