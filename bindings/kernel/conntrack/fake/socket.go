package fake

import (
	"os"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
)

// Sizes of a real socket (linux 6.18 with its default sysctls).
const (
	recvBuffer = 212992      // SO_RCVBUF
	sendBuffer = 212992 - 32 // the longest datagram to send
	ackCost    = 832         // what one acknowledgement takes of the buffer
	eventCost  = 1280        // and one event
	firstDump  = 3776        // bytes of a dump's datagram before the first receive
	dumpSize   = 32 << 10    // and of later ones, at most
)

// queue is the receive side of a socket. The kernel's lock guards it.
type queue struct {
	k         *Kernel
	portID    uint32
	limit     int
	msgs      []datagram
	used      int
	congested bool // drop everything until the queue is empty
	overrun   bool // ENOBUFS is due
	drops     uint32
	closed    bool
	deadline  time.Time
	wake      chan struct{} // closed when something has changed
}

type datagram struct {
	b    []byte
	cost int
}

func (k *Kernel) newQueue(limit int) queue {
	k.nextPort++
	return queue{k: k, portID: k.nextPort, limit: limit, wake: make(chan struct{})}
}

func (q *queue) signal() {
	close(q.wake)
	q.wake = make(chan struct{})
}

// put adds a datagram and tells whether there was room. The first one always
// fits.
func (q *queue) put(b []byte, cost int) bool {
	if q.closed {
		return true
	}
	if q.congested || q.used > 0 && q.used+cost > q.limit {
		q.overflow()
		return false
	}
	q.used += cost
	q.msgs = append(q.msgs, datagram{b, cost})
	q.signal()
	return true
}

func (q *queue) overflow() {
	q.drops++
	if !q.congested {
		q.congested, q.overrun = true, true
		q.signal()
	}
}

// take removes the first datagram, or says why there is none: nil and nil
// when one has to wait.
func (q *queue) take() ([]byte, error) {
	switch {
	case q.closed:
		return nil, conntrack.ErrClosed
	case q.overrun:
		q.overrun, q.congested = false, len(q.msgs) > 0
		return nil, os.NewSyscallError("netlink receive", syscall.ENOBUFS)
	case len(q.msgs) == 0:
		return nil, nil
	}
	d := q.msgs[0]
	q.msgs = q.msgs[1:]
	q.used -= d.cost
	if len(q.msgs) == 0 {
		q.congested = false
	}
	return d.b, nil
}

// wait blocks until something has changed or the deadline has passed. The
// kernel's lock is held on entry and on return.
func (q *queue) wait() error {
	var timeout <-chan time.Time
	if !q.deadline.IsZero() {
		d := time.Until(q.deadline)
		if d <= 0 {
			return os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	wake := q.wake
	q.k.mu.Unlock()
	defer q.k.mu.Lock()
	select {
	case <-wake:
	case <-timeout:
	}
	return nil
}

func (q *queue) setDeadline(t time.Time) {
	q.k.mu.Lock()
	defer q.k.mu.Unlock()
	q.deadline = t
	q.signal()
}

func (q *queue) shut() {
	if !q.closed {
		q.closed = true
		q.signal()
	}
}

// socket is a request socket.
type socket struct {
	queue
	dump    *dump
	offered int      // the largest buffer that a receive had
	late    [][]byte // answers that come after the deadline
}

// Dial implements conntrack.Transport.
func (k *Kernel) Dial() (conntrack.Socket, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, conntrack.ErrClosed
	}
	s := &socket{queue: k.newQueue(recvBuffer)}
	k.sockets[s] = struct{}{}
	return s, nil
}

// Send implements conntrack.Socket.
func (s *socket) Send(b []byte) error {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	switch {
	case s.closed:
		return conntrack.ErrClosed
	case len(b) > sendBuffer:
		return os.NewSyscallError("netlink send", syscall.EMSGSIZE)
	}
	held := s.k.faults.hold()
	before := len(s.msgs)
	s.k.request(s, b)
	if held {
		for _, d := range s.msgs[before:] {
			s.late = append(s.late, d.b)
			s.used -= d.cost
		}
		s.msgs = s.msgs[:before]
	}
	return nil
}

// answer queues a datagram for the socket.
func (s *socket) answer(b []byte) bool {
	cost := ackCost
	if len(b) > 160 {
		cost = align(len(b)) + 768
	}
	return s.store(b, cost)
}

// store queues a datagram unless it is to be lost.
func (s *socket) store(b []byte, cost int) bool {
	if s.k.faults.loseAnswer() {
		s.overflow()
		return false
	}
	return s.put(b, cost)
}

// Receive implements conntrack.Socket.
func (s *socket) Receive(b []byte) (int, error) {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.offered = max(s.offered, min(len(b), dumpSize))
	msg, err := s.first()
	if err != nil {
		return 0, err
	}
	n := copy(b, msg)
	if s.k.faults.cut() {
		return min(n, len(msg)/2), conntrack.ErrTruncated
	}
	if len(msg) > len(b) {
		return n, conntrack.ErrTruncated
	}
	return n, nil
}

// first takes the datagram that comes next, when there is one.
func (s *socket) first() ([]byte, error) {
	for {
		msg, err := s.take()
		if msg != nil {
			s.continueDump()
		}
		if msg != nil || err != nil {
			return msg, err
		}
		if err := s.wait(); err != nil {
			for _, b := range s.late {
				s.answer(b)
			}
			s.late = nil
			return nil, err
		}
	}
}

// ReceiveMany implements conntrack.Socket.
func (s *socket) ReceiveMany(msgs []conntrack.Datagram) (int, error) {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	msg, err := s.first()
	if err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		d := &msgs[n]
		copy(d.Buf, msg)
		d.N, d.NSID = len(msg), -1
		if s.k.faults.cut() {
			d.N = len(d.Buf) + 1
		}
		if n+1 == len(msgs) || s.overrun || len(s.msgs) == 0 {
			return n + 1, nil
		}
		if msg, err = s.take(); err != nil {
			return n + 1, nil
		}
		s.continueDump()
	}
}

// PortID implements conntrack.Socket.
func (s *socket) PortID() uint32 { return s.portID }

// SetReadBuffer implements conntrack.Socket. The kernel counts twice what is
// asked for.
func (s *socket) SetReadBuffer(n int) error {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.limit = 2 * n
	return nil
}

// SetDeadline implements conntrack.Socket.
func (s *socket) SetDeadline(t time.Time) error {
	s.setDeadline(t)
	return nil
}

// Close implements conntrack.Socket.
func (s *socket) Close() error {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.shut()
	s.dump = nil
	delete(s.k.sockets, s)
	return nil
}

// dump is one that is under way on a socket.
type dump struct {
	seq uint32
	// fill appends messages to b up to size bytes; done says that there are
	// no more.
	fill func(b []byte, size int) (out []byte, done bool)
	end  bool // everything is sent but DONE
}

// startDump begins a dump. One at a time runs on a socket.
func (s *socket) startDump(h header, fill func(b []byte, size int) ([]byte, bool)) error {
	if s.dump != nil {
		return syscall.EBUSY
	}
	s.dump = &dump{seq: h.seq, fill: fill}
	s.stepDump()
	return errDumping
}

// continueDump makes the next datagram when the queue has room.
func (s *socket) continueDump() {
	if s.dump != nil && s.used <= s.limit/2 {
		s.stepDump()
	}
}

// stepDump makes one datagram: messages, or the end.
func (s *socket) stepDump() {
	d := s.dump
	if s.k.faults.dumpStep(s.k) {
		s.overflow()
	}
	size := firstDump
	if s.offered > 0 {
		size = s.offered
	}
	var b []byte
	for !d.end && len(b) == 0 {
		b, d.end = d.fill(make([]byte, 0, size), size)
	}
	if len(b) == 0 {
		m := newMessage(nil, typeDone, flagMulti, d.seq, s.portID, 0, 0)
		m.b = append(m.b[:16], 0, 0, 0, 0)
		b = m.finish(0)
		s.dump = nil
	}
	s.answer(b)
}
