package session

import (
	"bytes"
	"strconv"
)

// program is a process that the user hangs on by its terminal.
type program struct {
	sockets   map[uint64]bool
	terminals map[uint64]bool
}

// crowded tells whether a program has more clients on a unix socket that it
// listens on than it has terminals. The clients of dtach, and of tmux where they
// have no terminal, hand on what is typed, and no process file tells who is at
// the other end.
func (s *search) crowded() bool {
	var all []unixEntry
	for _, in := range s.spaces {
		// Without the file there are no unix sockets.
		_ = s.through(&in, "unix", func(line []byte) {
			if k, ok := parseUnix(line); ok && k.path != "" && (k.listens || k.connected) {
				all = append(all, k)
			}
		})
	}
	for _, p := range s.programs {
		served, clients := make(map[string]bool), 0
		for _, k := range all {
			if k.listens && p.sockets[k.inode] {
				served[k.path] = true
			}
		}
		for _, k := range all { // what is accepted has the path of the listener
			if k.connected && served[k.path] && p.sockets[k.inode] {
				clients++
			}
		}
		if clients > len(p.terminals) {
			return true
		}
	}
	return false
}

// unixEntry is one line of /proc/net/unix.
type unixEntry struct {
	inode              uint64
	listens, connected bool
	path               string
}

// The flag of a socket that listens (__SO_ACCEPTCON, include/linux/net.h) and
// the state of one that is connected (SS_CONNECTED, include/uapi/linux/net.h).
const (
	accepts   = 1 << 16
	connected = 3
)

// parseUnix reads a line as unix_seq_show (net/unix/af_unix.c) writes it:
// "num: refs protocol flags type state inode path", the path with any byte but
// NUL, which is shown as @, or left out. The heading is no such line. A path that
// holds a line end goes on in a line that is none either, or that names a socket
// which its owner could have made as well.
func parseUnix(line []byte) (unixEntry, bool) {
	field := bytes.SplitN(bytes.TrimSpace(line), []byte(" "), 7)
	if len(field) < 7 || !bytes.HasSuffix(field[0], []byte(":")) {
		return unixEntry{}, false
	}
	flags, err := strconv.ParseUint(string(field[3]), 16, 32)
	if err != nil {
		return unixEntry{}, false
	}
	state, err := strconv.ParseUint(string(field[5]), 16, 8)
	if err != nil {
		return unixEntry{}, false
	}
	number, path, _ := bytes.Cut(bytes.TrimLeft(field[6], " "), []byte(" "))
	inode, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil {
		return unixEntry{}, false
	}
	return unixEntry{inode: inode, listens: flags&accepts != 0, connected: state == connected, path: string(path)}, true
}
