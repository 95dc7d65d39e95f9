package conntrack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Limits of one send: the errors that it can cause must fit the receive
// buffer (256 at its default size), and the whole must fit the send buffer
// (208 KiB by default).
const (
	defaultBatch = 128
	maxBatch     = 250
	maxBatchSize = 128 << 10
)

// Batch collects requests and sends many at once. The kernel executes them in
// order and independently: there is no transaction, what was sent before an
// error stays done. A Batch is used by one goroutine.
type Batch struct {
	client *Client
	ctx    context.Context
	opt    BatchOptions
	s      *session
	clean  bool

	buf  []byte
	reqs []pending // of the messages in buf
	seq  uint32    // of the first message in buf
	last int       // where the last message begins
	res  BatchResult
	err  error
}

// pending is what is remembered of a request until its answer: enough for an
// error message.
type pending struct {
	op   string
	req  wire.Request // nil for a raw delete
	kind batchKind
}

type batchKind uint8

const (
	batchOther batchKind = iota
	batchDelete
	batchCreate
	batchUpdate
)

// Batch implements Kernel.
func (c *Client) Batch(ctx context.Context, opt BatchOptions) (*Batch, error) {
	switch {
	case opt.Size == 0:
		opt.Size = defaultBatch
	case opt.Size < 0 || opt.Size > maxBatch:
		return nil, fmt.Errorf("batch size %d: want 1 to %d", opt.Size, maxBatch)
	}
	s, err := c.acquire("open batch")
	if err != nil {
		return nil, err
	}
	return &Batch{client: c, ctx: ctx, opt: opt, s: s, clean: true, seq: c.nextSeq(opt.Size),
		buf: make([]byte, 0, 32<<10), reqs: make([]pending, 0, opt.Size)}, nil
}

// Add appends a request and sends the batch when it is full. An error means
// that the request was not added: it is one that cannot be said
// ([*wire.FieldError], the batch goes on), or one that ended the batch before.
func (b *Batch) Add(req wire.Request) error {
	if b.err != nil {
		return b.err
	}
	start := len(b.buf)
	buf, err := req.Append(b.buf, b.seq+uint32(len(b.reqs)), 0)
	if err != nil {
		return err
	}
	p := pending{op: req.Op(), req: req}
	switch req.(type) {
	case wire.Delete, wire.ExpectDelete:
		p.kind = batchDelete
	case *wire.Create:
		p.kind = batchCreate
	case *wire.Update:
		p.kind = batchUpdate
	}
	return b.added(buf, start, p)
}

// AddDelete appends the deletion of the flow that v shows, by tuple, zone and
// id, copied from the message without decoding.
func (b *Batch) AddDelete(v *wire.View) error {
	if b.err != nil {
		return b.err
	}
	start := len(b.buf)
	buf, ok := v.AppendDelete(b.buf, b.seq+uint32(len(b.reqs)), 0)
	if !ok {
		return &wire.FieldError{Op: "delete flow", Field: "original tuple", Msg: "missing"}
	}
	return b.added(buf, start, pending{op: "delete flow", kind: batchDelete})
}

func (b *Batch) added(buf []byte, start int, p pending) error {
	b.buf, b.last = buf, start
	b.reqs = append(b.reqs, p)
	if len(b.reqs) < b.opt.Size && len(b.buf) < maxBatchSize {
		return nil
	}
	return b.Flush()
}

// Flush sends what was collected and reads the answers. A cancelled context
// ends the batch between two sends, never within one.
func (b *Batch) Flush() error {
	if b.err != nil || len(b.reqs) == 0 {
		return b.err
	}
	if b.ctx.Err() != nil {
		return b.fail(context.Cause(b.ctx))
	}
	wire.SetAck(b.buf[b.last:])
	// The answers are there when send returns; the bound is for a kernel that
	// lost them.
	undo := b.s.bound(context.Background(), answerTime)
	defer undo()
	if err := b.s.Send(b.buf); err != nil {
		return b.fail(b.client.explainIO(b.ctx, nil, err))
	}
	n := len(b.reqs)
	b.res.Sent += n
	refused, err := b.read()
	if err != nil {
		b.res.Unknown += n - refused
		return b.fail(err)
	}
	b.res.Applied += n - refused
	b.buf, b.reqs = b.buf[:0], b.reqs[:0]
	b.seq = b.client.nextSeq(b.opt.Size)
	if b.opt.Progress != nil {
		b.opt.Progress(b.res)
	}
	return b.err
}

// fail ends the batch with err; its socket is not used again.
func (b *Batch) fail(err error) error {
	b.err, b.clean = err, false
	b.buf, b.reqs = b.buf[:0], b.reqs[:0]
	return err
}

// read takes the answers to one send: errors in order, and the verdict on the
// last message, which asked for one. It returns how many were refused.
func (b *Batch) read() (refused int, err error) {
	lastSeq := b.seq + uint32(len(b.reqs)) - 1
	var first syscall.Errno
	for {
		n, err := b.s.Receive(b.s.buf)
		if err != nil {
			switch {
			case first != 0 && errors.Is(err, os.ErrDeadlineExceeded):
				err = b.client.explain(wire.Count{}, first, "")
			case errors.Is(err, syscall.ENOBUFS):
				err = &IncompleteError{Op: "batch", Reason: "the kernel had no buffer for its answers; the requests were executed", Err: err}
			default:
				err = b.client.explainIO(b.ctx, nil, err)
			}
			return refused, err
		}
		for rest := b.s.buf[:n]; len(rest) > 0; {
			msg, next, ok := wire.Next(rest)
			if !ok {
				return refused, &wire.DecodeError{Msg: "message cut short"}
			}
			rest = next
			h, _ := wire.ReadHeader(msg)
			if h.Type != wire.TypeError || h.Seq-b.seq >= uint32(len(b.reqs)) {
				continue
			}
			errno, extAck := wire.ReadVerdict(msg)
			if errno != 0 {
				refused++
				b.refuse(int(h.Seq-b.seq), errno, extAck)
			}
			if h.Seq == lastSeq {
				return refused, nil
			}
			if errno == syscall.EPERM && h.Seq == b.seq {
				// Without privilege the kernel answers the first message
				// and drops the rest of the buffer (linux nfnetlink_rcv);
				// otherwise the other answers are there already.
				_ = b.s.SetDeadline(time.Now().Add(50 * time.Millisecond))
				first = errno
			}
		}
	}
}

// refuse accounts for one request that the kernel did not execute.
func (b *Batch) refuse(i int, errno syscall.Errno, extAck string) {
	p := b.reqs[i]
	gone := errno == syscall.ENOENT && (p.kind == batchDelete || p.kind == batchUpdate)
	exists := errno == syscall.EEXIST && p.kind == batchCreate
	switch {
	case gone:
		b.res.Gone++
	case exists:
		b.res.Exists++
	default:
		b.res.Failed++
	}
	wanted := gone || exists && b.opt.ExistsOK
	keep := !wanted && len(b.res.Errors) < MaxErrors
	stop := b.opt.StopOnError && !wanted
	if b.opt.Failed == nil && !keep && !stop {
		return
	}
	e := b.client.refusal(p.op, p.req, errno, extAck)
	if p.req == nil {
		e.Flow = b.tupleOf(i)
	}
	if keep {
		b.res.Errors = append(b.res.Errors, e)
	}
	if b.opt.Failed != nil {
		b.opt.Failed(b.res.Sent-len(b.reqs)+i, e)
	}
	if stop && b.err == nil {
		b.err = e
	}
}

// tupleOf reads the tuple of a raw delete back from the buffer.
func (b *Batch) tupleOf(i int) (t wire.Tuple) {
	rest := b.buf
	for ; ; i-- {
		msg, next, ok := wire.Next(rest)
		if !ok {
			return t
		}
		if i == 0 {
			var v wire.View
			if v.Reset(msg) == nil {
				v.Tuple(wire.Original, &t)
			}
			return t
		}
		rest = next
	}
}

// Close sends what is left, gives the socket back and returns the totals. The
// error is the one that ended the batch, if any did; refusals of single
// requests are in the result.
func (b *Batch) Close() (BatchResult, error) {
	if b.s == nil {
		return b.res, b.err
	}
	_ = b.Flush()
	b.client.release(b.s, b.clean)
	b.s = nil
	return b.res, b.err
}
