package journal

// Entry is one journal of a store.
type Entry struct {
	ID      string
	Header  Header // zero where it cannot be read
	Size    int64  // bytes
	Counts  map[Kind]int
	NotDone int // changes that are known not to have happened; not in Counts
	// Unsettled are those in Counts of which nobody knows whether they happened.
	Unsettled int
	Outcome   *Outcome // nil where it was not ended
	Live      bool     // it is being written
	Undone    *Mark    // nil where it was not undone, or its undo was itself
	// Err is nil, or why it cannot be read, or not to its end: an [*UnsafeError],
	// a [*record.FormatError], a [*record.DamageError], an [*Error].
	Err error
}

// List returns the journals of the store, the newest first. Where there is no
// directory there are none. What is wrong with a single one is in its entry; the
// error, an [*UnsafeError] or [*Error], is about the directory.
func (s *Store) List() ([]Entry, error) {
	d, names, err := s.look()
	if d == nil {
		return nil, err
	}
	defer d.Close()
	ids, m := idsOf(names), s.marks(d, names)
	list := make([]Entry, 0, len(ids))
	for _, id := range ids {
		e := s.entry(d, id)
		if isNotExist(e.Err) {
			continue // removed meanwhile
		}
		e.Undone = m.undone(id)
		list = append(list, e)
	}
	return list, nil
}

// entry reads one journal.
func (s *Store) entry(d Folder, id string) Entry {
	e := Entry{ID: id, Counts: map[Kind]int{}}
	r, live, err := s.scan(d, id)
	e.Live, e.Err = live, err
	if r == nil {
		return e
	}
	defer r.Close()
	if info, err := r.file.Stat(); err == nil {
		e.Size = info.Size()
	}
	c := r.contents
	if c == nil {
		return e
	}
	e.Header, e.Outcome = c.header, c.outcome
	if c.damage != nil && !live { // one that is being written may end anywhere
		e.Err = c.damage
	}
	for i := range c.batches {
		b := &c.batches[i]
		n := b.happened()
		if n > 0 {
			e.Counts[b.kind] += n
		}
		e.NotDone += b.n - n
		if !b.settled {
			e.Unsettled += n
		}
	}
	return e
}
