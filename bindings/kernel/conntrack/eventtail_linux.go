package conntrack

import (
	"errors"

	"golang.org/x/sys/unix"
)

// tail finds the end of the queue after an overrun.
//
// Until it is reached nothing is queued any more, so the number of queued
// bytes only falls, by at least minSkb a message. Where a message was read
// and it is zero, or has not fallen by that much, that message was the last
// before the gap.
type tail struct {
	follow bool  // an overrun was reported, its gap not reached
	ended  bool  // the gap is at the end of a read that was full
	err    error // to be returned by the next read
}

// Bounds of what one event weighs in the receive buffer: the kernel counts
// the buffer head (576 bytes at the least on 64 bit) and what was allocated
// for the message, a page at most.
const (
	minSkb = 512
	maxSkb = 8 << 10
)

// receiveTail is ReceiveMany between an overrun and its gap. While far more
// is queued than a read can take it reads as always, and then one message at
// a time, looking where the queue ends. There it returns, with fewer than
// asked for.
func (s *eventSocket) receiveTail(msgs []Datagram) (n int, err error) {
	queued, err := s.queued()
	if err != nil {
		return 0, err
	}
	if queued > uint32(len(msgs))*maxSkb {
		err := s.call(msgs, false)
		return s.n, err
	}
	for n < len(msgs) {
		if err := s.call(msgs[n:n+1], false); err != nil {
			if n == 0 {
				return 0, err
			}
			s.tail.err = err
			return n, nil
		}
		n += s.n
		left, err := s.fallen(queued)
		if err != nil {
			return n, err
		}
		if s.n == 0 || left == 0 || left+minSkb > queued {
			s.tail.follow = false
			s.tail.ended = n == len(msgs)
			return n, nil
		}
		queued = left
	}
	return n, nil
}

// fallen reads how much is queued, again where it seems not to have fallen:
// since linux 6.16 a message that is about to be refused is counted for a
// moment too (netlink_broadcast_deliver).
func (s *eventSocket) fallen(from uint32) (left uint32, err error) {
	const readings = 8
	left = 1<<32 - 1
	for range readings {
		now, err := s.queued()
		if err != nil {
			return 0, err
		}
		if left = min(left, now); left+minSkb <= from {
			break
		}
	}
	return left, nil
}

// next says whether a read has its result already, left by the one before.
func (t *tail) next(wait bool) (err error, done bool) {
	err, ended := t.err, t.ended
	t.err, t.ended = nil, false
	return err, err != nil || ended && !wait
}

// overrun looks for the kernel's word of one.
func (t *tail) overrun(err error) {
	if errors.Is(err, unix.ENOBUFS) {
		t.follow, t.ended = true, false
	}
}
