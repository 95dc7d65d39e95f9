package journal

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// Mark says by what a journal was undone.
type Mark struct {
	By string `json:"by"` // ID of the undo's journal, "" where the mark cannot be read
	At Moment `json:"at"`
}

// MarkUndone notes that an undo of the journal id was applied, whose own journal
// is by. A mark that is there is replaced. Whenever the process dies, the mark
// is there whole or not at all. A [Reader] of the journal should still be open:
// until it is closed the journal cannot be removed.
//
// Errors: as those of [Store.Read] for an ID, and an [*Error] for the disk's.
func (s *Store) MarkUndone(id, by string) error {
	d, err := s.open(false)
	if isNotExist(err) {
		return &UnknownError{ID: id}
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if err := s.lock(d); err != nil {
		return err
	}
	names, err := d.Names()
	if err != nil {
		return &Error{"list", s.dir, err}
	}
	src, k, err := s.find(d, idsOf(names), id)
	if err != nil {
		return err
	}
	id = src.id(k)
	src.close()
	if err := writeMark(d, id, Mark{record.Cut(by), Now()}, slices.Contains(names, id+newSuffix)); err != nil {
		return &Error{"mark", filepath.Join(s.dir, id+suffix), err}
	}
	return nil
}

// writeMark writes the mark under another name first, and gives it its own once
// it is on the disk.
func writeMark(d Folder, id string, m Mark, old bool) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if old { // of a process that died
		if err := d.Remove(id + newSuffix); err != nil {
			return err
		}
	}
	f, err := d.Create(id + newSuffix)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = d.Rename(id+newSuffix, id+markSuffix)
	}
	if err != nil {
		_ = d.Remove(id + newSuffix) // the next mark removes it otherwise
		return err
	}
	return d.Sync()
}

// marks are those of a store. They are read as they are asked for: there may be
// thousands.
type marks struct {
	d    Folder
	have map[string]bool // IDs of the journals undone
}

func marksOf(d Folder, names []string) marks {
	m := marks{d, map[string]bool{}}
	for _, name := range names {
		if id, kind, ok := split(name); ok && kind == markSuffix {
			m.have[id] = true
		}
	}
	return m
}

// readMark reads a mark. One that cannot be read is one all the same: it is
// written only where an undo was applied.
func readMark(d Folder, name string) (m Mark) {
	f, err := d.Open(name)
	if err != nil {
		return Mark{}
	}
	defer f.Close()
	if own(f, name, fs.FileMode(0)) != nil {
		return Mark{}
	}
	text, err := io.ReadAll(io.NewSectionReader(f, 0, record.MaxHeader))
	if err != nil || json.Unmarshal(text, &m) != nil {
		return Mark{}
	}
	return m
}

// undone is the mark of a journal whose undo still holds, nil for others. One
// whose undo was undone is as it was before.
func (m marks) undone(id string) *Mark {
	if !m.have[id] {
		return nil
	}
	mark := readMark(m.d, id+markSuffix)
	holds, by := true, mark.By
	// Marks that were tampered with may lead round in a circle.
	for n := len(m.have); m.have[by] && n > 0; n-- {
		holds, by = !holds, readMark(m.d, by+markSuffix).By
	}
	if !holds {
		return nil
	}
	return &mark
}

// isNotExist tells that a file or directory is not there.
func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// readError makes an error to open a journal one of ours.
func readError(path string, err error) error {
	var unsafe *UnsafeError
	if errors.As(err, &unsafe) {
		return err
	}
	return &Error{"open", path, err}
}
