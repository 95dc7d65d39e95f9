package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/conformance"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

func TestKernel(t *testing.T) {
	conformance.Run(t, openKernel)
}

// openKernel is a fresh network namespace.
func openKernel(t *testing.T) conformance.World {
	t.Helper()
	ns := netnstest.New(t)
	client := conntrack.Open(ns)
	t.Cleanup(func() { _ = client.Close() })
	w := conformance.World{
		Transport: plain{ns},
		Kernel:    client,
		Sysctl: func(key, value string) {
			t.Helper()
			if err := ns.Do(func() error { return os.WriteFile("/proc/sys/net/netfilter/"+key, []byte(value), 0) }); err != nil {
				t.Fatal(err)
			}
		},
		LabelRule: func() {
			t.Helper()
			netnstest.Feed(t, ns, "table inet labels { chain c { ct label set 1; }; }", "nft", "-f", "-")
		},
		Pass: time.Sleep,
	}
	if _, err := exec.LookPath("iptables"); err == nil {
		w.AttachPolicy = func(policy string) {
			t.Helper()
			netnstest.Run(t, ns, "iptables", "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "-j", "CT", "--timeout", policy)
		}
	}
	tr := &traffic{t: t, ns: ns, kernel: client}
	w.UDP, w.TCP = tr.udp, tr.tcp
	return w
}

// traffic passes packets over the loopback of a namespace.
type traffic struct {
	t      *testing.T
	ns     *netns.NS
	kernel conntrack.Kernel
	here   *net.UDPConn
	there  *net.UDPConn
	tracks bool
}

func (tr *traffic) track() {
	tr.t.Helper()
	if !tr.tracks {
		netnstest.Track(tr.t, tr.ns)
		tr.tracks = true
	}
}

func (tr *traffic) do(fn func() error) {
	tr.t.Helper()
	if err := tr.ns.Do(fn); err != nil {
		tr.t.Fatal(err)
	}
}

var local = netip.MustParseAddr("127.0.0.1")

func (tr *traffic) udp(answer bool) wire.Tuple {
	tr.t.Helper()
	tr.track()
	if tr.here == nil {
		tr.do(func() (err error) {
			if tr.there, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0))); err != nil {
				return err
			}
			tr.here, err = net.DialUDP("udp4", nil, tr.there.LocalAddr().(*net.UDPAddr))
			return err
		})
		tr.t.Cleanup(func() { _, _ = tr.here.Close(), tr.there.Close() })
	}
	buf := make([]byte, 16)
	tr.do(func() error {
		if _, err := tr.here.Write([]byte("question")); err != nil {
			return err
		}
		_, from, err := tr.there.ReadFromUDPAddrPort(buf)
		if err != nil || !answer {
			return err
		}
		if _, err = tr.there.WriteToUDPAddrPort([]byte("answer"), from); err != nil {
			return err
		}
		_, err = tr.here.Read(buf)
		return err
	})
	return tupleOf(wire.ProtoUDP, tr.here.LocalAddr().(*net.UDPAddr).AddrPort(), tr.there.LocalAddr().(*net.UDPAddr).AddrPort())
}

func (tr *traffic) tcp() wire.Tuple {
	tr.t.Helper()
	tr.track()
	var t wire.Tuple
	tr.do(func() error {
		l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
		if err != nil {
			return err
		}
		defer l.Close()
		c, err := net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
		if err != nil {
			return err
		}
		t = tupleOf(wire.ProtoTCP, c.LocalAddr().(*net.TCPAddr).AddrPort(), l.Addr().(*net.TCPAddr).AddrPort())
		s, err := l.AcceptTCP()
		if err != nil {
			return err
		}
		if err := c.CloseWrite(); err != nil {
			return err
		}
		if _, err := io.ReadAll(s); err != nil {
			return err
		}
		if err := s.Close(); err != nil {
			return err
		}
		if _, err := io.ReadAll(c); err != nil {
			return err
		}
		return c.Close()
	})
	var e wire.Entry
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok, err := tr.kernel.Get(tr.t.Context(), wire.Get{Key: wire.Key{Tuple: t}}, &e); err != nil {
			tr.t.Fatal(err)
		} else if ok && e.State == 7 {
			break
		}
	}
	return t
}

func tupleOf(proto uint8, from, to netip.AddrPort) wire.Tuple {
	return wire.Tuple{Src: wire.AddrFrom(from.Addr()), Dst: wire.AddrFrom(to.Addr()), SrcPort: from.Port(), DstPort: to.Port(),
		Family: wire.FamilyIPv4, Proto: proto}
}

// plain reaches a namespace by sockets that nobody has configured, which show
// the kernel's defaults.
type plain struct{ ns *netns.NS }

func (p plain) Name() string { return p.ns.String() }
func (plain) Close() error   { return nil }

func (plain) DialEvents(conntrack.EventOptions) (conntrack.EventSocket, error) {
	return nil, errors.ErrUnsupported
}

func (p plain) Dial() (conntrack.Socket, error) {
	s := &plainSocket{}
	err := p.ns.Do(func() (err error) {
		if s.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER); err != nil {
			return err
		}
		for _, opt := range []int{unix.NETLINK_CAP_ACK, unix.NETLINK_EXT_ACK} {
			if err := unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, opt, 1); err != nil {
				return err
			}
		}
		// 212992 as the kernel counts, whatever rmem_default is.
		return unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 106496)
	})
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	return s, nil
}

type plainSocket struct {
	fd       int
	deadline time.Time
}

func (s *plainSocket) Send(b []byte) error {
	return os.NewSyscallError("send", unix.Sendto(s.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
}

func (s *plainSocket) Receive(b []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(s.fd, b, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		switch {
		case err == nil && n > len(b):
			return len(b), conntrack.ErrTruncated
		case err == nil:
			return n, nil
		case !errors.Is(err, unix.EAGAIN):
			return 0, os.NewSyscallError("receive", err)
		}
		left := time.Until(s.deadline)
		if left <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, int(left/time.Millisecond)+1)
	}
}

func (s *plainSocket) ReceiveMany(msgs []conntrack.Datagram) (n int, err error) {
	msgs[0].N, err = s.Receive(msgs[0].Buf)
	return 1, err
}

func (*plainSocket) PortID() uint32          { return 0 }
func (*plainSocket) SetReadBuffer(int) error { return nil }

func (s *plainSocket) SetDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *plainSocket) Close() error { return unix.Close(s.fd) }
