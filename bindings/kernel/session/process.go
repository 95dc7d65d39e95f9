package session

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// self is the name under /proc of this process.
func (s *search) self() string {
	if pid, err := os.Readlink(filepath.Join(s.root, "self")); err == nil {
		return pid
	}
	return "self"
}

// climb visits a process and those above it, up to one that was visited before,
// and returns the names under /proc of the new ones. The walk ends early at a
// process that cannot be read, and at parent 0: the first process of a PID
// namespace has its parent outside, as has one that was started from there.
// relays is that the first hands a connection on.
func (s *search) climb(pid string, relays bool) (chain []string) {
	for below := true; ; { // a server for logins: who started that has no part in the login
		noted, again := s.visited[pid]
		if again && (noted || !below) {
			return chain
		}
		if len(s.visited) == s.processes {
			s.cut = true
			return chain
		}
		if !again {
			chain = append(chain, pid)
		}
		serves := s.visit(pid, relays, below)
		below, relays = below && !serves, false
		s.visited[pid] = below || noted

		parent, ok := parentOf(s.read(pid, "status"))
		if !ok || parent == "0" {
			s.away = s.away || ok && pid != "1"
			return chain
		}
		pid = parent
	}
}

// visit notes what a process holds and its network namespace, its terminals only
// where asked to. It tells whether that is a server for logins, whose terminals
// are not its own.
func (s *search) visit(pid string, relays, terminals bool) (serves bool) {
	s.enter(pid)
	serves = s.serves(pid)
	terminals = terminals && !serves
	if n, ok := terminalOf(s.read(pid, "stat")); ok && terminals {
		s.held[end{slave, n}] = true
	}
	p := program{make(map[uint64]bool), make(map[uint64]bool)}
	open := s.descriptors(pid, func(e end) {
		switch e.kind {
		case slave:
			p.terminals[e.number] = true
		case socket:
			p.sockets[e.number] = true
		}
		if terminals || e.kind != slave {
			s.held[e] = s.held[e] || serves || relays
		}
	})
	if terminals {
		s.programs = append(s.programs, p)
	}
	s.closed = s.closed || serves && !open
	return serves
}

// byProcess adds the open connections whose socket is held by a process that
// was visited, and follows what these hang on. It tells whether that led to a
// connection from elsewhere, with nothing left open.
func (s *search) byProcess() bool {
	for range s.hops {
		wanted := s.peers(s.own())
		for e := range s.held {
			if other := (end{master, e.number}); e.kind == slave && !s.holds(other) {
				wanted[other] = true
			}
		}
		for e := range s.sought {
			delete(wanted, e)
		}
		if len(wanted) == 0 {
			s.lost = s.lost || s.crowded()
			return s.reached && !s.lost && !s.cut
		}
		s.follow(wanted)
	}
	s.cut = true
	return false
}

// holds tells whether a process that was visited holds e.
func (s *search) holds(e end) bool {
	_, ok := s.held[e]
	return ok
}

// follow climbs from the processes that hold what is wanted.
func (s *search) follow(wanted map[end]bool) {
	holders := make(map[string]bool) // true of who relays a connection
	met := make(map[end]bool)
	s.each(func(pid string) {
		s.descriptors(pid, func(e end) {
			if wanted[e] {
				holders[pid], met[e] = holders[pid] || e.kind == socket, true
			}
		})
	})
	for e := range wanted {
		s.sought[e] = true
		s.lost = s.lost || !met[e]
	}
	for pid, relays := range holders {
		s.climb(pid, relays)
	}
}

// parentOf reads the PPid line of a status file. The kernel escapes line ends in
// the Name line (proc_task_name), so a process cannot forge another line.
func parentOf(status []byte) (string, bool) {
	for line := range bytes.Lines(status) {
		rest, ok := bytes.CutPrefix(line, []byte("PPid:"))
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(rest)), 10, 31)
		return strconv.FormatUint(n, 10), err == nil
	}
	return "", false
}
