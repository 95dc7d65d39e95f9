package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// source is a file that is open for reading. It stays, whatever else is begun,
// until it is closed, unless it was being written when it was opened.
type source struct {
	store *Store
	file  File        // nil where it cannot be opened
	info  fs.FileInfo // nil where it cannot be told
	path  string
	first uint64 // ID of its first journal
	live  bool   // it is open for writing
	err   error  // why nothing of it can be read
	contents
	rd record.Reader
}

// source opens the file of an ID and reads all but its payloads. What cannot be
// read holds one journal, that is lost. fs.ErrNotExist is for one that was
// removed meanwhile.
func (s *Store) source(d Folder, id string) (*source, error) {
	src := &source{store: s, path: filepath.Join(s.dir, id+suffix), contents: contents{extents: []extent{{lost: true}}}}
	src.first, _ = parseID(id)
	src.err = src.open(d, id)
	if isNotExist(src.err) {
		return nil, src.err
	}
	return src, nil
}

func (src *source) open(d Folder, id string) error {
	f, err := d.Open(id + suffix)
	if err != nil {
		return readError(src.path, err)
	}
	src.file = f
	if err := own(f, src.path, fs.FileMode(0)); err != nil {
		return err
	}
	free, err := f.TryLock(false)
	if err != nil {
		return &Error{"lock", src.path, err}
	}
	src.live = !free
	info, err := f.Stat()
	if err != nil {
		return &Error{"look at", src.path, err}
	}
	src.info, src.extents[0].size = info, info.Size()
	c, err := scan(f, info.Size(), src.first)
	if err != nil {
		return fmt.Errorf("journal %s: %w", id, err)
	}
	src.contents = *c
	return nil
}

// close gives the file free.
func (src *source) close() error {
	if src.file == nil {
		return nil
	}
	return src.file.Close()
}

// id is that of its k-th journal.
func (src *source) id(k int) string { return formatID(src.first + uint64(k)) }

// busy tells whether its k-th journal is being written.
func (src *source) busy(k int) bool {
	return src.live && k == len(src.extents)-1 && !src.extents[k].ended()
}

// fault is what is wrong with its k-th journal, nil where it is good to its end.
func (src *source) fault(k int) error {
	x := &src.extents[k]
	switch {
	case src.err != nil:
		return src.err
	case src.damage == nil, k < src.good-1:
		return nil
	case src.busy(k) && src.damage.Reason == record.CutShort:
		return nil // it may end anywhere
	case k == src.good-1 && x.ended() && src.torn:
		return nil
	}
	return src.damage
}

// empty tells whether it is known that its k-th journal holds no change that
// happened or may have.
func (src *source) empty(k int) bool {
	x := &src.extents[k]
	switch {
	case src.busy(k), src.err != nil, x.happened() > 0:
		return false
	case k < src.good && x.ended():
		return true
	}
	// Without an end, its process died, or the disk was full, before the first
	// batch was there.
	return src.damage == nil || src.torn
}

// read returns the payload of a record. It is good until the next call.
func (src *source) read(p place) ([]byte, error) {
	src.rd.Restart(io.NewSectionReader(src.file, p.offset, record.HeadLen+int64(p.payload)), p.offset, p.records)
	_, payload, err := src.rd.Next()
	if err != nil {
		return nil, &Error{"read again", src.path, err}
	}
	return payload, nil
}

// header is that of its k-th journal. The error is a [*record.DamageError] where
// no Writer wrote it.
func (src *source) header(k int) (*Header, error) {
	p := src.extents[k].header
	switch {
	case src.err != nil:
		return nil, src.err
	case p == (place{}):
		return nil, src.damage
	}
	payload, err := src.read(p)
	if err != nil {
		return nil, err
	}
	var h Header
	switch {
	case json.Unmarshal(payload, &h) != nil:
		return nil, p.damage("its header is not understood")
	case h.ID != src.id(k):
		return nil, p.damage("it holds the header of another journal")
	}
	return &h, nil
}

// outcome is that of its k-th journal, nil where it was not ended.
func (src *source) outcome(k int) (*Outcome, error) {
	p := src.extents[k].outcome
	if p == (place{}) {
		return nil, nil //nolint:nilnil // there is none
	}
	payload, err := src.read(p)
	if err != nil {
		return nil, err
	}
	var o Outcome
	if json.Unmarshal(payload, &o) != nil {
		return nil, p.damage("its outcome is not understood")
	}
	return &o, nil
}

// find opens the file of the journal that a beginning of its ID names.
func (s *Store) find(d Folder, ids []string, id string) (src *source, k int, err error) {
	id = strings.ToLower(id)
	if src, k := s.holding(d, ids, id); src != nil {
		return src, k, nil
	}
	var all []string
	s.newestFirst(d, ids, func(c *cursor) bool {
		all = append(all, c.src.id(c.k))
		return true
	})
	if id, err = find(id, all); err != nil {
		return nil, 0, err
	}
	if src, k = s.holding(d, ids, id); src == nil {
		return nil, 0, &UnknownError{ID: id, Known: all} // removed meanwhile
	}
	return src, k, nil
}

// holding opens the file that holds the journal of an ID, nil where there is
// none. One that cannot be read may hold it.
func (s *Store) holding(d Folder, ids []string, id string) (src *source, k int) {
	file := covering(id, ids)
	if file == "" {
		return nil, 0
	}
	src, err := s.source(d, file)
	if err != nil {
		return nil, 0
	}
	n, _ := parseID(id)
	switch k = int(n - src.first); {
	case src.err != nil:
		return src, 0
	case k < len(src.extents):
		return src, k
	}
	_ = src.close()
	return nil, 0
}

// reader makes the file that of a Reader of its k-th journal.
func (src *source) reader(k int) (*Reader, error) {
	if src.err != nil {
		return nil, src.err
	}
	h, err := src.header(k)
	switch {
	case src.busy(k):
		busy := &BusyError{ID: src.id(k)}
		if err == nil {
			busy.PID = h.PID
		}
		return nil, busy
	case src.extents[k].lost:
		err = src.damage
	}
	var damage *record.DamageError
	if errors.As(err, &damage) {
		err = fmt.Errorf("journal %s: %w", src.id(k), err)
	}
	if err != nil {
		return nil, err
	}
	file := &lent{File: src.file, store: src.store, name: filepath.Base(src.path), info: src.info}
	r := &Reader{file: file, path: src.path, header: *h, batches: src.extents[k].batches}
	errors.As(src.fault(k), &r.damage)
	if r.outcome, err = src.outcome(k); err != nil && !errors.As(err, &r.damage) {
		return nil, err
	}
	return r, nil
}
