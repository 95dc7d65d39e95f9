package address

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// Set is a set of addresses of a machine. The zero Set has those that every
// machine has: 127.0.0.0/8 and ::1. It may be read by several goroutines.
type Set struct {
	addrs map[wire.Addr]struct{}
}

// loopback6 is ::1.
var loopback6 = wire.Addr{15: 1}

// Has tells whether a is an address of the machine.
func (s Set) Has(a wire.Addr) bool {
	// Linux takes all of 127.0.0.0/8 for itself, though the loopback interface
	// holds one address of it only (net/ipv4/fib_frontend.c, fib_add_ifaddr
	// makes a local route of the prefix).
	if a.Is4() && a[12] == 127 || a == loopback6 {
		return true
	}
	_, ok := s.addrs[a]
	return ok
}

// List reads the addresses of every interface in the namespace, nil for that
// of the process. To enter another namespace needs CAP_SYS_ADMIN, and the
// error is that of [netns.NS.Do] where it fails.
func List(ns *netns.NS) (Set, error) {
	var all []net.Addr
	// The netlink socket behind it is made and used on the calling thread, so
	// it is one of the namespace. It gives our own end of a point-to-point
	// link, not that of the peer.
	read := func() (err error) {
		all, err = net.InterfaceAddrs()
		return err
	}
	var err error
	if ns == nil {
		err = read()
	} else {
		err = ns.Do(read)
	}
	if err != nil {
		return Set{}, fmt.Errorf("list the addresses of the interfaces: %w", err)
	}
	s := Set{addrs: make(map[wire.Addr]struct{}, len(all))}
	for _, a := range all {
		prefix, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		if ip, ok := netip.AddrFromSlice(prefix.IP); ok {
			s.addrs[wire.AddrFrom(ip)] = struct{}{}
		}
	}
	return s, nil
}
