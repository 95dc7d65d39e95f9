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

// fetchBatch is how many flows are asked for a send. The kernel weighs an
// answer at less than 1280 bytes, so that all of them fit the smallest receive
// buffer; larger batches are no faster.
const fetchBatch = 128

// fetchMessage is the room for one answer, which the kernel makes in a page at
// most (linux NLMSG_DEFAULT_SIZE) and some 300 bytes as a rule.
const fetchMessage = 4 << 10

// fetcher is one Fetch.
type fetcher struct {
	client *Client
	ctx    context.Context
	keys   []wire.Key
	zero   bool
	fn     func(i int, v *wire.View) error

	s    *session
	out  []byte
	in   [bufferSize / fetchMessage]Datagram // parts of the session's buffer
	at   int                                 // the key whose answer comes next
	view wire.View
}

// Fetch implements Kernel.
func (c *Client) Fetch(ctx context.Context, keys []wire.Key, zero bool, fn func(i int, v *wire.View) error) error {
	for i := range keys {
		if err := (wire.Get{Key: keys[i]}).Check(); err != nil {
			return err
		}
	}
	f := fetcher{client: c, ctx: ctx, keys: keys, zero: zero, fn: fn}
	size, again := fetchBatch, 0 // up to again a loss is the second one
	for f.at < len(keys) {
		if ctx.Err() != nil {
			f.leave(true)
			return context.Cause(ctx)
		}
		end := min(f.at+size, len(keys))
		err := f.exchange(end)
		if err == nil {
			continue
		}
		// The rest of the answer may still come, to this socket.
		f.leave(false)
		if zero || f.at < again || whyLost(err) == "" {
			return f.failed(err, end)
		}
		again, size = end, (size+1)/2
	}
	f.leave(true)
	return nil
}

// enter takes a session, if there is none.
func (f *fetcher) enter() error {
	if f.s != nil {
		return nil
	}
	s, err := f.client.acquire(f.request(f.at).Op())
	if err != nil {
		return err
	}
	f.s = s
	for i := range f.in {
		f.in[i].Buf = s.buf[i*fetchMessage : (i+1)*fetchMessage : (i+1)*fetchMessage]
	}
	return nil
}

// leave gives the session back.
func (f *fetcher) leave(clean bool) {
	if f.s != nil {
		f.client.release(f.s, clean)
		f.s = nil
	}
}

// request is the question for one key.
func (f *fetcher) request(i int) wire.Get { return wire.Get{Key: f.keys[i], Zero: f.zero} }

// exchange asks for the flows up to end in one send and passes the answers on.
// The kernel answers each question by one message, the flow or an error, in
// the order of asking, and has done so when the send returns (linux
// netlink_rcv_skb): no acknowledgement is needed.
func (f *fetcher) exchange(end int) error {
	if err := f.enter(); err != nil {
		return err
	}
	ctx := f.ctx
	if f.zero {
		ctx = context.Background() // what was reset is read to the end
	}
	undo := f.s.bound(ctx, answerTime)
	defer undo()
	a := answers{base: f.at, n: end - f.at}
	a.first = f.client.nextSeq(a.n)
	f.out = f.out[:0]
	for i := range a.n {
		var err error
		if f.out, err = f.request(a.base+i).Append(f.out, a.first+uint32(i), 0); err != nil {
			return err
		}
	}
	if err := f.s.Send(f.out); err != nil {
		return err
	}
	return f.read(a)
}

// answers are those to one send.
type answers struct {
	first uint32 // the number of the first question
	base  int    // the key that it is about
	n     int
}

// read passes the answers on. After an overrun of a fetch that resets it goes
// on with those that came before.
func (f *fetcher) read(a answers) (lost error) {
	for f.at < a.base+a.n {
		n, err := f.s.ReceiveMany(f.in[:])
		switch {
		case f.zero && lost == nil && errors.Is(err, syscall.ENOBUFS):
			lost = err
			_ = f.s.SetDeadline(time.Now().Add(50 * time.Millisecond))
			continue
		case lost != nil && errors.Is(err, os.ErrDeadlineExceeded):
			return lost
		case err != nil:
			return err
		}
		for _, d := range f.in[:n] {
			if d.N > len(d.Buf) {
				return ErrTruncated
			}
			if err := f.take(d.Buf[:d.N], a); err != nil {
				return err
			}
		}
	}
	return lost
}

// take passes on what is in one datagram.
func (f *fetcher) take(b []byte, a answers) error {
	for len(b) > 0 {
		msg, rest, ok := wire.Next(b)
		if !ok {
			return &wire.DecodeError{Msg: "message cut short"}
		}
		b = rest
		typ, _, seq := wire.Peek(msg)
		switch i := seq - a.first; {
		case i >= uint32(a.n):
			continue // the answer to somebody who gave up waiting
		case i != uint32(f.at-a.base):
			return errSkipped
		}
		view := &f.view
		if typ == wire.TypeError {
			errno, extAck := wire.ReadVerdict(msg)
			switch errno {
			case syscall.ENOENT:
				view = nil
			case 0: // nobody has asked for an acknowledgement
				return errSkipped
			default:
				return &endError{errno, extAck}
			}
		} else if err := view.Reset(msg); err != nil {
			return err
		}
		f.at++
		if err := f.fn(f.at-1, view); err != nil {
			return &callbackError{err}
		}
	}
	return nil
}

// errSkipped says that something else came where an answer should have been.
var errSkipped = errors.New("something else came in its place")

// whyLost says in words what an answer was lost by, "" if err is about
// something else.
func whyLost(err error) string {
	var bad *wire.DecodeError
	switch {
	case errors.Is(err, errCallback):
	case errors.Is(err, syscall.ENOBUFS):
		return "the kernel had no buffer for its answers"
	case errors.Is(err, ErrTruncated):
		return "a datagram was cut off"
	case errors.Is(err, errSkipped):
		return "an answer is missing"
	case errors.As(err, &bad):
		return "a message could not be read"
	}
	return ""
}

// failed is what the caller is told of an error, which came while the answers
// up to end were read.
func (f *fetcher) failed(err error, end int) error {
	req := f.request(min(f.at, len(f.keys)-1))
	var fin *endError
	switch {
	case errors.Is(err, errCallback):
		if err = errors.Unwrap(err); errors.Is(err, ErrStop) {
			return nil
		}
		return err
	case errors.As(err, &fin):
		return f.client.explain(req, fin.errno, fin.extAck)
	}
	why := whyLost(err)
	if why == "" {
		return f.client.explainIO(f.ctx, req, err)
	}
	if f.zero {
		why += fmt.Sprintf("; the counters of %d flows may be reset without having been told", end-f.at)
	}
	return &IncompleteError{Op: req.Op(), Reason: why, Flows: f.at, Err: err}
}
