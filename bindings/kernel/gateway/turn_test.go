package gateway

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// wireEnd is an end of a connection that does what a test tells it.
type wireEnd struct {
	in, out chan []byte
	eof     chan struct{} // nil for never
	closed  chan struct{}
	close   func()
	bytes   atomic.Int64
	// spoil changes what is sent: no block, one, or several instead of b.
	spoil func(b []byte) ([][]byte, error)
}

// wires joins two ends; TCP is what the stream takes them for.
func wires() (ends [2]*wireEnd) {
	a, b, closed := make(chan []byte, ahead*2), make(chan []byte, ahead*2), make(chan struct{})
	once := sync.OnceFunc(func() { close(closed) })
	return [2]*wireEnd{{in: a, out: b, closed: closed, close: once}, {in: b, out: a, closed: closed, close: once}}
}

func (e *wireEnd) read() ([]byte, error) {
	select {
	case b := <-e.in:
		e.bytes.Add(int64(len(b)))
		return b, nil
	case <-e.eof:
		return nil, io.EOF
	case <-e.closed:
		return nil, io.ErrClosedPipe
	}
}

func (e *wireEnd) write(b []byte) error {
	list := [][]byte{b}
	if e.spoil != nil {
		var err error
		if list, err = e.spoil(append([]byte(nil), b...)); err != nil {
			return err
		}
	}
	for _, b := range list {
		select {
		case e.out <- append([]byte(nil), b...):
		case <-e.closed:
			return io.ErrClosedPipe
		}
	}
	return nil
}

func (e *wireEnd) settled() (bool, error) { return true, nil }
func (e *wireEnd) came() int64            { return e.bytes.Load() }
func (e *wireEnd) Close() error           { e.close(); return nil }

// wired runs a stream over such ends until it ends or 200 blocks came back.
func wired(t *testing.T, talk Talk, spoil func(b []byte) ([][]byte, error)) Stats {
	t.Helper()
	if err := talk.check(); err != nil {
		t.Fatal(err)
	}
	ends := wires()
	ends[Server].spoil = spoil
	s := newStream(t.Context(), talk, [2]end{ends[0], ends[1]}, wire.Tuple{}, 1)
	defer s.Close()
	s.Speak(talk.First)
	s.Await(200)
	return s.Close()
}

// The content check notices what TCP would never do.
func TestSpoiled(t *testing.T) {
	nth := func(n int, do func(b []byte) ([][]byte, error)) func(b []byte) ([][]byte, error) {
		calls := 0
		return func(b []byte) ([][]byte, error) {
			if calls++; calls == n {
				return do(b)
			}
			return [][]byte{b}, nil
		}
	}
	var late []byte
	for _, c := range []struct {
		name  string
		spoil func(b []byte) ([][]byte, error)
		end   End
		says  string
	}{
		{"untouched", nil, Alive, ""},
		{"flipped", nth(50, func(b []byte) ([][]byte, error) { b[headerLen+7] ^= 4; return [][]byte{b}, nil }), Broken, "checksum"},
		{"twice", nth(50, func(b []byte) ([][]byte, error) { return [][]byte{b, b}, nil }), Broken, "block 49 came, want 50"},
		{"lost", nth(50, func([]byte) ([][]byte, error) { return nil, nil }), Broken, "block 50 came, want 49"},
		{"swapped", func(b []byte) ([][]byte, error) {
			if late == nil {
				late = b
				return nil, nil
			}
			return [][]byte{b, late}, nil
		}, Broken, "block 1 came, want 0"},
		{"cut", nth(50, func(b []byte) ([][]byte, error) { return [][]byte{b[:100]}, nil }), Broken, "100 bytes came"},
		{"never sent", nth(50, func(b []byte) ([][]byte, error) {
			makeBlock(b, 1, 1<<30)
			setKind(b, kindEcho)
			return [][]byte{b}, nil
		}), Broken, "block 1073741824 came"},
		{"not sent back", nth(50, func(b []byte) ([][]byte, error) { setKind(b, kindBlock); return [][]byte{b}, nil }), Broken, "wrong side"},
		{"reset", nth(50, func([]byte) ([][]byte, error) { return nil, os.NewSyscallError("write", syscall.ECONNRESET) }), Reset, "send back at the server"},
		{"unreachable", nth(50, func([]byte) ([][]byte, error) { return nil, syscall.EHOSTUNREACH }), Timeout, "no route"},
		{"a strange end", nth(50, func([]byte) ([][]byte, error) { return nil, errors.New("strange") }), Broken, "strange"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := wired(t, Talk{}, c.spoil)
			if st.End != c.end || c.says == "" && st.Err != nil || c.says != "" && (st.Err == nil || !strings.Contains(st.Err.Error(), c.says)) {
				t.Errorf("%s, want %s for %q", st, c.end, c.says)
			}
		})
	}
}

// Who sends learns of a timeout, who receives only that it is over, and first.
func TestSecondReason(t *testing.T) {
	talk := Talk{}
	if err := talk.check(); err != nil {
		t.Fatal(err)
	}
	ends := wires()
	ends[Client].eof = make(chan struct{})
	calls := 0
	ends[Client].spoil = func(b []byte) ([][]byte, error) {
		if calls++; calls < 50 {
			return [][]byte{b}, nil
		}
		close(ends[Client].eof)
		time.Sleep(20 * time.Millisecond)
		return nil, syscall.ETIMEDOUT
	}
	s := newStream(t.Context(), talk, [2]end{ends[0], ends[1]}, wire.Tuple{}, 1)
	s.Speak(Client)
	<-s.Done()
	if st := s.Close(); st.End != Timeout {
		t.Errorf("%s, want timeout", st)
	}
}

// Datagrams may be lost, and be late.
func TestDatagrams(t *testing.T) {
	n := 0
	talk := Talk{Proto: wire.ProtoUDP, Rate: 5000, Patience: time.Minute}
	st := wired(t, talk, func(b []byte) ([][]byte, error) {
		if n++; n%3 == 0 {
			return nil, nil
		}
		return [][]byte{b}, nil
	})
	if st.End != Alive || st.Blocks < 200 || st.Heard < st.Blocks*5/4 {
		t.Errorf("%d heard: %s", st.Heard, st)
	}
	st = wired(t, talk, func(b []byte) ([][]byte, error) {
		makeBlock(b, 1, 1<<30)
		setKind(b, kindEcho)
		return [][]byte{b}, nil
	})
	if st.End != Broken || st.Blocks != 0 {
		t.Errorf("an answer to what was never sent: %s", st)
	}
	talk.Patience = 50 * time.Millisecond
	st = wired(t, talk, func([]byte) ([][]byte, error) { return nil, nil })
	if st.End != Timeout || st.Blocks != 0 || st.Heard == 0 || st.Stall < talk.Patience {
		t.Errorf("%d heard: %s", st.Heard, st)
	}
}

// A stream that nobody closes ends with its context.
func TestContextEndsStream(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ends := wires()
	talk := Talk{}
	if err := talk.check(); err != nil {
		t.Fatal(err)
	}
	s := newStream(ctx, talk, [2]end{ends[0], ends[1]}, wire.Tuple{}, 1)
	s.Speak(Client)
	if !s.Await(10) || !s.Pause() {
		t.Fatal(s.Stats())
	}
	at := s.Stats()
	time.Sleep(at.Stall + time.Millisecond)
	if now := s.Stats(); now.Stall != at.Stall {
		t.Errorf("a pause counts as a stall of %v, was %v", now.Stall, at.Stall)
	}
	s.Speak(Server)
	if !s.Await(10) {
		t.Fatal(s.Stats())
	}
	cancel()
	<-s.Done()
	if s.Await(1 << 30) {
		t.Error("a stream that has ended goes on")
	}
	if s.Pause() {
		t.Error("a stream that has ended pauses")
	}
	s.Speak(Client)
	if st := s.Close(); st.End != Alive || st.Err != nil || st.Blocks < at.Blocks+10 {
		t.Errorf("%s", st)
	}
}

func TestTalkRefused(t *testing.T) {
	for _, c := range []struct {
		talk Talk
		says string
	}{
		{Talk{Proto: wire.ProtoSCTP}, "sctp"},
		{Talk{Size: -1}, "-1 bytes"},
		{Talk{Size: 1<<20 + 1}, "want 1 to 1048576"},
		{Talk{Proto: wire.ProtoUDP, Rate: 1, Size: 60001}, "want 1 to 60000"},
		{Talk{Rate: -1}, "-1 blocks"},
		{Talk{Rate: 1_000_001}, "want 0 to 1000000"},
		{Talk{Patience: -1}, "patience"},
		{Talk{Proto: wire.ProtoUDP}, "without a rate"},
		{Talk{Proto: wire.ProtoUDP, Rate: 1, First: Server}, "server begins"},
	} {
		if err := c.talk.check(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.talk, err, c.says)
		}
	}
}
