package journal

import (
	"fmt"
	"io"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// Change is one change that happened, or may have.
type Change struct {
	Kind    Kind
	Payload []byte // good during the call that it is given to
	At      Moment // when it was about to be made
	// Settled tells that it is known to have happened. Of what is not settled
	// any part may have happened, or none.
	Settled bool
}

// Reader gives the changes of one journal. The journal stays, whatever else is
// begun, until it is closed; but where its file was still open for writing it may
// go with the file, once that is closed and many newer ones are there. It is for
// one goroutine.
type Reader struct {
	file    File
	path    string
	header  Header
	batches []batch
	outcome *Outcome
	damage  *record.DamageError
	rd      record.Reader
	list    []Change
	arena   []byte // payloads of list
}

// Read opens a journal that has ended, whether its file is still written to or
// not, or whose writer has died. A beginning of its ID is enough where no other
// has the same; "" is Newest of any.
//
// Errors: an [*UnknownError], an [*AmbiguousError], a [*BusyError], an
// [*UnsafeError]; a [*record.FormatError], or a [*record.DamageError] where not
// even the header is good, or it stands behind one that is damaged; an [*Error]
// for the disk's.
func (s *Store) Read(id string) (*Reader, error) {
	if id == "" {
		return s.Newest(nil)
	}
	d, names, err := s.look()
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, &UnknownError{ID: id}
	}
	defer d.Close()
	src, k, err := s.find(d, idsOf(names), id)
	if err != nil {
		return nil, err
	}
	r, err := src.reader(k)
	if err != nil {
		_ = src.close()
	}
	return r, err
}

// Newest opens the journal that an undo without an ID means: the newest that holds
// changes, was not undone yet, is no undo itself, and is one of those that are
// meant; nil means all. Its errors are those of Read, about the newest that is
// not undone: it never falls back on one before that.
func (s *Store) Newest(meant func(*Header) bool) (r *Reader, err error) {
	d, names, err := s.look()
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, &UnknownError{}
	}
	defer d.Close()
	m := marksOf(d, names)
	var known []string
	s.newestFirst(d, idsOf(names), func(c *cursor) bool {
		if meant != nil && c.header != nil && !meant(c.header) {
			return true
		}
		id := c.src.id(c.k)
		known = append(known, id)
		undo := c.header != nil && c.header.Undoes != "" && !c.src.busy(c.k)
		if undo || c.src.empty(c.k) || m.undone(id) != nil {
			return true
		}
		r, err = c.src.reader(c.k)
		if err == nil && r.Len() == 0 {
			err = fmt.Errorf("journal %s: %w", id, r.damage)
		}
		if err != nil { // an older one is not what was meant
			r, err = nil, fmt.Errorf("%w; to undo an older journal name it", err)
			return false
		}
		c.src = nil // the file is that of the Reader now
		return false
	})
	if r == nil && err == nil {
		err = &UnknownError{Known: known}
	}
	return r, err
}

// look opens the directory and lists it. The Folder is nil where there is none.
func (s *Store) look() (Folder, []string, error) {
	d, err := s.open(false)
	if isNotExist(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	names, err := d.Names()
	if err != nil {
		_ = d.Close()
		return nil, nil, &Error{"list", s.dir, err}
	}
	return d, names, nil
}

// Header is what the journal begins with.
func (r *Reader) Header() Header { return r.header }

// Len is how many changes happened or may have.
func (r *Reader) Len() int {
	n := 0
	for i := range r.batches {
		n += r.batches[i].happened()
	}
	return n
}

// Outcome is how the change ended; ok is false where its process died, or could
// not write it.
func (r *Reader) Outcome() (o Outcome, ok bool) {
	if r.outcome == nil {
		return Outcome{}, false
	}
	return *r.outcome, true
}

// Damage is nil, or says where the good part of the file ends: in the journal, or
// right behind it, where no other begins. All that the Reader gives is of the
// good part.
func (r *Reader) Damage() *record.DamageError { return r.damage }

// Each calls fn for the changes in the order they were made. An error of fn ends
// it and is returned; an [*Error] says that the file cannot be read again.
func (r *Reader) Each(fn func(Change) error) error {
	for i := range r.batches {
		if err := r.load(i); err != nil {
			return err
		}
		for _, c := range r.list {
			if err := fn(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// Back is Each from the last change to the first, the order to take them back
// in: what was changed twice comes to be as it was before the first time.
func (r *Reader) Back(fn func(Change) error) error {
	for i := len(r.batches) - 1; i >= 0; i-- {
		if err := r.load(i); err != nil {
			return err
		}
		for j := len(r.list) - 1; j >= 0; j-- {
			if err := fn(r.list[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// settled tells whether it is known what became of a batch. A Writer notes only
// what did not happen, and does so before it begins the next one or ends: it is
// known of all but the last, and of that where the end leaves nothing open.
func (r *Reader) settled(i int) bool {
	return r.batches[i].settled || i < len(r.batches)-1 || r.outcome != nil && r.outcome.Unknown == 0
}

// load reads the changes of a batch.
func (r *Reader) load(n int) error {
	b, settled := &r.batches[n], r.settled(n)
	r.list = r.list[:0]
	if cap(r.arena) < b.bytes {
		r.arena = make([]byte, 0, b.bytes)
	}
	r.arena = r.arena[:0]
	r.rd.Restart(io.NewSectionReader(r.file, b.offset, b.end-b.offset), b.offset, b.records)
	for i := range b.n {
		_, payload, err := r.rd.Next()
		if err != nil {
			return &Error{"read again", r.path, err}
		}
		if b.not != nil && b.not[i] {
			continue
		}
		from := len(r.arena)
		r.arena = append(r.arena, payload...)
		r.list = append(r.list, Change{b.kind, r.arena[from:len(r.arena):len(r.arena)], b.at, settled})
	}
	return nil
}

// Close gives the journal free.
func (r *Reader) Close() error { return r.file.Close() }
