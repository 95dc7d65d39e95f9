// Package netns opens, enters, makes and watches network namespaces from one
// process.
//
// A namespace is an open descriptor, [NS]. It is found by [Open] under a name,
// a path or a process, and [NS.Do] runs a function inside it on a thread of
// its own. [New] makes an anonymous one. [NS.Watch] notices that a named one
// was deleted, which no socket inside it ever does: an open socket or
// descriptor keeps the namespace alive without a word.
//
// [Reexec] starts the program again in a fresh network namespace (a scratch),
// and [EnterScratch] makes that namespace ready in the child.
//
// What a thread's namespace decides: the sockets it creates, the processes it
// starts, and what it finds under /proc/sys/net and /proc/thread-self/net.
// These files follow the namespace of the thread that opens them, whatever
// /proc was mounted in, so a scratch needs no /proc mount of its own. Only
// /proc/net/nf_conntrack stays closed to a scratch of an ordinary user: its
// owner is the root of the initial user namespace.
//
// The package must not know what is done inside a namespace: it opens no
// netlink socket and reads no sysctl of conntrack.
package netns
