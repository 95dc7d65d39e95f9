package session

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// end is what a file descriptor can be an end of.
type end struct {
	kind   kind
	number uint64 // inode of a socket, N of the terminal /dev/pts/N
}

type kind uint8

const (
	socket kind = iota
	slave       // the side of a terminal that programs run on
	master      // the side that sshd, tmux or a window holds
)

// slaveMajor is the device number of the terminals under /dev/pts
// (UNIX98_PTY_SLAVE_MAJOR, include/uapi/linux/major.h).
const slaveMajor = 136

// descriptors calls visit for each end that a process holds, and tells whether
// its descriptors could be read.
func (s *search) descriptors(pid string, visit func(e end)) bool {
	path := filepath.Join(s.root, pid, "fd")
	left, denied := s.links, false
	err := names(path, func(fd string) bool {
		if left == 0 {
			s.cut = true
			return false
		}
		left--
		link, err := os.Readlink(filepath.Join(path, fd))
		if err != nil { // closed since, or not for us
			denied = denied || errors.Is(err, fs.ErrPermission)
			return true
		}
		if strings.HasSuffix(link, "/ptmx") {
			if n, ok := masterOf(s.read(pid, "fdinfo", fd)); ok {
				visit(end{master, n})
			}
		} else if e, ok := endOf(link); ok {
			visit(e)
		}
		return true
	})
	return err == nil && !denied
}

// endOf reads the N of the links "socket:[N]" and "/dev/pts/N". After the other
// side of a terminal has closed, " (deleted)" follows, and it leads nowhere.
func endOf(link string) (end, bool) {
	if text, ok := strings.CutPrefix(link, "/dev/pts/"); ok {
		n, err := strconv.ParseUint(text, 10, 32)
		return end{slave, n}, err == nil
	}
	text, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return end{}, false
	}
	if text, ok = strings.CutSuffix(text, "]"); !ok {
		return end{}, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return end{socket, n}, err == nil && n != 0
}

// masterOf reads the number of a terminal from the fdinfo of its other side
// (pty_show_fdinfo, drivers/tty/pty.c; kernels before 4.14 do not show it).
func masterOf(fdinfo []byte) (uint64, bool) {
	for line := range bytes.Lines(fdinfo) {
		if rest, ok := bytes.CutPrefix(line, []byte("tty-index:")); ok {
			n, err := strconv.ParseUint(string(bytes.TrimSpace(rest)), 10, 32)
			return n, err == nil
		}
	}
	return 0, false
}

// terminalOf reads the number of the controlling terminal under /dev/pts from a
// stat file. The name of the program, in parentheses, may hold any byte; after it
// come state, parent, group, session and terminal, the last as new_encode_dev
// packs it (include/linux/kdev_t.h).
func terminalOf(stat []byte) (uint64, bool) {
	field := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(field) < 5 {
		return 0, false
	}
	dev, err := strconv.ParseUint(string(field[4]), 10, 32)
	if err != nil || dev>>8&0xfff != slaveMajor {
		return 0, false
	}
	return dev&0xff | dev>>12&0xfff00, true
}
