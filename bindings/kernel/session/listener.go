package session

import (
	"bytes"
	"strings"
)

// defaultPort is the port of sshd unless it is told otherwise.
const defaultPort = 22

// serves tells whether a process is a server for logins, by its name: sshd, the
// sshd-session and sshd-auth of OpenSSH 9.8 and later, or dropbear.
func (s *search) serves(pid string) bool {
	name := string(bytes.TrimSuffix(s.read(pid, "comm"), []byte("\n")))
	return name == "sshd" || strings.HasPrefix(name, "sshd-") || name == "dropbear"
}

// byListener adds every open connection to a port of the servers for logins: one
// that they listen on, or that a login uses which has outlived its server. Where
// one may be hidden from us, port 22 joins, and every connection that came in for
// root and that no process in sight holds.
func (s *search) byListener() {
	served, hidden := s.servers()
	ports := make(map[uint16]bool)
	s.table(func(k *entry) {
		if k.state == listen {
			s.listening[k.local.Port()] = true
		}
		if served[end{socket, k.inode}] {
			ports[k.local.Port()] = true
		}
	})
	if hidden || len(ports) == 0 {
		ports[defaultPort] = true
	}
	var unclear []entry
	s.table(func(k *entry) {
		switch {
		case k.state != established:
		case ports[k.local.Port()]:
			s.add(k.local, k.remote, ViaListener)
		case !hidden || !s.listening[k.local.Port()] || k.inode == 0 || k.uid != root && k.uid != nobody:
		case len(unclear) == s.connections:
			s.found.Partial = true
		default:
			unclear = append(unclear, *k)
		}
	})
	s.unheld(unclear)
}

// servers returns the sockets of the servers for logins, and whether there may
// be one that cannot be looked into or is not in sight.
func (s *search) servers() (served map[end]bool, hidden bool) {
	served, hidden = make(map[end]bool), s.lost || s.away
	n := 0
	s.each(func(pid string) {
		if !s.serves(pid) {
			return
		}
		n++
		s.enter(pid)
		open := s.descriptors(pid, func(e end) {
			if e.kind == socket {
				served[e] = true
			}
		})
		hidden = hidden || !open
	})
	return served, hidden || n == 0 || s.cut
}

// unheld adds those of the connections that no process in sight holds.
func (s *search) unheld(list []entry) {
	if len(list) == 0 {
		return
	}
	held := make(map[end]bool)
	for _, k := range list {
		held[end{socket, k.inode}] = false
	}
	s.each(func(pid string) {
		s.descriptors(pid, func(e end) {
			if _, ok := held[e]; ok {
				held[e] = true
			}
		})
	})
	for _, k := range list {
		if !held[end{socket, k.inode}] {
			s.add(k.local, k.remote, ViaListener)
		}
	}
}
