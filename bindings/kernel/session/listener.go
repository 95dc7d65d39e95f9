package session

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
)

// The daemon, by its comm, and the port that it has unless told otherwise.
const (
	daemon     = "sshd"
	daemonPort = 22
)

// readBatch is how many names of /proc are read at a time.
const readBatch = 512

// byListener adds every open connection to a port that sshd listens on.
func (s *search) byListener(table []socket) {
	ports := s.daemonPorts(table)
	for _, k := range table {
		if k.state == established && ports[k.local.Port()] {
			s.add(k.local, k.remote, ViaListener)
		}
	}
}

// daemonPorts returns the ports that processes named sshd listen on. Port 22
// joins them when that is not the whole truth: no such listener (systemd may
// hold it in place of sshd), a daemon whose descriptors are closed to us, or too
// many processes to see all.
func (s *search) daemonPorts(table []socket) map[uint16]bool {
	inodes := make(map[uint64]bool)
	whole := s.daemons(func(pid string) bool { return s.sockets(pid, inodes) })

	ports := make(map[uint16]bool)
	for _, k := range table {
		if k.state == listen && inodes[k.inode] {
			ports[k.local.Port()] = true
		}
	}
	if len(ports) == 0 || !whole {
		ports[daemonPort] = true
	}
	return ports
}

// daemons calls look for each process named sshd, and tells whether it saw all
// processes and look said yes to each.
func (s *search) daemons(look func(pid string) bool) bool {
	dir, err := os.Open(s.root)
	if err != nil {
		return false
	}
	defer dir.Close()

	whole := true
	for {
		names, err := dir.Readdirnames(readBatch)
		for _, name := range names {
			if _, err := strconv.ParseUint(name, 10, 31); err != nil {
				continue
			}
			if s.processes == 0 {
				s.found.Partial = true
				return false
			}
			s.processes--
			comm := bytes.TrimSuffix(s.read(name, "comm"), []byte("\n"))
			if string(comm) == daemon && !look(name) {
				whole = false
			}
		}
		if err != nil {
			return whole && errors.Is(err, io.EOF)
		}
	}
}
