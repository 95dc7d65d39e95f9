package session

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
)

// space is a network namespace, and some processes that live in it.
type space struct {
	link string
	pids []string
}

// witnesses is how many processes of a namespace are remembered: any of them may
// end before its sockets are read.
const witnesses = 16

// enter notes the network namespace of a process. Of one that may not be looked
// into it is not known, and then taken for one of those that are.
func (s *search) enter(pid string) {
	link, err := os.Readlink(filepath.Join(s.root, pid, "ns", "net"))
	if err != nil && len(s.spaces) > 0 {
		return
	}
	for i := range s.spaces {
		if known := &s.spaces[i]; known.link == link {
			if len(known.pids) < witnesses {
				known.pids = append(known.pids, pid)
			}
			return
		}
	}
	if len(s.spaces) == s.limits.spaces {
		s.cut = true
		return
	}
	s.spaces = append(s.spaces, space{link, []string{pid}})
}

// table calls visit for each open or listening socket of the namespaces.
func (s *search) table(visit func(k *entry)) {
	for i := range s.spaces {
		for _, name := range []string{"tcp", "tcp6"} {
			err := s.through(&s.spaces[i], name, func(line []byte) {
				k, ok := parseEntry(line)
				if ok && (k.state == established || k.state == listen) {
					visit(&k)
				}
			})
			// A kernel may lack version 6; any other table that is missing is a gap.
			if err != nil && (name == "tcp" || !errors.Is(err, fs.ErrNotExist)) {
				s.cut = true
			}
		}
	}
}

// through reads a table of a namespace through a process that lives in it. Where all
// of them have ended there is nothing to read: their sockets went with them.
func (s *search) through(in *space, name string, visit func(line []byte)) (err error) {
	for _, pid := range in.pids {
		dir := filepath.Join(s.root, pid)
		if err = lines(filepath.Join(dir, "net", name), visit); err == nil {
			return nil
		}
		if pid == s.self() || !ended(dir) {
			return err
		}
	}
	return nil
}

// ended tells whether a process is gone, or only waits to be told of.
func ended(dir string) bool {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
	}
	at := bytes.LastIndexByte(stat, ')') + 2 // a name may hold anything
	return at < len(stat) && (stat[at] == 'Z' || stat[at] == 'X')
}

// lines calls visit for each line of a file, but for those far longer than any
// of a table.
func lines(path string, visit func(line []byte)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, long := bufio.NewReaderSize(f, 1<<16), false
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = true
			continue
		case !long:
			visit(bytes.TrimSuffix(line, []byte("\n")))
		}
		long = false
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// own adds the open connections whose socket is held by a process that was
// visited, and returns the far ends of those that came in from this machine
// itself. One from elsewhere is where the user comes from if its holder takes
// logins or relays: an orphan gets a parent that may serve anything.
func (s *search) own() (inner []netip.AddrPort) {
	var found []entry
	s.table(func(k *entry) {
		if k.state == listen {
			s.listening[k.local.Port()] = true
			return
		}
		s.hosts[k.local.Addr()] = true
		if s.holds(end{socket, k.inode}) {
			found = append(found, *k)
		}
	})
	for _, k := range found {
		s.add(k.local, k.remote, ViaProcess)
		switch {
		case !s.hosts[k.remote.Addr()]:
			s.reached = s.reached || s.held[end{socket, k.inode}]
		case s.listening[k.local.Port()]:
			inner = append(inner, k.remote)
		}
	}
	return inner
}

// peers are the sockets at the other ends of connections inside this machine.
// The other end may name another address for this one, where a rule redirects,
// so that it is known by its own.
func (s *search) peers(inner []netip.AddrPort) map[end]bool {
	wanted := make(map[end]bool)
	if len(inner) == 0 {
		return wanted
	}
	missing := make(map[netip.AddrPort]bool)
	for _, a := range inner {
		missing[a] = true
	}
	met := make(map[netip.AddrPort]bool)
	s.table(func(k *entry) {
		if k.state != established || !missing[k.local] {
			return
		}
		met[k.local] = true
		if e := (end{socket, k.inode}); !s.holds(e) {
			wanted[e] = true
		}
	})
	s.lost = s.lost || len(met) < len(missing)
	return wanted
}
