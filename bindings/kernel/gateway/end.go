package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// end is one end of a stream.
type end interface {
	// read returns the next block, valid until the next call.
	read() ([]byte, error)
	// write sends a block whole.
	write(b []byte) error
	// settled tells whether nothing that was sent waits for an
	// acknowledgement.
	settled() (bool, error)
	// came is how many bytes came in.
	came() int64
	Close() error
}

// counter counts what is read.
type counter struct {
	net.Conn
	bytes atomic.Int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}

// tcpEnd is an end of a TCP connection.
type tcpEnd struct {
	*net.TCPConn
	count counter
	in    *bufio.Reader
	block []byte
	mu    sync.Mutex // one block after the other
}

func newTCPEnd(c *net.TCPConn, content int) *tcpEnd {
	e := &tcpEnd{TCPConn: c, count: counter{Conn: c}, block: make([]byte, headerLen+content)}
	e.in = bufio.NewReaderSize(&e.count, 64<<10)
	return e
}

func (e *tcpEnd) read() ([]byte, error) {
	if _, err := io.ReadFull(e.in, e.block); err != nil {
		return nil, err
	}
	return e.block, nil
}

func (e *tcpEnd) write(b []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err := e.Write(b)
	return err
}

func (e *tcpEnd) settled() (bool, error) {
	var info *unix.TCPInfo
	raw, err := e.SyscallConn()
	if err != nil {
		return false, err
	}
	var errno error
	err = raw.Control(func(fd uintptr) {
		info, errno = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err := errors.Join(err, errno); err != nil {
		return false, fmt.Errorf("read TCP_INFO: %w", err)
	}
	return info.Unacked == 0 && info.Notsent_bytes == 0, nil
}

func (e *tcpEnd) came() int64 { return e.count.bytes.Load() }

// udpEnd is an end of UDP. The one that is not connected answers whoever it
// heard last, as the port of the other may change on the way.
type udpEnd struct {
	*net.UDPConn
	connected bool
	bytes     atomic.Int64
	peer      atomic.Pointer[netip.AddrPort]
	block     []byte
}

func (e *udpEnd) read() ([]byte, error) {
	n, from, err := e.ReadFromUDPAddrPort(e.block)
	if err != nil {
		return nil, err
	}
	e.bytes.Add(int64(n))
	e.peer.Store(&from)
	return e.block[:n], nil
}

func (e *udpEnd) write(b []byte) error {
	var err error
	if e.connected {
		_, err = e.Write(b)
	} else if to := e.peer.Load(); to != nil {
		_, err = e.WriteToUDPAddrPort(b, *to)
	}
	// A rule of our own namespace dropped it: lost, as it would be elsewhere.
	if errors.Is(err, syscall.EPERM) {
		return nil
	}
	return err
}

func (e *udpEnd) settled() (bool, error) { return true, nil }

func (e *udpEnd) came() int64 { return e.bytes.Load() }
