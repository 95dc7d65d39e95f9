package session

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// nameBatch is how many names of a directory are read at a time.
const nameBatch = 512

// each calls visit for each process of the machine.
func (s *search) each(visit func(pid string)) {
	left := s.processes
	err := names(s.root, func(name string) bool {
		if _, err := strconv.ParseUint(name, 10, 31); err != nil {
			return true
		}
		if left == 0 {
			s.cut = true
			return false
		}
		left--
		visit(name)
		return true
	})
	s.cut = s.cut || err != nil
}

// names calls visit for each name in a directory until it says no.
func names(path string, visit func(name string) bool) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		list, err := dir.Readdirnames(nameBatch)
		for _, name := range list {
			if !visit(name) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
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
	s.cut = true
	text = text[:s.file]
	return text[:bytes.LastIndexAny(text, "\n\x00")+1]
}
