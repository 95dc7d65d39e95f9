package journal

// Entry is one journal of a store.
type Entry struct {
	ID      string
	Header  Header // zero where it cannot be read
	Size    int64  // bytes of it in its file
	Counts  map[Kind]int
	NotDone int      // changes that are known not to have happened; not in Counts
	Outcome *Outcome // nil where it was not ended
	Live    bool     // it is being written
	Undone  *Mark    // nil where it was not undone, or its undo was itself
	// Err is nil, or why it cannot be read, or not to its end: an [*UnsafeError],
	// a [*record.FormatError], a [*record.DamageError], an [*Error].
	Err error
}

// List returns the journals of the store, the newest first. Where there is no
// directory there are none. What is wrong with a single one is in its entry; the
// error, an [*UnsafeError] or [*Error], is about the directory.
func (s *Store) List() ([]Entry, error) {
	var list []Entry
	err := s.Each(func(e Entry) error {
		list = append(list, e)
		return nil
	})
	return list, err
}

// Each calls fn for what List returns, one after the other: there may be tens of
// thousands. An error of fn ends it and is returned.
func (s *Store) Each(fn func(Entry) error) error {
	d, names, err := s.look()
	if d == nil {
		return err
	}
	defer d.Close()
	m := marksOf(d, names)
	s.newestFirst(d, idsOf(names), func(c *cursor) bool {
		e := c.entry()
		e.Undone = m.undone(e.ID)
		err = fn(e)
		return err == nil
	})
	return err
}

// entry tells about the journal at hand.
func (c *cursor) entry() Entry {
	x := &c.src.extents[c.k]
	e := Entry{ID: c.src.id(c.k), Size: x.size, Counts: map[Kind]int{}, Live: c.src.busy(c.k), Err: c.src.fault(c.k)}
	if c.header != nil {
		e.Header = *c.header
	} else if e.Err == nil && !e.Live {
		e.Err = c.err
	}
	var err error
	if e.Outcome, err = c.src.outcome(c.k); e.Err == nil {
		e.Err = err
	}
	for i := range x.batches {
		b := &x.batches[i]
		n := b.happened()
		if n > 0 {
			e.Counts[b.kind] += n
		}
		e.NotDone += b.n - n
	}
	return e
}
