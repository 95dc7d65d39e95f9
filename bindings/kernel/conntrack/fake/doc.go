// Package fake is a connection-tracking kernel in memory. It is a
// [conntrack.Transport]: it receives the bytes that ctnetlink would receive
// and answers with netlink datagrams, so that a client on it runs the very
// code that it runs on a real kernel.
//
//	k := fake.New(fake.Options{})
//	client := k.Client()
//
// The fake has a clock of its own, [Kernel.Advance], on which timeouts expire
// and timestamps are taken; sysctls, [Kernel.Configure]; traffic,
// [Kernel.Packet]; and faults that a kernel shows once a year, fault.go.
//
// It behaves as ctnetlink of Linux 6.18 does, defects included; the suite of
// package conformance runs against both, and where they differ the kernel is
// right. It reads and writes messages with a codec of its own (attr.go,
// tuple.go, message.go), from the kernel's point of view: what package wire
// misreads or misspells is not hidden by sharing it.
//
// The package must not open a socket nor touch the state of the system, and
// must not use the codec of package wire for messages. It is for tests and for
// dry runs; it tracks no packets but those it is told of.
package fake
