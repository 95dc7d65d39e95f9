package conntrack

import (
	"fmt"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// kernelTransport leads to the running kernel.
type kernelTransport struct {
	ns   *netns.NS // nil is the namespace of the process
	name string
}

// Open returns the connection tracking of a network namespace, nil for that of
// the process. The namespace is not closed with it.
func Open(ns *netns.NS) *Client {
	t := &kernelTransport{ns: ns, name: "this network namespace"}
	if ns != nil {
		t.name = "network namespace " + ns.String()
	}
	return NewClient(t)
}

// fd is what the netlink library wants: a descriptor, or 0 for the current
// namespace.
func (t *kernelTransport) fd() (int, error) {
	if t.ns == nil {
		return 0, nil
	}
	fd := t.ns.FD()
	if fd <= 0 {
		return 0, fmt.Errorf("%s: %w", t.name, ErrClosed)
	}
	return fd, nil
}

// Dial implements Transport.
func (t *kernelTransport) Dial() (Socket, error) {
	fd, err := t.fd()
	if err != nil {
		return nil, err
	}
	return dialSocket(fd)
}

// DialEvents implements Transport.
func (t *kernelTransport) DialEvents(opt EventOptions) (EventSocket, error) {
	fd, err := t.fd()
	if err != nil {
		return nil, err
	}
	return dialEvents(fd, opt)
}

// Name implements Transport.
func (t *kernelTransport) Name() string { return t.name }

// Close implements Transport.
func (t *kernelTransport) Close() error { return nil }
