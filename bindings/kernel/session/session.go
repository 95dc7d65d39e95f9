package session

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// TCP is the only value of [Connection.Proto]: sshd speaks nothing else.
const TCP uint8 = 6

// The values of [Connection.Via].
const (
	ViaProcess     = "process"     // a socket of this process or of an ancestor
	ViaEnvironment = "environment" // SSH_CONNECTION
	ViaListener    = "listener"    // an open connection to a port of sshd
)

// What is read at most. A machine may run more than this; the search must still
// end at once.
const (
	maxProcesses = 10_000  // processes looked at, in all steps together
	maxFile      = 1 << 20 // bytes of one file
	maxLinks     = 1 << 16 // file descriptors of one process
)

// Session holds the connections by which the user reaches this machine. It is
// empty for a user at a local console.
type Session struct {
	// Connections are distinct; those of a process come first, then those of the
	// environment, then those of a listener.
	Connections []Connection

	// Partial is set when something was longer than what is read: a connection
	// may be missing.
	Partial bool
}

// Connection is one TCP connection, as the socket on this machine sees it.
type Connection struct {
	Proto  uint8          // always [TCP]
	Local  netip.AddrPort // the side of this machine; no IPv4-mapped address, no zone
	Remote netip.AddrPort // the side of the user, in the same form
	Via    string         // how it was found: [ViaProcess], [ViaEnvironment] or [ViaListener]
}

// Own finds the connections of the user of this process. The error says that
// /proc is not mounted; then nothing is known, which is not the same as no
// connection.
func Own() (Session, error) { return Find("/proc", os.Getenv) }

// Find is [Own] with another root than /proc, and with env in place of
// [os.Getenv].
func Find(root string, env func(string) string) (Session, error) {
	// A directory without self is a /proc on which nothing is mounted.
	if _, err := os.Stat(filepath.Join(root, "self")); err != nil {
		return Session{}, fmt.Errorf("own session: no process files under %s, mount proc there: %w", root, err)
	}
	s := search{
		root: root, processes: maxProcesses, file: maxFile, links: maxLinks,
		seen: make(map[[2]netip.AddrPort]bool),
	}
	s.run(env)
	return s.found, nil
}

// search is one run of [Find]: where it reads, how much it still may, and what
// it has.
type search struct {
	root      string
	processes int // processes that may still be looked at
	file      int // bytes of a file
	links     int // file descriptors of a process
	found     Session
	seen      map[[2]netip.AddrPort]bool // local and remote of what was found
}

func (s *search) run(env func(string) string) {
	chain := s.ancestors()
	table := s.table()

	live := s.byProcess(chain, table)
	if s.byEnvironment(chain, table, env) {
		live = true
	}
	if !live {
		s.byListener(table)
	}
}

// byProcess adds the open connections whose socket a process of the chain
// holds, and tells whether there was one.
func (s *search) byProcess(chain []string, table []socket) bool {
	inodes := make(map[uint64]bool)
	for _, pid := range chain {
		s.sockets(pid, inodes)
	}
	live := false
	for _, k := range table {
		if k.state == established && inodes[k.inode] {
			s.add(k.local, k.remote, ViaProcess)
			live = true
		}
	}
	return live
}

// add keeps a connection unless an earlier step found it.
func (s *search) add(local, remote netip.AddrPort, via string) {
	ends := [2]netip.AddrPort{local, remote}
	if s.seen[ends] {
		return
	}
	s.seen[ends] = true
	s.found.Connections = append(s.found.Connections, Connection{Proto: TCP, Local: local, Remote: remote, Via: via})
}
