package session

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ancestors returns the names under /proc of this process and of those above
// it, up to 1. The walk ends early at a process that cannot be read, and at
// parent 0: the first process of a PID namespace has its parent outside.
func (s *search) ancestors() []string {
	var chain []string
	for pid := "self"; ; {
		if s.processes == 0 {
			s.found.Partial = true
			return chain
		}
		s.processes--
		chain = append(chain, pid)

		parent, ok := parentOf(s.read(pid, "status"))
		// Parents may change while we walk, so a circle is possible in theory.
		if !ok || parent == "0" || slices.Contains(chain, parent) {
			return chain
		}
		pid = parent
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

// sockets adds the inodes of the sockets that a process holds, and tells whether
// its descriptors could be read.
func (s *search) sockets(pid string, inodes map[uint64]bool) bool {
	path := filepath.Join(s.root, pid, "fd")
	dir, err := os.Open(path)
	if err != nil {
		return false
	}
	defer dir.Close()

	names, err := dir.Readdirnames(s.links + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	if len(names) > s.links {
		names, s.found.Partial = names[:s.links], true
	}
	for _, name := range names {
		to, err := os.Readlink(filepath.Join(path, name))
		if err != nil {
			continue // closed since
		}
		if inode, ok := socketInode(to); ok {
			inodes[inode] = true
		}
	}
	return true
}

// socketInode reads the N of the link "socket:[N]".
func socketInode(link string) (uint64, bool) {
	text, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	if text, ok = strings.CutSuffix(text, "]"); !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(text, 10, 64)
	return inode, err == nil && inode != 0
}

// read returns a file under the root, or what of it may be read: empty when
// nothing can. What is too long is cut after the last whole line or, as in environ,
// the last whole entry: half an entry could read as another connection.
func (s *search) read(elem ...string) []byte {
	f, err := os.Open(filepath.Join(append([]string{s.root}, elem...)...))
	if err != nil {
		return nil
	}
	defer f.Close()

	// A read may fail half way, as when the process ends: what came is still true.
	text, _ := io.ReadAll(io.LimitReader(f, int64(s.file)+1))
	if len(text) <= s.file {
		return text
	}
	s.found.Partial = true
	text = text[:s.file]
	return text[:bytes.LastIndexAny(text, "\n\x00")+1]
}
