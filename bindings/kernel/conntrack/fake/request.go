package fake

import (
	"encoding/binary"
	"errors"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Message types and flags of netlink (linux include/uapi/linux/netlink.h).
const (
	typeError = 2
	typeDone  = 3
	typeBatch = 16 // NFNL_MSG_BATCH_BEGIN

	flagRequest  = 0x1
	flagMulti    = 0x2
	flagAck      = 0x4
	flagEcho     = 0x8
	flagFiltered = 0x20
	flagReplace  = 0x100
	flagExcl     = 0x200
	flagDump     = 0x300
	flagCreate   = 0x400
	flagCapped   = 0x100
	flagAckTLVs  = 0x200
)

// header is a netlink header with its nfgenmsg.
type header struct {
	len     uint32
	typ     uint16
	flags   uint16
	seq     uint32
	family  uint8
	version uint8
	resID   uint16
}

func readHeader(b []byte) (h header) {
	h = header{len: binary.NativeEndian.Uint32(b), typ: binary.NativeEndian.Uint16(b[4:]),
		flags: binary.NativeEndian.Uint16(b[6:]), seq: binary.NativeEndian.Uint32(b[8:])}
	if h.len >= wire.HeaderLen && len(b) >= wire.HeaderLen {
		h.family, h.version, h.resID = b[16], b[17], binary.BigEndian.Uint16(b[18:])
	}
	return h
}

// is tells whether all of the flags are set.
func (h header) is(flags uint16) bool { return h.flags&flags == flags }

// origin is who caused a change: a socket, which may want an echo, or nobody
// (a packet, a timeout).
type origin struct {
	portID uint32
	echo   *socket
}

// errDumping says that a dump is under way, which answers for itself.
var errDumping = errors.New("dumping")

// request executes a buffer of messages in order (linux netlink_rcv_skb):
// what has an error is answered by it and changes nothing for the rest, and a
// message whose length is wrong ends the buffer without a word.
func (k *Kernel) request(s *socket, b []byte) {
	for first := true; len(b) >= 16; first = false {
		h := readHeader(b)
		if h.len < 16 || int64(h.len) > int64(len(b)) {
			return
		}
		msg := b[:h.len]
		switch {
		case first && k.opt.Unprivileged:
			k.ack(s, msg, syscall.EPERM)
			return
		case first && h.typ == typeBatch:
			k.ack(s, msg, syscall.EOPNOTSUPP)
			return
		}
		var err error
		if h.is(flagRequest) && h.typ >= 16 && h.len >= wire.HeaderLen {
			err = k.execute(s, h, msg)
		}
		if err != nil && !errors.Is(err, errDumping) || err == nil && h.is(flagAck) {
			k.ack(s, msg, err)
		}
		b = b[min(align(int(h.len)), len(b)):]
	}
}

// ack answers a message: success, or the errno, with the kernel's words where
// there are any.
func (k *Kernel) ack(s *socket, msg []byte, err error) {
	h := readHeader(msg)
	var errno syscall.Errno
	var words *refusal
	if errors.As(err, &words) {
		errno = words.errno
	} else {
		errors.As(err, &errno)
	}
	var flags uint16
	echoed := msg[:16]
	if errno == 0 || !k.opt.FullErrors {
		flags |= flagCapped
	} else {
		echoed = msg
	}
	m := &message{make([]byte, 0, 64)}
	if words != nil {
		flags |= flagAckTLVs
	}
	m = newMessage(m.b, typeError, flags, h.seq, s.portID, 0, 0)
	m.b = binary.NativeEndian.AppendUint32(m.b[:16], uint32(-int32(errno)))
	m.b = append(m.b, echoed...)
	m.b = append(m.b, make([]byte, align(len(m.b))-len(m.b))...)
	if words != nil {
		m.text(1, words.words)
		m.bytes(2, binary.NativeEndian.AppendUint32(nil, uint32(words.offset)))
	}
	s.answer(m.finish(0))
}

// call is one request on its way through the kernel.
type call struct {
	s *socket
	h header
	a attrs
}

// by is the origin of what the call changes.
func (c *call) by() origin {
	o := origin{portID: c.s.portID}
	if c.h.is(flagEcho) {
		o.echo = c.s
	}
	return o
}

// dumping tells whether the request is a dump.
func (c *call) dumping() bool { return c.h.flags&flagDump != 0 }

type handler func(*Kernel, *call) error

// service is a subsystem: its operations and what their attributes must be.
type service struct {
	calls []handler
	rules []map[int]policy // by operation
}

// execute runs one message (linux nfnetlink_rcv_msg).
func (k *Kernel) execute(s *socket, h header, msg []byte) error {
	var svc *service
	switch subsys := uint8(h.typ >> 8); {
	case subsys == wire.SubsysConntrack && !k.opt.WithoutConntrack:
		svc = &conntrackService
	case subsys == wire.SubsysExpect && !k.opt.WithoutConntrack:
		svc = &expectService
	case subsys == wire.SubsysTimeout && !k.opt.WithoutTimeouts:
		svc = &timeoutService
	}
	op := int(h.typ & 0xff)
	if svc == nil || op >= len(svc.calls) {
		return syscall.EINVAL
	}
	body := msg[wire.HeaderLen:]
	if err := validate(body, svc.rules[op], wire.HeaderLen); err != nil {
		return err
	}
	return svc.calls[op](k, &call{s, h, parse(body)})
}

// reply sends one data message.
func (c *call) reply(msg []byte) error {
	c.s.answer(msg)
	return nil
}
