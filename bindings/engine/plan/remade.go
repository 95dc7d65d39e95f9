package plan

import (
	"errors"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// remade are the flows that undos have made again, and when. Each has another id
// and another start than a journal from before says, and is the same flow all
// the same.
type remade map[wire.Tuple]time.Time

// remember notes that a flow is made again.
func (m remade) remember(orig wire.Tuple, at time.Time) {
	if at.After(m[orig]) {
		m[orig] = at
	}
}

// remade reads which flows were made again by the undos that were applied
// behind the change that s takes back. A journal that cannot be read tells of
// none: what it made again then stays as it is.
func (s *undoStep) remade(to *Journal) (remade, error) {
	known := remade{}
	if to == nil {
		return known, nil
	}
	head := s.r.Header()
	var undos []string
	err := to.Store.Each(func(e journal.Entry) error {
		h := &e.Header
		switch {
		case h.Boot != head.Boot:
		case h.Started.Boot < head.Started.Boot:
			return conntrack.ErrStop // the others are older still
		case h.Undoes != "" && h.Namespace == head.Namespace:
			undos = append(undos, e.ID)
		}
		return nil
	})
	if err != nil && !errors.Is(err, conntrack.ErrStop) {
		return nil, err
	}
	for _, id := range undos {
		if r, err := to.Store.Read(id); err == nil {
			_ = r.Each(known.read)
			_ = r.Close()
		}
	}
	return known, nil
}

// read notes a flow that a journal says was made.
func (m remade) read(c journal.Change) error {
	var v wire.View
	var orig wire.Tuple
	if c.Kind != journal.Create {
		return nil
	}
	if err := v.Reset(c.Payload); err != nil {
		return err
	}
	v.Tuple(wire.Original, &orig)
	m.remember(orig, c.At.Wall)
	return nil
}

// madeAbout tells whether a flow may have been made by a batch that was taken
// down at a time. Its start is known where timestamps are on.
func madeAbout(f *wire.Flow, at time.Time) bool {
	if !f.Has(wire.HasStart) {
		return true
	}
	d := time.Unix(0, int64(f.Start)).Sub(at)
	return d >= -time.Second && d <= madeWithin
}

// madeWithin is how long after it was taken down a batch may have been sent.
const madeWithin = 10 * time.Second
