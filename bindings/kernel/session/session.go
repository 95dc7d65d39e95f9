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
	ViaProcess     = "process"     // a socket of this process, of an ancestor, or of what they hang on
	ViaEnvironment = "environment" // SSH_CONNECTION
	ViaListener    = "listener"    // an open connection to a server for logins
)

// limits are what is read at most. A machine may run more than this; the search
// must still end soon.
type limits struct {
	processes   int // processes looked at, in each walk over them
	hops        int // times that a terminal or a connection is followed
	spaces      int // network namespaces
	file        int // bytes of one file other than a table of sockets
	links       int // file descriptors of one process
	connections int // connections found
}

// most is what [Own] keeps to.
var most = limits{processes: 1 << 16, hops: 16, spaces: 64, file: 1 << 20, links: 1 << 18, connections: 1 << 16}

// Session holds the connections by which the user reaches this machine. It is
// empty for a user at a local console.
type Session struct {
	// Connections are distinct, and one inside this machine is told from one side
	// only. Those of a process come first, then those of the environment, then
	// those of a listener.
	Connections []Connection

	// Partial is set when there was more to look through than is looked through,
	// and the connection of the user may be missing for it.
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
	s := newSearch(root, most)
	s.run(env)
	return s.found, nil
}

// search is one run of [Find]: where it reads, how much it may, and what it has.
type search struct {
	limits
	root  string
	found Session
	seen  map[[2]netip.AddrPort]bool // local and remote of what was found

	visited map[string]bool // processes that the user hangs on; true if by their terminal too
	held    map[end]bool    // what they hold; true of who takes logins or relays a connection
	sought  map[end]bool    // what was looked for in all processes
	spaces  []space

	programs []program // of which the terminals were noted

	hosts     map[netip.Addr]bool // addresses of this machine that connections use
	listening map[uint16]bool     // ports

	reached bool // a connection from elsewhere was found
	lost    bool // a terminal, a connection or a client leads to no process in sight
	away    bool // the chain of parents leads out of the PID namespace
	closed  bool // a server for logins is an ancestor and cannot be looked into
	cut     bool // a limit was reached
}

func newSearch(root string, l limits) *search {
	return &search{
		limits: l, root: root, seen: make(map[[2]netip.AddrPort]bool),
		visited: make(map[string]bool), held: make(map[end]bool), sought: make(map[end]bool),
		hosts: make(map[netip.Addr]bool), listening: make(map[uint16]bool),
	}
}

func (s *search) run(env func(string) string) {
	chain := s.climb(s.self(), false)
	sure := s.byProcess()
	if s.byEnvironment(chain, env) {
		sure = true
	}
	if !sure {
		s.byListener()
		s.found.Partial = s.found.Partial || s.cut
	}
}

// add keeps a connection unless an earlier step found it, or its other socket
// on this machine.
func (s *search) add(local, remote netip.AddrPort, via string) {
	ends := [2]netip.AddrPort{local, remote}
	if s.seen[ends] || s.seen[[2]netip.AddrPort{remote, local}] {
		return
	}
	if len(s.found.Connections) == s.connections {
		s.found.Partial = true
		return
	}
	s.seen[ends] = true
	s.found.Connections = append(s.found.Connections, Connection{Proto: TCP, Local: local, Remote: remote, Via: via})
}
