package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// patient makes a TCP socket give up when what it sent stays unacknowledged
// for so long (linux tcp_write_timeout). It is left alone where 0.
func patient(d time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var errno error
		err := c.Control(func(fd uintptr) {
			errno = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
		})
		return errors.Join(err, errno)
	}
}

// connect opens both ends of a stream.
func (g *Gateway) connect(ctx context.Context, talk *Talk) (ends [2]end, tuple wire.Tuple, err error) {
	if talk.Proto == wire.ProtoUDP {
		return g.connectUDP(talk)
	}
	return g.connectTCP(ctx, talk)
}

func (g *Gateway) connectTCP(ctx context.Context, talk *Talk) (ends [2]end, tuple wire.Tuple, err error) {
	ctx, cancel := context.WithTimeout(ctx, talk.Patience)
	defer cancel()
	var ln net.Listener
	var c net.Conn
	at := netip.AddrPortFrom(ServerAddr(talk.IPv6), talk.Port)
	// Keep-alives would be packets that nobody asked for.
	err = g.Server.Do(func() (err error) {
		lc := net.ListenConfig{KeepAlive: -1, Control: patient(talk.Patience)}
		ln, err = lc.Listen(ctx, "tcp", at.String())
		return err
	})
	if err != nil {
		return ends, tuple, fmt.Errorf("listen at the server: %w", err)
	}
	defer ln.Close()
	err = g.Client.Do(func() (err error) {
		d := net.Dialer{KeepAlive: -1, Control: patient(talk.Patience)}
		c, err = d.DialContext(ctx, "tcp", ln.Addr().String())
		return err
	})
	if err != nil {
		return ends, tuple, fmt.Errorf("connect the client: %w", err)
	}
	deadline, _ := ctx.Deadline()
	_ = ln.(*net.TCPListener).SetDeadline(deadline)
	accepted, err := ln.Accept()
	if err != nil {
		_ = c.Close()
		return ends, tuple, fmt.Errorf("accept at the server: %w", err)
	}
	ends = [2]end{newTCPEnd(c.(*net.TCPConn), talk.Size), newTCPEnd(accepted.(*net.TCPConn), talk.Size)}
	return ends, tupleOf(wire.ProtoTCP, c.LocalAddr(), ln.Addr()), nil
}

func (g *Gateway) connectUDP(talk *Talk) (ends [2]end, tuple wire.Tuple, err error) {
	var server, client *net.UDPConn
	at := netip.AddrPortFrom(ServerAddr(talk.IPv6), talk.Port)
	err = g.Server.Do(func() (err error) {
		server, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		return err
	})
	if err != nil {
		return ends, tuple, fmt.Errorf("listen at the server: %w", err)
	}
	err = g.Client.Do(func() (err error) {
		client, err = net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
		return err
	})
	if err != nil {
		_ = server.Close()
		return ends, tuple, fmt.Errorf("connect the client: %w", err)
	}
	ends = [2]end{
		&udpEnd{UDPConn: client, connected: true, block: make([]byte, 64<<10)},
		&udpEnd{UDPConn: server, block: make([]byte, 64<<10)},
	}
	return ends, tupleOf(wire.ProtoUDP, client.LocalAddr(), server.LocalAddr()), nil
}

// tupleOf is the original tuple of a flow between two addresses.
func tupleOf(proto uint8, from, to net.Addr) wire.Tuple {
	src, dst := netip.MustParseAddrPort(from.String()), netip.MustParseAddrPort(to.String())
	t := wire.Tuple{Src: wire.AddrFrom(src.Addr()), Dst: wire.AddrFrom(dst.Addr()),
		SrcPort: src.Port(), DstPort: dst.Port(), Proto: proto, Family: wire.FamilyIPv4}
	if src.Addr().Is6() {
		t.Family = wire.FamilyIPv6
	}
	return t
}
