package conntrack

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// scripted is a transport and a socket that answers every send with the same
// datagram twice, and then with nothing.
type scripted struct {
	answer   []byte
	left     int
	deadline time.Time
}

func (s *scripted) Dial() (Socket, error)                      { return s, nil }
func (*scripted) DialEvents(EventOptions) (EventSocket, error) { return nil, os.ErrInvalid }
func (*scripted) Name() string                                 { return "a script" }
func (*scripted) Close() error                                 { return nil }
func (*scripted) PortID() uint32                               { return 1 }
func (*scripted) SetReadBuffer(int) error                      { return nil }
func (s *scripted) SetDeadline(t time.Time) error              { s.deadline = t; return nil }
func (s *scripted) Send([]byte) error                          { s.left = 2; return nil }
func (*scripted) Receive([]byte) (int, error)                  { return 0, os.ErrInvalid }

func (s *scripted) ReceiveMany(msgs []Datagram) (n int, err error) {
	if s.left--; s.left < 0 {
		return 0, os.ErrDeadlineExceeded
	}
	copy(msgs[0].Buf, s.answer)
	msgs[0].N = len(s.answer)
	return 1, nil
}

// numbered is a message about the first flow with a type and sequence number.
func numbered(t testing.TB, seq uint32, typ uint8) []byte {
	t.Helper()
	b, err := udp(0).Append(nil, seq, 0)
	if err != nil {
		t.Fatal(err)
	}
	b[4] = typ
	return b
}

func TestFetchPassesOverOldAnswers(t *testing.T) {
	old, answer := numbered(t, 1<<31, wire.MsgNew), numbered(t, 1, wire.MsgNew)
	c := NewClient(&scripted{answer: append(old, answer...)})
	if came, err := count(c, 1, false); err != nil || came != 1 {
		t.Errorf("%d flows, %v; want the answer behind the old one", came, err)
	}
	c = NewClient(&scripted{answer: old})
	var incomplete *IncompleteError
	if came, err := count(c, 1, false); !errors.As(err, &incomplete) || came != 0 {
		t.Errorf("%d flows, %v; want that the kernel did not answer", came, err)
	}
	ack := []byte{20, 0, 0, 0, wire.TypeError, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	c = NewClient(&scripted{answer: ack})
	if came, err := count(c, 1, true); !errors.As(err, &incomplete) || came != 0 {
		t.Errorf("%d flows, %v; want that an answer is missing", came, err)
	}
}

func TestEchoDeadline(t *testing.T) {
	sock := &scripted{}
	e := echo{s: &session{Socket: sock}}
	e.miss(errSkipped)
	if !sock.deadline.IsZero() {
		t.Error("a deadline while the kernel is at work")
	}
	e.note(func() { e.sent = true })
	if d := time.Until(sock.deadline); d > afterLoss {
		t.Errorf("waits %s for an end that may be lost", d)
	}
	e.lost = nil
	e.note(func() {})
	if d := time.Until(sock.deadline); d > answerTime || !sock.deadline.After(time.Now().Add(afterLoss)) {
		t.Errorf("waits %s for the acknowledgement", d)
	}
}

// FuzzAnswers takes anything for an answer: a fetch calls its function once a
// key and in order, and a flush counts what it calls it for.
func FuzzAnswers(f *testing.F) {
	f.Add(append(numbered(f, 1, wire.MsgNew), numbered(f, 2, wire.MsgNew)...))
	f.Add(append(numbered(f, 0, wire.MsgDelete), numbered(f, 2, wire.MsgNew)...))
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff})
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3})
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, zero := range []bool{false, true} {
			c := NewClient(&scripted{answer: answer})
			calls := 0
			err := c.Fetch(context.Background(), keys(3), zero, func(i int, v *wire.View) error {
				if i != calls {
					t.Fatalf("key %d after %d calls", i, calls)
				}
				calls++
				if v != nil {
					var e wire.Entry
					v.Entry(&e)
				}
				return nil
			})
			if (err == nil) != (calls == 3) {
				t.Fatalf("%d calls, %v", calls, err)
			}
		}
		told := 0
		e := echo{s: &session{Socket: &scripted{answer: answer, left: 1}, buf: make([]byte, bufferSize)}, seq: 1,
			fn: func(*wire.View) error { told++; return nil }}
		if e.read() == nil || e.told != told {
			t.Fatalf("told %d of %d", told, e.told)
		}
	})
}
