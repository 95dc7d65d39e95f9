// Package session finds the network connections by which the user of this
// process reaches this machine, so that a change of the conntrack table can
// leave them alone.
//
// [Own] looks in three places, in this order:
//
//   - the sockets of this process and of its ancestors, matched with
//     /proc/net/tcp and tcp6: sshd is an ancestor of the shell, also under sudo
//     and with a wiped environment;
//   - SSH_CONNECTION, of this process and of its ancestors, since sudo wipes it
//     for its child but still has it itself;
//   - only if neither gave a connection that is open now, every open connection
//     to a port that sshd listens on. This covers tmux and screen, whose server
//     is no child of sshd.
//
// All of it is told from the side of the socket: addresses as the process sees
// them, in the network namespace of this process. A caller that compares them
// with flows must look at both tuples of a flow, as NAT may have rewritten one.
//
// The package must not open sockets, ask the network, or change anything. It
// reads a bounded part of /proc only, and a piece that it cannot read is
// skipped: [Session.Partial] tells when a bound was reached.
package session
