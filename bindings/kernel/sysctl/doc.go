// Package sysctl reads and sets the sysctls of connection tracking, in any
// network namespace, by name and with a type.
//
// Every key is declared once, in the table of key_table.go: its kind, default,
// scope and meaning, and what stays invisible without it. [Open] binds the
// table to a namespace; [Table.Get], [Table.Set], [Table.List] and
// [Table.Timeouts] work on it. /proc/sys/net shows the namespace of the thread
// that opens a file, so each call opens its files inside [netns.NS.Do].
//
// A new namespace starts from the compiled defaults (acct and timestamp from
// the module's parameters), not from the values of the namespace it was made
// in. The sizes of the table are the whole machine's: outside the initial
// network namespace they can be read, not set, although every namespace is
// counted against nf_conntrack_max on its own.
//
// The package must not touch any sysctl that its table does not declare, and
// it opens no sockets.
package sysctl
