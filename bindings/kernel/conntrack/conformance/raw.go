package conformance

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// attr is one attribute of a message of our own.
func attr(typ int, payload ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, uint16(typ))
	b = append(b, payload...)
	return append(b, make([]byte, -len(b)&3)...)
}

func attr16(typ int, v uint16) []byte { return attr(typ, binary.BigEndian.AppendUint16(nil, v)...) }
func attr32(typ int, v uint32) []byte { return attr(typ, binary.BigEndian.AppendUint32(nil, v)...) }
func attrText(typ int, s string) []byte {
	return attr(typ, append([]byte(s), 0)...)
}

// nest is an attribute made of others.
func nest(typ int, inner ...[]byte) []byte { return attr(typ|0x8000, join(inner...)...) }

func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// tuple is a tuple attribute; extra goes behind address and protocol.
func tuple(typ int, t wire.Tuple, extra ...[]byte) []byte {
	return nest(typ, addresses(t), protocol(t), join(extra...))
}

func addresses(t wire.Tuple) []byte {
	if t.Family == wire.FamilyIPv4 {
		return nest(1, attr(1, t.Src[12:]...), attr(2, t.Dst[12:]...))
	}
	return nest(1, attr(3, t.Src[:]...), attr(4, t.Dst[:]...))
}

func protocol(t wire.Tuple) []byte {
	typ, code, id := t.ICMP()
	switch t.Proto {
	case wire.ProtoICMP:
		return nest(2, attr(1, t.Proto), attr16(4, id), attr(5, typ), attr(6, code))
	case wire.ProtoICMPv6:
		return nest(2, attr(1, t.Proto), attr16(7, id), attr(8, typ), attr(9, code))
	}
	return nest(2, attr(1, t.Proto), attr16(2, t.SrcPort), attr16(3, t.DstPort))
}

// message is a message of our own; the sequence number is filled in when it is
// sent.
type message struct {
	subsys, typ     uint8
	flags           uint16
	family, version uint8
	attrs           []byte
}

func (m message) bytes(seq uint32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(20+len(m.attrs)))
	b = binary.NativeEndian.AppendUint16(b, uint16(m.subsys)<<8|uint16(m.typ))
	b = binary.NativeEndian.AppendUint16(b, m.flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0, m.family, m.version, 0, 0)
	return append(b, m.attrs...)
}

// ct is a request to the conntrack subsystem that wants an acknowledgement.
func ct(typ uint8, flags uint16, family uint8, attrs ...[]byte) message {
	return message{wire.SubsysConntrack, typ, flags | wire.FlagRequest | wire.FlagAck, family, 0, join(attrs...)}
}

// raw is a request socket of our own.
type raw struct {
	t   *testing.T
	s   conntrack.Socket
	seq uint32
}

func (h *harness) raw() *raw {
	h.t.Helper()
	s, err := h.w.Transport.Dial()
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = s.Close() })
	return &raw{t: h.t, s: s, seq: 100}
}

// answer is one message that came back.
type answer struct {
	wire.Header
	errno syscall.Errno
	words string
	msg   []byte
}

// send sends bytes as they are.
func (r *raw) send(b []byte) {
	r.t.Helper()
	if err := r.s.Send(b); err != nil {
		r.t.Fatalf("send: %v", err)
	}
}

// quiet is how long to wait for an answer that should not come: the kernel
// answers before the send returns.
const quiet = 30 * time.Millisecond

// receive reads what has been answered until there is no more, or after done
// says that it is complete.
func (r *raw) receive(done func(answer) bool) (list []answer, err error) {
	r.t.Helper()
	buf := make([]byte, 64<<10)
	for {
		wait := 10 * time.Second
		if done == nil {
			wait = quiet
		}
		if err := r.s.SetDeadline(time.Now().Add(wait)); err != nil {
			r.t.Fatal(err)
		}
		n, err := r.s.Receive(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && done == nil {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		for rest := append([]byte(nil), buf[:n]...); len(rest) > 0; {
			msg, next, ok := wire.Next(rest)
			if !ok {
				r.t.Fatalf("malformed answer % x", rest)
			}
			rest = next
			head, _ := wire.ReadHeader(msg)
			a := answer{Header: head, msg: msg}
			if head.Type == wire.TypeError || head.Type == wire.TypeDone {
				a.errno, a.words = wire.ReadVerdict(msg)
			}
			list = append(list, a)
			if done != nil && done(a) {
				return list, nil
			}
		}
	}
}

// ask sends one message and returns all answers to it; the last one is the
// verdict or the end of the dump.
func (r *raw) ask(m message) []answer {
	r.t.Helper()
	r.seq++
	r.send(m.bytes(r.seq))
	list, err := r.receive(func(a answer) bool {
		return a.Seq == r.seq && (a.Type == wire.TypeError || a.Type == wire.TypeDone)
	})
	if err != nil {
		r.t.Fatalf("receive: %v", err)
	}
	return list
}

// verdict is what the kernel says to one message.
func (r *raw) verdict(m message) syscall.Errno {
	r.t.Helper()
	list := r.ask(m)
	return list[len(list)-1].errno
}

// want fails the test unless the verdict on m is errno.
func (r *raw) want(errno syscall.Errno, m message, what string) {
	r.t.Helper()
	if got := r.verdict(m); got != errno {
		r.t.Errorf("%s: %s, want %s", what, name(got), name(errno))
	}
}

func name(e syscall.Errno) string {
	if e == 0 {
		return "success"
	}
	return e.Error()
}
