package conntrack

import (
	"runtime"
	"time"
)

// stream hands out the datagrams of one answer, several at once where they
// come fast.
type stream struct {
	s    *session
	err  error // behind the data that was handed out last
	pipe *pipe // nil where the reader receives by itself
	last []byte
}

// pipe is the other goroutine of a stream: it receives while the reader works
// on what came before, so that the kernel and the reader each have a processor.
type pipe struct {
	full chan chunk  // at most both buffers, so that no send blocks
	free chan []byte // buffers that have been read; closed at the end
	done chan struct{}
}

type chunk struct {
	b   []byte
	err error
}

// Sizes of a stream. The kernel fills at most 32 KiB of a datagram (linux
// netlink_dump); one that is not nearly full is the last or close to it. A
// chunk of several full ones keeps the hand-over from costing anything.
const (
	maxDatagram = 32 << 10
	nearlyFull  = 24 << 10
	chunkSize   = 4 * maxDatagram
)

// stream begins to read an answer, with a goroutine of its own if ahead and
// there is a processor for it. It must be closed before the session is used
// for something else.
func (s *session) stream(ahead bool) *stream {
	st := &stream{s: s}
	if !ahead || runtime.GOMAXPROCS(0) == 1 {
		return st
	}
	for i := range s.chunks {
		if s.chunks[i] == nil {
			s.chunks[i] = make([]byte, chunkSize)
		}
	}
	st.pipe = &pipe{make(chan chunk, len(s.chunks)), make(chan []byte, len(s.chunks)), make(chan struct{})}
	go st.pipe.run(s)
	return st
}

// next returns what came next. It is valid until the following call.
func (st *stream) next() ([]byte, error) {
	if st.pipe == nil {
		n, err := st.s.Receive(st.s.buf)
		return st.s.buf[:n], err
	}
	if st.last != nil {
		st.pipe.free <- st.last
		st.last = nil
	}
	if st.err != nil {
		return nil, st.err
	}
	c := <-st.pipe.full
	if len(c.b) == 0 {
		return nil, c.err
	}
	st.last, st.err = c.b, c.err
	return c.b, nil
}

// close ends the goroutine. The session can be used again.
func (st *stream) close() {
	if st.pipe == nil {
		return
	}
	close(st.pipe.free)
	_ = st.s.SetDeadline(time.Unix(1, 0)) // it may wait for what will not come
	<-st.pipe.done
}

// run fills buffers until an error, or until the stream is closed. Behind a
// datagram that is not nearly full it waits for the reader, who knows whether
// that was the end.
func (p *pipe) run(s *session) {
	defer close(p.done)
	have := [][]byte{s.chunks[0], s.chunks[1]}
	want := 1
	for {
		for len(have) < want {
			b, ok := <-p.free
			if !ok {
				return
			}
			have = append(have, b[:cap(b)])
		}
		buf, at := have[0], 0
		have, want = have[1:], 1
		for {
			n, err := s.Receive(buf[at:])
			if err != nil {
				p.full <- chunk{buf[:at], err}
				return
			}
			at += n
			if n < nearlyFull {
				want = len(s.chunks)
			}
			if n < nearlyFull || len(buf)-at < maxDatagram {
				break
			}
		}
		p.full <- chunk{buf[:at], nil}
	}
}
