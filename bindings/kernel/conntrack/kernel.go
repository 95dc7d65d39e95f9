package conntrack

import (
	"context"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Kernel is the connection tracking of one network namespace.
type Kernel interface {
	// Dump calls fn for every flow of a table that passes the request's
	// filter, in no order. The view is valid during the call only, and calls
	// never overlap. An error of fn ends the dump and is returned as it is;
	// [ErrStop] ends it without being an error. A dump is no snapshot: flows
	// made or gone while it runs may be in it or not.
	Dump(ctx context.Context, req *wire.Dump, opt DumpOptions, fn func(*wire.View) error) (DumpResult, error)

	// Get reads one flow into e and tells whether it is there. It costs one
	// message, never a dump.
	Get(ctx context.Context, req wire.Get, e *wire.Entry) (found bool, err error)

	// Fetch reads many flows by key, some hundred a send and never by a dump.
	// fn is called once for every key, in order of the keys, with nil where
	// the flow is not there; i is the place in keys, and the view is valid
	// during the call. The kernel ignores the id: what fn gets is the flow that
	// has the tuple now, and the caller compares id and start. With zero the
	// counters of each flow are reset as it is read, in one step.
	//
	// A key that names no flow is a [*wire.FieldError], and nothing is asked.
	// An error of fn ends the fetch and is returned as it is; [ErrStop] ends it
	// without being an error. A cancelled context ends it too. An answer that
	// was lost is asked for once more in smaller pieces, and with a second loss
	// the fetch ends in an [*IncompleteError]. With zero the first loss ends it,
	// as what was reset cannot be read again; for the same reason what fn has
	// not seen of one send when it returns an error is reset and not told.
	Fetch(ctx context.Context, keys []wire.Key, zero bool, fn func(i int, v *wire.View) error) error

	// Do sends one changing request and waits for the kernel's verdict, an
	// [*Error] where it refuses.
	Do(ctx context.Context, req wire.Request) error

	// FlushEcho deletes what a filter selects, in the kernel, and calls fn in
	// the caller's goroutine for each deleted flow that the kernel tells of:
	// those with an event extension, which flows have by nf_conntrack_events=1,
	// or by 2 if somebody listened when they were born. The view is that of a
	// destroy event, valid during the call. The result counts the table before
	// and after, since the others go without a word.
	//
	// The deletion cannot be stopped. An error of fn ends the calls, not the
	// reading, and is returned as it is ([ErrStop] as none); a context that ends
	// counts only before the request is sent. Where fn is too slow for the
	// receive buffer the error is an [*IncompleteError] and Told is a lower
	// bound; listeners then get the destroy events of the flows that were not
	// told twice, as the kernel sends them again.
	FlushEcho(ctx context.Context, req *wire.Flush, fn func(*wire.View) error) (FlushResult, error)

	// Owns tells whether a netlink port id, such as that of an event, is or was
	// one of this Kernel's own sockets. Of closed sockets the last thousands are
	// remembered.
	Owns(portID uint32) bool

	// Batch opens a batch of changing requests: many messages a send, one
	// acknowledgement, errors attributed to their message.
	Batch(ctx context.Context, opt BatchOptions) (*Batch, error)

	// Count reads the number of entries (dying and expired ones included) and
	// the limit.
	Count(ctx context.Context) (wire.Totals, error)

	// Stats reads the counters of every CPU.
	Stats(ctx context.Context) ([]wire.CPUStats, error)

	// ExpectStats reads the expectation counters of every CPU.
	ExpectStats(ctx context.Context) ([]wire.ExpectCPUStats, error)

	// Expects calls fn for every expectation, or for those of one master.
	Expects(ctx context.Context, req wire.ExpectDump, fn func(*wire.Expect) error) error

	// GetExpect reads one expectation and tells whether it is there.
	GetExpect(ctx context.Context, req wire.ExpectGet, e *wire.Expect) (found bool, err error)

	// Timeouts lists the timeout policies of the namespace.
	Timeouts(ctx context.Context) ([]wire.Timeout, error)

	// GetTimeout reads one policy, or with a wire.TimeoutDefaultGet the
	// defaults of a protocol, and tells whether it is there.
	GetTimeout(ctx context.Context, req wire.Request, t *wire.Timeout) (found bool, err error)

	// Listen opens an event socket and joins its groups: from its return on
	// every event is received or counted as lost.
	Listen(ctx context.Context, opt EventOptions) (*Listener, error)

	// Close releases the sockets. Operations under way end with an error that
	// is [ErrClosed].
	Close() error
}

// DumpOptions tune a dump. The zero value is right for small tables.
type DumpOptions struct {
	Partition Partition
	// Ahead receives in a goroutine of its own while fn works on what came
	// before. It pays where fn takes more than some 100 ns a flow: where it
	// sends changes, waits for a script or matches a filter. A partitioned
	// dump is not read ahead, as it keeps both processors busy anyway.
	Ahead bool
}

// Partition reads a table on two sockets at once, so that the kernel's work
// is spread over two processors. It applies to the conntrack table only and
// where the filter leaves the partitioning term free.
type Partition uint8

// The ways to split a dump. The family of a flow never changes, so a split by
// family reads what an unsplit dump reads. The ASSURED bit gives more even
// halves, but a flow that becomes assured between the two passes over its
// bucket may be seen twice or not at all: for estimates only.
const (
	PartitionNone Partition = iota
	PartitionFamily
	PartitionAssured
)

// DumpResult says how a dump went.
type DumpResult struct {
	Flows    int  // passed to fn
	Filtered bool // the kernel confirmed that it applied the filter
	Retried  bool // the dump was incomplete once and was repeated
}

// FlushResult says how a flush went. Flows that come and go meanwhile by other
// causes are in the difference of Before and After too.
type FlushResult struct {
	Told   int // deleted flows that the kernel told of
	Before int // entries of the table; expired ones count, dying ones do not
	After  int // likewise; 0 where it could not be counted
}

// BatchOptions tune a batch. The zero value is right.
type BatchOptions struct {
	// Size is the number of messages a send, 128 when 0, at most 250: the
	// kernel's errors to one send must fit the socket's receive buffer, which
	// holds 256 of them by default.
	Size int
	// Progress is called after every send with the totals so far.
	Progress func(BatchResult)
	// Failed is called for every request that the kernel refused, with its
	// number (from 0, in the order of adding). Gone and Exists count too. It
	// is optional: the first errors are kept in the result.
	Failed func(n int, err *Error)
	// StopOnError ends the batch at the first refusal that is not Gone. What
	// was sent along with it has been executed.
	StopOnError bool
	// ExistsOK tells that what is to be made may be there already: it neither
	// stops the batch nor is kept among the errors.
	ExistsOK bool
}

// BatchResult counts what became of the requests of a batch:
// Sent = Applied + Gone + Exists + Failed + Unknown.
type BatchResult struct {
	Sent    int
	Applied int
	Gone    int // delete, update: the flow was not there any more (ENOENT)
	Exists  int // create: one of the tuples is taken (EEXIST)
	Failed  int
	// Unknown requests were sent, but the answer to them was lost (receive
	// buffer overrun or a broken socket); they were most likely executed.
	Unknown int
	Errors  []*Error // the first MaxErrors refusals, those left out that are as wanted
}

// MaxErrors is how many errors a BatchResult keeps.
const MaxErrors = 100
