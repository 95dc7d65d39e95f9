package conntrack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Listener receives events. It has joined its groups when it is made: what
// happens from then on is received or counted as lost, whether or not Run has
// been called yet.
type Listener struct {
	sock   EventSocket
	opt    EventOptions
	client *Client
	closed atomic.Bool
	busy   atomic.Bool
	stop   context.CancelFunc // of the watchdog

	received, overruns, bad, reads atomic.Uint64
	unreliable                     atomic.Bool
	gone                           atomic.Pointer[goneError]

	dropMu sync.Mutex
	drops  dropCounter

	// Of Run's goroutine alone.
	msgs   []Datagram
	unread []Datagram // the part of msgs that fn has not seen
	offset int        // where in the first of them
	fn     func(*Event) error
	event  Event
	view   wire.View
	expect wire.Expect
	gap    gap
	nap    nap
	tick   time.Time // when the counter is read again

	due      uint64 // how much was lost up to the end of unread
	reported uint64 // and how much of that fn knows
}

// Size of a read: that many messages of at most so many bytes. Events are
// some 300 bytes, with every attribute there is less than 1500.
const (
	readMessages = 64
	messageSize  = 4 << 10
)

// tickEvery is how often the drop counter is read where nothing asks for it.
const tickEvery = time.Second

// errListening says that Run is running already.
var errListening = errors.New("conntrack: listener is running already")

func newListener(sock EventSocket, opt EventOptions, c *Client) *Listener {
	ctx, stop := context.WithCancel(context.Background())
	l := &Listener{sock: sock, opt: opt, client: c, stop: stop}
	buf := make([]byte, readMessages*messageSize)
	l.msgs = make([]Datagram, readMessages)
	for i := range l.msgs {
		l.msgs[i].Buf = buf[i*messageSize : (i+1)*messageSize : (i+1)*messageSize]
	}
	l.nap.size = sock.Info().RcvBuf
	if opt.Reliable {
		go l.watchdog(ctx)
	}
	return l
}

// Run calls fn for every event, in the caller's goroutine, until ctx ends, the
// listener is closed or fn returns an error, which Run returns as it is;
// [ErrStop] ends it without one. The event and what it points to are used
// again for the next.
//
// Loss is an event too: after an overrun fn gets an EventLoss between the last
// event from before the gap and the first from after it. The kernel does not
// mark the place, it is found by the size of the queue: events that came in
// the same microsecond may be on the wrong side. The numbers are exact.
//
// Run may be called again after it has ended, and goes on with the next event
// and with what was lost meanwhile. A deleted namespace ends it with
// an error that is [ErrNamespaceGone], if the namespace was opened by name.
func (l *Listener) Run(ctx context.Context, fn func(*Event) error) error {
	if l.busy.Swap(true) {
		return errListening
	}
	defer l.busy.Store(false)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wake := func() { _ = l.sock.SetDeadline(time.Unix(1, 0)) }
	defer context.AfterFunc(ctx, wake)()
	l.watchNamespace(ctx, wake)
	l.fn = fn
	err := l.loop(ctx)
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

func (l *Listener) loop(ctx context.Context) error {
	if err := l.handle(ctx); err != nil {
		return err
	}
	wait, idle, drained := true, false, 0
	l.tick = time.Time{}
	for {
		if err := l.pause(ctx); err != nil {
			return err
		}
		n, err := l.sock.ReceiveMany(l.msgs, wait)
		switch {
		case err == nil:
		case errors.Is(err, syscall.ENOBUFS):
			l.overruns.Add(1)
			if l.gap.overrun() {
				l.due = l.readDrops()
			}
			if err := l.handle(ctx); err != nil {
				return err
			}
			wait, idle = false, false
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			// A second without an event, or the end. Look once more without
			// waiting: the deadline may have passed before the read.
			l.tick = time.Time{}
			wait, idle = false, true
			continue
		default:
			return err
		}
		if n > 0 {
			l.reads.Add(1)
			l.unread = l.msgs[:n]
		}
		drained += n
		short := n < len(l.msgs)
		if short && (l.gap.drained() || idle && n == 0) {
			// Read now: while the handler runs more may be lost, elsewhere.
			l.due = l.readDrops()
		}
		if err := l.handle(ctx); err != nil {
			return err
		}
		wait, idle = false, false
		if short {
			d := l.nap.after(drained)
			if d > 0 {
				time.Sleep(d)
			}
			wait, drained = d == 0, 0
		}
	}
}

// handle passes on what was read and then what was found to be lost behind it.
func (l *Listener) handle(ctx context.Context) error {
	if err := l.deliver(ctx); err != nil {
		return err
	}
	if l.due <= l.reported {
		return nil
	}
	l.event = Event{Kind: EventLoss, NSID: -1, Lost: l.due - l.reported, Received: time.Now()}
	l.reported = l.due
	return l.fn(&l.event)
}

// pause is what is done between two reads: look whether it is over, and once
// a second read the counter and wind the clock that ends a blocking read.
func (l *Listener) pause(ctx context.Context) error {
	if err := l.over(ctx); err != nil {
		return err
	}
	now := time.Now()
	if now.Before(l.tick) {
		return nil
	}
	l.tick = now.Add(tickEvery)
	if err := l.sock.SetDeadline(l.tick); err != nil {
		return err
	}
	// Who ended the context meanwhile may have set his deadline before ours.
	if err := l.over(ctx); err != nil {
		return err
	}
	l.readDrops()
	return nil
}

// over tells whether there is a reason to end.
func (l *Listener) over(ctx context.Context) error {
	if l.closed.Load() {
		return ErrClosed
	}
	if gone := l.gone.Load(); gone != nil {
		return gone
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// readDrops brings Lost up to date and returns it. Once the socket is closed
// the last reading stands.
func (l *Listener) readDrops() uint64 {
	l.dropMu.Lock()
	defer l.dropMu.Unlock()
	if now, err := l.sock.Drops(); err == nil {
		l.drops.advance(now)
	}
	return l.drops.total
}

// deliver passes on what is left of the last read. What it has not come to
// when fn or ctx end it is left for the next Run.
func (l *Listener) deliver(ctx context.Context) error {
	now := time.Now()
	var received, bad uint64
	defer func() { l.count(received, bad) }()
	for len(l.unread) > 0 {
		d := &l.unread[0]
		if d.N > len(d.Buf) {
			received, bad = received+1, bad+1
			l.unread = l.unread[1:]
			continue
		}
		msg, _, ok := wire.Next(d.Buf[l.offset:d.N])
		if !ok || l.offset+align4(len(msg)) >= d.N {
			l.unread, l.offset = l.unread[1:], 0
		} else {
			l.offset += align4(len(msg))
		}
		received++
		if !ok || !l.decode(msg) {
			bad++
			continue
		}
		l.event.NSID, l.event.Received = d.NSID, now
		if err := l.fn(&l.event); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// align4 is NLMSG_ALIGN.
func align4(n int) int { return (n + 3) &^ 3 }

func (l *Listener) count(received, bad uint64) {
	l.received.Add(received)
	if bad > 0 {
		l.bad.Add(bad)
	}
}

// decode reads msg into the event.
func (l *Listener) decode(msg []byte) bool {
	h, ok := wire.ReadHeader(msg)
	if !ok {
		return false
	}
	e := &l.event
	*e = Event{PortID: h.PortID}
	// An event that made something has the flags of a request to make it.
	made := h.Flags&(wire.FlagCreate|wire.FlagExcl) != 0
	switch h.Type {
	case uint16(wire.SubsysConntrack)<<8 | wire.MsgNew:
		e.Kind = EventUpdate
		if made {
			e.Kind = EventNew
		}
	case uint16(wire.SubsysConntrack)<<8 | wire.MsgDelete:
		e.Kind = EventDestroy
	case uint16(wire.SubsysExpect)<<8 | wire.MsgExpNew:
		e.Kind = EventExpUpdate
		if made {
			e.Kind = EventExpNew
		}
	case uint16(wire.SubsysExpect)<<8 | wire.MsgExpDelete:
		e.Kind = EventExpDestroy
	default:
		return false
	}
	if e.Kind >= EventExpNew {
		e.Expect = &l.expect
		return wire.ParseExpect(msg, &l.expect) == nil
	}
	e.View = &l.view
	return l.view.Reset(msg) == nil
}

// Stats returns the counts so far, Lost as the kernel has it now. It may be
// called at any time.
func (l *Listener) Stats() EventStats {
	return EventStats{
		Received: l.received.Load(),
		Lost:     l.readDrops(),
		Overruns: l.overruns.Load(),
		Bad:      l.bad.Load(),
		Reads:    l.reads.Load(),

		ReliableLeft: l.unreliable.Load(),
	}
}

// Info tells what the socket was given of what was asked for.
func (l *Listener) Info() EventSocketInfo { return l.sock.Info() }

// Close ends Run and leaves the groups.
func (l *Listener) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	l.stop()
	l.readDrops()
	err := l.sock.Close()
	if l.client != nil {
		l.client.forget(l)
	}
	return err
}

// kinds returns what to listen to.
func (o *EventOptions) kinds() []EventKind {
	if len(o.Kinds) == 0 {
		return []EventKind{EventNew, EventUpdate, EventDestroy}
	}
	return o.Kinds
}

// check refuses options that make no sense.
func (o *EventOptions) check() error {
	for _, k := range o.Kinds {
		if k >= EventLoss {
			return &wire.FieldError{Op: "listen to events", Field: "kind", Msg: fmt.Sprintf("%d cannot be listened to", k)}
		}
	}
	if o.RcvBuf < 0 || o.RcvBuf > maxRcvBuf {
		return &wire.FieldError{Op: "listen to events", Field: "receive buffer", Msg: fmt.Sprintf("%d bytes: want 0 to %d", o.RcvBuf, maxRcvBuf)}
	}
	return o.Filter.check()
}

// maxRcvBuf is the largest buffer the kernel takes: it doubles the number and
// keeps it in an int.
const maxRcvBuf = 1<<30 - 1
