package conntrack

import (
	"time"
)

// Transport makes sockets to one kernel and network namespace. Package fake
// has another one.
type Transport interface {
	// Dial opens a socket for requests.
	Dial() (Socket, error)
	// DialEvents opens a socket for events; groups are joined when it
	// returns, after buffer and filter are set.
	DialEvents(opt EventOptions) (EventSocket, error)
	// Name names the namespace for messages.
	Name() string
	Close() error
}

// Socket is a netlink socket. One goroutine sends and one receives at a time,
// and Close may come from another and makes receives return [ErrClosed].
type Socket interface {
	// Send hands one buffer of one or several messages to the kernel, which
	// has executed them when Send returns.
	Send(b []byte) error
	// Receive reads one datagram into b. It returns ENOBUFS where the kernel
	// dropped answers, os.ErrDeadlineExceeded after the deadline, and an error
	// that is [ErrTruncated] with n of what fitted where b was too small.
	Receive(b []byte) (n int, err error)
	// ReceiveMany reads at least one datagram and at most len(msgs), each into
	// the Buf of its Datagram. N is the length of the message, also where the
	// buffer was too small for it. Errors are those of Receive, which come
	// before anything is read.
	ReceiveMany(msgs []Datagram) (n int, err error)
	// PortID is the netlink address, which events name as their cause.
	PortID() uint32
	// SetReadBuffer asks for room for n bytes that wait to be read. Where the
	// kernel does not give that much it gives what it may.
	SetReadBuffer(n int) error
	// SetDeadline bounds receives; the zero time lifts the bound.
	SetDeadline(t time.Time) error
	Close() error
}

// EventSocket receives multicast messages.
type EventSocket interface {
	// ReceiveMany reads at least one datagram and at most len(msgs), each into
	// the Buf of its Datagram. wait says whether to block for the first.
	// Errors are those of Socket.Receive; without wait and with nothing there
	// n is 0.
	ReceiveMany(msgs []Datagram, wait bool) (n int, err error)
	// Drops is how many messages the kernel has dropped on this socket so far
	// (SO_MEMINFO), modulo 2^32.
	Drops() (uint32, error)
	// Info tells what the socket got of what was asked for.
	Info() EventSocketInfo
	SetDeadline(t time.Time) error
	Close() error
}

// Datagram is one received message and its origin.
type Datagram struct {
	Buf  []byte // where to read to; the slice is not changed
	N    int    // bytes read
	NSID int32  // namespace id of the origin, -1 for the socket's own
}

// EventSocketInfo tells what an event socket was given.
type EventSocketInfo struct {
	RcvBuf int    // bytes, as the kernel counts them
	Hint   string // how to get what was refused, "" if nothing was
	PortID uint32
	BPF    bool // a filter program is attached
}
