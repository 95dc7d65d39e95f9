package conntrack

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/netfilter"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// eventSocket is a multicast socket: opened and configured by
// mdlayher/netlink, read by recvmmsg into the caller's buffers.
type eventSocket struct {
	*pollFD
	info EventSocketInfo

	// One call to ReceiveMany at a time; what follows is its state, kept here
	// so that it allocates nothing.
	in   receiver
	recv func(fd uintptr) bool
	want int
	wait bool
	n    int
	err  error
	tail tail

	mu      sync.Mutex // guards what follows, the state of memory
	inspect func(fd int) error
	mem     memInfo
}

// defaultRcvBuf is the receive buffer where the options name none.
const defaultRcvBuf = 8 << 20

// groups are the multicast groups by kind.
var groups = [...]netfilter.NetlinkGroup{
	EventNew:        netfilter.GroupCTNew,
	EventUpdate:     netfilter.GroupCTUpdate,
	EventDestroy:    netfilter.GroupCTDestroy,
	EventExpNew:     netfilter.GroupCTExpNew,
	EventExpUpdate:  netfilter.GroupCTExpUpdate,
	EventExpDestroy: netfilter.GroupCTExpDestroy,
}

// dialEvents opens an event socket in the namespace of the descriptor netns (0
// is that of the calling thread). Buffer, options and program are set before
// the groups are joined, so that nothing comes in that they should have kept
// out.
func dialEvents(netns int, opt EventOptions) (EventSocket, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	prog, err := opt.Filter.compile()
	if err != nil {
		return nil, err
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: netns})
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	s := &eventSocket{}
	if err := s.open(conn, opt, prog); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return s, nil
}

// open sets conn up and takes it over. On error it is still to be closed,
// which does no harm where it was.
func (s *eventSocket) open(conn *netlink.Conn, opt EventOptions, prog []bpf.RawInstruction) (err error) {
	if err := s.configure(conn, opt); err != nil {
		return fmt.Errorf("configure event socket: %w", err)
	}
	if prog != nil {
		if err := conn.SetBPF(prog); err != nil {
			return fmt.Errorf("attach socket filter: %w", err)
		}
		s.info.BPF = true
	}
	for _, kind := range opt.kinds() {
		if err := conn.JoinGroup(uint32(groups[kind])); err != nil {
			return fmt.Errorf("join the group of %s events: %w", kind, err)
		}
	}
	s.info.PortID = conn.PID()
	s.recv, s.inspect = s.receive, s.readMemory
	s.pollFD, err = detach(conn)
	return err
}

func (s *eventSocket) configure(conn *netlink.Conn, opt EventOptions) (err error) {
	want := opt.RcvBuf
	if want == 0 {
		want = defaultRcvBuf
	}
	// SO_RCVBUFFORCE, and SO_RCVBUF where that is not permitted.
	if err := conn.SetReadBuffer(want); err != nil {
		return err
	}
	if s.info.RcvBuf, err = conn.ReadBuffer(); err != nil {
		return err
	}
	// The kernel counts twice what is asked for, to pay for its overhead.
	if got := s.info.RcvBuf / 2; got < want {
		s.info.Hint = fmt.Sprintf("receive buffer is %d bytes of the %d asked for: "+
			"run with CAP_NET_ADMIN in the initial user namespace, or raise the limit there: sysctl -w net.core.rmem_max=%d",
			got, want, want)
	}
	if opt.Reliable {
		if err := conn.SetOption(netlink.BroadcastError, true); err != nil {
			return fmt.Errorf("reliable mode: %w", err)
		}
	}
	if opt.AllNSID {
		if err := conn.SetOption(netlink.ListenAllNSID, true); err != nil {
			return fmt.Errorf("listen to all namespaces: %w", err)
		}
		s.in.ctrl = []controlSpace{}
	}
	return nil
}

// LeaveReliable ends reliable mode: the kernel frees what it could not
// deliver instead of keeping it.
func (s *eventSocket) LeaveReliable() error {
	return s.use(func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_BROADCAST_ERROR, 0)
	})
}

// ReceiveMany implements EventSocket. A read ends where the kernel dropped
// messages: it never returns such from both sides of a gap, as far as the
// kernel lets that be seen. N is the length of the message, also where the
// buffer was too small for it.
func (s *eventSocket) ReceiveMany(msgs []Datagram, wait bool) (int, error) {
	if err, done := s.tail.next(wait); done {
		return 0, err
	}
	if s.tail.follow {
		return s.receiveTail(msgs)
	}
	err := s.call(msgs, wait)
	return s.n, err
}

// call runs one recvmmsg through the poller and leaves in s.n how many
// datagrams it brought.
func (s *eventSocket) call(msgs []Datagram, wait bool) error {
	s.in.aim(msgs)
	s.want, s.wait, s.n, s.err = len(msgs), wait, 0, nil
	if err := s.read(s.recv); err != nil {
		s.n = 0
		return err
	}
	if s.err != nil {
		s.n = 0
		s.tail.overrun(s.err)
		return os.NewSyscallError("netlink receive events", s.err)
	}
	s.in.finish(msgs[:s.n])
	return nil
}

// receive is what read calls: once, and again whenever the socket becomes
// readable, until it returns true.
func (s *eventSocket) receive(fd uintptr) bool {
	n, errno := s.in.receive(fd, s.want)
	switch errno {
	case 0:
		s.n = n
	case unix.EAGAIN:
		return !s.wait
	default:
		s.err = errno
	}
	return true
}

// memInfo is SO_MEMINFO: an array of counters of the socket.
type memInfo [9]uint32

// Places in it (linux include/uapi/linux/sock_diag.h).
const (
	memRmemAlloc = 0 // bytes queued
	memDrops     = 8
)

// readMemory fills s.mem.
func (s *eventSocket) readMemory(fd int) error {
	size := uint32(unsafe.Sizeof(s.mem))
	_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&s.mem)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return os.NewSyscallError("read SO_MEMINFO", errno)
	}
	return nil
}

// memory reads one of the counters.
func (s *eventSocket) memory(i int) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.use(s.inspect)
	return s.mem[i], err
}

// queued is how many bytes wait to be read, as the kernel weighs them.
func (s *eventSocket) queued() (uint32, error) { return s.memory(memRmemAlloc) }

// Drops implements EventSocket. It may be called while another goroutine
// receives.
func (s *eventSocket) Drops() (uint32, error) { return s.memory(memDrops) }

// Info implements EventSocket.
func (s *eventSocket) Info() EventSocketInfo { return s.info }
