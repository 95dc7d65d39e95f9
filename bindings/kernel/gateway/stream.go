package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Side is one end of a stream.
type Side uint8

// The sides: it is always the client who opens the connection.
const (
	Client Side = iota
	Server
)

// String is "client" or "server".
func (s Side) String() string { return [...]string{"client", "server"}[s] }

// Talk says what a stream is. The zero value is TCP over IPv4 in blocks of 256
// bytes, as fast as it goes, spoken by the client.
type Talk struct {
	Proto uint8  // wire.ProtoTCP, also when 0, or wire.ProtoUDP
	IPv6  bool   // else IPv4
	Port  uint16 // of the server, a free one when 0
	First Side   // who speaks first; with UDP it must be the client
	Rate  int    // blocks a second; 0 is as fast as it goes, for TCP only
	Size  int    // bytes of content a block, 256 when 0, at most 1 MiB (UDP: 60000)
	// Patience is how long what was sent, and sent again, may stay without an
	// answer before the stream is taken for dead, and how long connecting may
	// take; 3 s when 0.
	Patience time.Duration
}

const (
	defaultSize     = 256
	defaultPatience = 3 * time.Second
	maxRate         = 1_000_000
	// ahead is how many blocks of TCP may be under way.
	ahead = 64
	// firstReason is how long the true reason of an end is waited for.
	firstReason = 5 * time.Second
	// longestLife bounds a stream that everybody forgot.
	longestLife = 5 * time.Minute
)

// check fills in what was left out.
func (t *Talk) check() error {
	if t.Proto == 0 {
		t.Proto = wire.ProtoTCP
	}
	if t.Size == 0 {
		t.Size = defaultSize
	}
	if t.Patience == 0 {
		t.Patience = defaultPatience
	}
	most := 1 << 20
	if t.Proto == wire.ProtoUDP {
		most = 60000
	}
	switch {
	case t.Proto != wire.ProtoTCP && t.Proto != wire.ProtoUDP:
		return fmt.Errorf("stream of %s: only tcp and udp make streams", wire.ProtoName(t.Proto))
	case t.Size < 0 || t.Size > most:
		return fmt.Errorf("stream with blocks of %d bytes: want 1 to %d", t.Size, most)
	case t.Rate < 0 || t.Rate > maxRate:
		return fmt.Errorf("stream with %d blocks a second: want 0 to %d", t.Rate, maxRate)
	case t.Patience < 0:
		return fmt.Errorf("stream with a patience of %v: it is not negative", t.Patience)
	case t.Proto == wire.ProtoUDP && t.Rate == 0:
		return fmt.Errorf("stream of udp without a rate: nothing would hold it back")
	case t.Proto == wire.ProtoUDP && t.First == Server:
		return fmt.Errorf("stream of udp that the server begins: it knows no client yet")
	}
	return nil
}

// Stream is a connection of which one side sends numbered blocks and the other
// sends each of them back. Both check what comes. Its methods may be called
// from several goroutines, but only one may turn it with Pause and Speak.
type Stream struct {
	talk  Talk
	id    uint64
	ends  [2]end
	tuple wire.Tuple

	done   chan struct{} // closed when it has ended
	under  chan struct{} // of TCP: holds one token a block under way
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	news    *sync.Cond
	stats   Stats
	ended   bool
	speaker Side
	talking bool          // blocks are due
	quit    chan struct{} // closed to silence the speaker, nil when none speaks
	silent  chan struct{} // closed when it is
	last    time.Time     // when a block came back, or speaking began
	unheard int           // blocks sent since then
}

// Stream connects client and server and begins to speak. It ends with ctx, on
// Close, with the test, or after five minutes.
func (g *Gateway) Stream(ctx context.Context, talk Talk) (*Stream, error) {
	if err := talk.check(); err != nil {
		return nil, err
	}
	ends, tuple, err := g.connect(ctx, &talk)
	if err != nil {
		return nil, fmt.Errorf("stream of %s through %s: %w", wire.ProtoName(talk.Proto), g.Place, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := newStream(ctx, talk, ends, tuple, uint64(len(g.streams)))
	g.streams = append(g.streams, s)
	s.Speak(talk.First)
	return s, nil
}

// newStream makes a silent stream of two ends that are connected.
func newStream(ctx context.Context, talk Talk, ends [2]end, tuple wire.Tuple, id uint64) *Stream {
	s := &Stream{talk: talk, id: id, ends: ends, tuple: tuple, done: make(chan struct{})}
	s.news = sync.NewCond(&s.mu)
	if talk.Proto == wire.ProtoTCP {
		s.under = make(chan struct{}, ahead)
	}
	ctx, s.cancel = context.WithTimeout(ctx, longestLife)
	s.work.Add(3)
	go s.hear(Client)
	go s.hear(Server)
	go func() {
		defer s.work.Done()
		<-ctx.Done()
		s.end(Alive, nil)
	}()
	return s
}

// Tuple is the original tuple of the flow, as the one who tracks sees it.
func (s *Stream) Tuple() wire.Tuple { return s.tuple }

// Done is closed when the stream has ended.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Stats tells how the stream fares.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	if s.talking && !s.ended {
		st.Stall = max(st.Stall, time.Since(s.last))
	}
	for side, e := range s.ends {
		st.Bytes[side] = e.came()
	}
	return st
}

// Await waits until n more blocks came back. It is false when the stream ended
// before; a stream that pauses is waited for.
func (s *Stream) Await(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for want := s.stats.Blocks + n; s.stats.Blocks < want; s.news.Wait() {
		if s.ended {
			return false
		}
	}
	return true
}

// Close ends the stream, if nothing else did, and returns its last statistics.
func (s *Stream) Close() Stats {
	s.cancel()
	s.work.Wait()
	return s.Stats()
}

// end ends the stream; the first reason stays.
func (s *Stream) end(how End, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if s.talking {
		s.stats.Stall = max(s.stats.Stall, time.Since(s.last))
	}
	s.ended, s.stats.End, s.stats.Err = true, how, err
	close(s.done)
	for _, e := range s.ends {
		_ = e.Close()
	}
	s.news.Broadcast()
	s.cancel()
}

// fail ends the stream on an error at one end. The kernel tells the reason why a
// connection ended once, to whoever asks first (linux sock_error); who asks
// next reads the end of the file or writes to a broken pipe, and lets the first
// one speak.
func (s *Stream) fail(side Side, doing string, err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) {
		select {
		case <-s.done:
		case <-time.After(firstReason):
		}
	}
	s.end(ending(err), fmt.Errorf("%s at the %s: %w", doing, side, err))
}
