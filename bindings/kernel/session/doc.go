// Package session finds the network connections by which the user of this
// process reaches this machine, so that a change of the conntrack table can
// leave them alone.
//
// [Own] looks in three places:
//
//   - processes: this one and its ancestors, since sshd is an ancestor of the
//     shell also under sudo and with a wiped environment; and what these hang
//     on. That is the process on the other side of their terminal: the server of
//     tmux and of screen is no child of a login, but it keeps the terminals of
//     those open who are attached. And it is the process at the other end of a
//     connection that comes from this machine itself: ssh to localhost, a proxy
//     in front of sshd, a tunnel. Their sockets are matched with
//     /proc/PID/net/tcp and tcp6, in the network namespace of each;
//   - SSH_CONNECTION, of this process and of its ancestors, since sudo wipes it
//     for its child but still has it itself. It tells of the login that started
//     a process, which may not be the one that the user sits at now;
//   - unless one of them led to a connection from elsewhere, and no terminal,
//     no connection and no client of a program like dtach points out of sight,
//     every open connection to a server for logins. This covers nohup,
//     cron and systemd-run, whose processes hang on no login. Where some
//     processes cannot be looked into, such as those outside of a container,
//     every connection joins that came in for root and that no process in sight
//     holds.
//
// All of it is told from the side of the socket: addresses as the process sees
// them. A caller that compares them with flows must look at both tuples of a
// flow, as NAT may have rewritten one.
//
// The package must not open sockets, ask the network, or change anything. It
// reads a bounded part of /proc, and the tables of sockets to their end; a piece
// that it cannot read is skipped: [Session.Partial] tells when the answer may
// lack a connection for a bound.
package session
