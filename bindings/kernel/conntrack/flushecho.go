package conntrack

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// echoBuffer is the receive buffer asked for by a flush that tells, in bytes:
// room for some hundred thousand flows. It is charged as it fills.
const echoBuffer = 64 << 20

// afterLoss is how long the reader of an answer whose end may be lost waits
// for more. What was sent is there already.
const afterLoss = 50 * time.Millisecond

// FlushEcho implements Kernel. With NLM_F_ECHO the kernel sends the destroy
// event of each flow to who asked for the flush, before the acknowledgement
// and before the send returns (linux nlmsg_notify): so another goroutine sends,
// while the caller's reads.
func (c *Client) FlushEcho(ctx context.Context, req *wire.Flush, fn func(*wire.View) error) (res FlushResult, err error) {
	e := echo{seq: c.nextSeq(1), fn: fn}
	msg, err := req.Append(nil, e.seq, wire.FlagAck|wire.FlagEcho)
	if err != nil {
		return res, err
	}
	if ctx.Err() != nil {
		return res, context.Cause(ctx)
	}
	if res.Before, err = c.living(ctx); err != nil {
		return res, err
	}
	if e.s, err = c.acquire(req.Op()); err != nil {
		return res, err
	}
	defer c.release(e.s, false) // its buffer is too large to be kept
	if err := e.s.SetReadBuffer(echoBuffer); err != nil {
		return res, c.explainIO(ctx, req, err)
	}
	err = e.exchange(msg)
	res.Told = e.told
	var fin *endError
	switch lost := whyLost(err); {
	case errors.As(err, &fin) && fin.errno != 0:
		return res, c.explain(req, fin.errno, fin.extAck)
	case errors.As(err, &fin):
		err = e.stop
	case lost != "":
		err = &IncompleteError{Op: req.Op(), Flows: e.told, Err: err,
			Reason: lost + "; the flush was done, and not all that it deleted was told"}
	default:
		return res, c.explainIO(context.Background(), req, err)
	}
	after, failed := c.living(context.WithoutCancel(ctx))
	if failed != nil {
		return res, failed
	}
	res.After = after
	if errors.Is(err, ErrStop) {
		err = nil
	}
	return res, err
}

// living counts the table without the dying list. What a flush could not tell
// for want of room stands there for about a second, until the kernel has tried
// again, and is counted as if nothing had happened to it (linux nf_ct_delete,
// nf_conntrack_ecache.c).
func (c *Client) living(ctx context.Context) (int, error) {
	total, err := c.Count(ctx)
	if err != nil {
		return 0, err
	}
	dying, err := c.Dump(ctx, &wire.Dump{Table: wire.TableDying}, DumpOptions{}, func(*wire.View) error { return nil })
	if err != nil {
		return 0, err
	}
	return max(int(total.Entries)-dying.Flows, 0), nil
}

// echo reads the answer to a flush while it is being sent.
type echo struct {
	s    *session
	seq  uint32
	fn   func(*wire.View) error
	told int
	stop error // of fn
	view wire.View

	mu   sync.Mutex
	sent bool
	lost error // the first sign that something is missing
}

// exchange sends msg and reads to the end, which it returns: an *endError, or
// what was lost, or what went wrong.
func (e *echo) exchange(msg []byte) error {
	_ = e.s.SetDeadline(time.Time{})
	sent := make(chan error, 1)
	go func() {
		err := e.s.Send(msg)
		e.note(func() { e.sent = err == nil })
		if err != nil {
			_ = e.s.SetDeadline(time.Unix(1, 0)) // there will be no answer
		}
		sent <- err
	}()
	err := e.read()
	if failed := <-sent; failed != nil {
		return failed
	}
	return err
}

// note changes what is known and sets the deadline that follows from it.
func (e *echo) note(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
	switch {
	case !e.sent: // the kernel takes the time it takes
	case e.lost != nil:
		_ = e.s.SetDeadline(time.Now().Add(afterLoss))
	default:
		_ = e.s.SetDeadline(time.Now().Add(answerTime))
	}
}

// miss notes that something is missing. Reading goes on: the kernel drops what
// comes until the queue was read to its end, and then no more (linux
// af_netlink.c, NETLINK_S_CONGESTED).
func (e *echo) miss(err error) {
	e.note(func() {
		if e.lost == nil {
			e.lost = err
		}
	})
}

func (e *echo) read() error {
	var in [bufferSize / fetchMessage]Datagram
	for i := range in {
		in[i].Buf = e.s.buf[i*fetchMessage : (i+1)*fetchMessage : (i+1)*fetchMessage]
	}
	for {
		n, err := e.s.ReceiveMany(in[:])
		switch {
		case errors.Is(err, syscall.ENOBUFS):
			e.miss(err)
			continue
		case errors.Is(err, os.ErrDeadlineExceeded) && e.lost != nil:
			return e.lost
		case err != nil:
			return err
		}
		for _, d := range in[:n] {
			if d.N > len(d.Buf) {
				e.miss(ErrTruncated)
				continue
			}
			if end := e.take(d.Buf[:d.N]); end != nil {
				return end
			}
		}
	}
}

// take counts and passes on the flows in one datagram, and returns the end of
// the answer.
func (e *echo) take(b []byte) error {
	for len(b) > 0 {
		msg, rest, ok := wire.Next(b)
		if !ok {
			e.miss(&wire.DecodeError{Msg: "message cut short"})
			return nil
		}
		b = rest
		switch typ, _, seq := wire.Peek(msg); {
		case typ == wire.TypeError && seq == e.seq:
			errno, extAck := wire.ReadVerdict(msg)
			if errno == 0 && e.lost != nil {
				return e.lost
			}
			return &endError{errno, extAck}
		case typ == uint16(wire.SubsysConntrack)<<8|wire.MsgDelete:
			if err := e.view.Reset(msg); err != nil {
				e.miss(err)
				continue
			}
			e.told++
			if e.stop == nil {
				e.stop = e.fn(&e.view)
			}
		}
	}
	return nil
}
