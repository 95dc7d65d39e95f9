package conntrack

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Client is the [Kernel] that a [Transport] leads to.
type Client struct {
	transport Transport
	seq       atomic.Uint32
	own       owned

	mu     sync.Mutex
	idle   []*session
	closed bool
	busy   map[*session]struct{}
	ears   map[*Listener]struct{}
}

// session is a request socket and its receive buffer, used by one operation
// at a time and thrown away after any operation that did not read its answer
// to the end.
type session struct {
	Socket
	buf    []byte
	chunks [2][]byte // of a stream, made when the first one needs them
}

// bufferSize is the receive buffer of a session: the kernel fills at most
// 32 KiB of a dump (linux netlink_dump) and sends less for the rest.
const bufferSize = 64 << 10

// answerTime is how long a command waits for the kernel, which answers
// requests before the send returns; longer means that the answer is lost.
const answerTime = 10 * time.Second

// idleSessions is how many sockets are kept for the next request.
const idleSessions = 4

var _ Kernel = (*Client)(nil)

// NewClient returns a Kernel over t, which it closes in the end.
func NewClient(t Transport) *Client {
	return &Client{transport: t, busy: map[*session]struct{}{}, ears: map[*Listener]struct{}{}}
}

// nextSeq reserves n sequence numbers and returns the first. 0 is left out:
// events carry it.
func (c *Client) nextSeq(n int) uint32 {
	for {
		last := c.seq.Add(uint32(n))
		if first := last - uint32(n) + 1; first != 0 && first <= last {
			return first
		}
	}
}

// acquire takes an idle session or opens one. The context's deadline and
// cancellation bound its receives until release.
func (c *Client) acquire(op string) (*session, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(c.idle); n > 0 {
		s := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.busy[s] = struct{}{}
		c.mu.Unlock()
		return s, nil
	}
	c.mu.Unlock()

	sock, err := c.transport.Dial()
	if err != nil {
		return nil, c.explainDial(op, err)
	}
	c.own.add(sock.PortID())
	s := &session{Socket: sock, buf: make([]byte, bufferSize)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = sock.Close()
		return nil, ErrClosed
	}
	c.busy[s] = struct{}{}
	return s, nil
}

// release gives a session back. One that is not clean may still receive the
// late answer to its last question, so it is closed.
func (c *Client) release(s *session, clean bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, s)
	if clean && !c.closed && len(c.idle) < idleSessions {
		c.idle = append(c.idle, s)
		return
	}
	_ = s.Close()
}

// bound makes receives on s end when ctx does, and at the latest after d
// (0 is without a limit). The returned function undoes it and must be called
// before release.
func (s *session) bound(ctx context.Context, d time.Duration) (undo func()) {
	var deadline time.Time
	if d > 0 {
		deadline = time.Now().Add(d)
	}
	_ = s.SetDeadline(deadline)
	if ctx.Done() == nil {
		return func() {}
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = s.SetDeadline(time.Unix(1, 0))
		close(done)
	})
	return func() {
		if !stop() {
			<-done // or it would hit the next user of the session
		}
	}
}

// ask sends one request and passes each answering message to fn, until the
// kernel says that it is done. The request must ask for an acknowledgement or
// be a dump.
func (c *Client) ask(ctx context.Context, req wire.Request, flags uint16, fn func(msg []byte) error) error {
	s, err := c.acquire(req.Op())
	if err != nil {
		return err
	}
	clean := false
	defer func() { c.release(s, clean) }()
	undo := s.bound(ctx, answerTime)
	defer undo()

	seq := c.nextSeq(1)
	msg, err := req.Append(s.buf[:0], seq, flags)
	if err != nil {
		clean = true
		return err
	}
	if err := s.Send(msg); err != nil {
		return c.explainIO(ctx, req, err)
	}
	err = s.answers(seq, fn)
	var fin *endError
	if errors.As(err, &fin) {
		clean = true
		if fin.errno == 0 {
			return nil
		}
		return c.explain(req, fin.errno, fin.extAck)
	}
	if errors.Is(err, errCallback) {
		return errors.Unwrap(err)
	}
	return c.explainIO(ctx, req, err)
}

// endError is the end of an answer: the acknowledgement (errno 0), the end of
// a dump, or a refusal.
type endError struct {
	errno  syscall.Errno
	extAck string
}

func (*endError) Error() string { return "end of answer" }

// errCallback marks an error that came from the caller's function.
var errCallback = errors.New("callback")

// callbackError carries it.
type callbackError struct{ err error }

func (e *callbackError) Error() string        { return e.err.Error() }
func (e *callbackError) Unwrap() error        { return e.err }
func (e *callbackError) Is(target error) bool { return target == errCallback }

// answers reads messages that answer seq until one ends it, and returns that
// end as an *endError, or what went wrong.
func (s *session) answers(seq uint32, fn func(msg []byte) error) error {
	for {
		n, err := s.Receive(s.buf)
		if err != nil {
			return err
		}
		for rest := s.buf[:n]; len(rest) > 0; {
			msg, next, ok := wire.Next(rest)
			if !ok {
				return &wire.DecodeError{Offset: n - len(rest), Msg: "message cut short"}
			}
			rest = next
			h, _ := wire.ReadHeader(msg)
			if h.Seq != seq {
				continue // the answer to somebody who gave up waiting
			}
			switch h.Type {
			case wire.TypeError, wire.TypeDone:
				errno, extAck := wire.ReadVerdict(msg)
				return &endError{errno, extAck}
			case wire.TypeNoop:
			default:
				if err := fn(msg); err != nil {
					return &callbackError{err}
				}
			}
		}
	}
}

// Close implements Kernel.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	var socks []*session
	socks = append(socks, c.idle...)
	for s := range c.busy {
		socks = append(socks, s)
	}
	ears := make([]*Listener, 0, len(c.ears))
	for l := range c.ears {
		ears = append(ears, l)
	}
	c.idle = nil
	c.mu.Unlock()
	for _, s := range socks {
		_ = s.Close()
	}
	for _, l := range ears {
		_ = l.Close()
	}
	return c.transport.Close()
}
