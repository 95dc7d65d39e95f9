package journal

import (
	"math"
	"slices"
	"time"
)

// instant orders journals of all files. Files may grow side by side, and the wall
// clock may be set, so that neither IDs nor that clock would tell.
type instant struct {
	boot int           // later boots, by the files they made, have greater numbers
	at   time.Duration // of CLOCK_BOOTTIME
}

func (i instant) before(j instant) bool { return i.boot < j.boot || i.boot == j.boot && i.at < j.at }

// never is behind all others.
var never = instant{boot: math.MaxInt}

// cursor is at one journal of a file.
type cursor struct {
	src    *source
	k      int
	header *Header // nil where it cannot be read
	err    error   // why
	began  instant
	first  instant // when the first journal of the file began, that can be read
}

// unopened is a file that was not read yet.
type unopened struct {
	id     string
	latest instant // nothing in it is later
}

// order goes through the journals of a store, the newest first.
type order struct {
	s     *Store
	d     Folder
	left  []unopened // newest file first
	open  []*cursor
	boots map[string]int // their numbers: those of newer files are found first
}

// newestFirst calls fn for the journals in the files of ids, which are sorted,
// the newest first, until it returns false. Files are opened when they may hold
// the next one. fn may keep the file of its cursor by setting it nil.
func (s *Store) newestFirst(d Folder, ids []string, fn func(*cursor) bool) {
	o := &order{s: s, d: d, boots: map[string]int{}}
	for _, id := range ids {
		o.left = append(o.left, unopened{id, never})
	}
	defer func() {
		for _, c := range o.open {
			if c.src != nil {
				_ = c.src.close()
			}
		}
	}()
	for {
		c := o.next()
		if c == nil || !fn(c) {
			return
		}
		if c.back(); c.k < 0 { // its file is not needed any more
			_ = c.src.close()
			o.open = slices.DeleteFunc(o.open, func(other *cursor) bool { return other == c })
		}
	}
}

// next is the cursor of the newest journal, nil behind the last.
func (o *order) next() *cursor {
	for {
		var next *cursor
		for _, c := range o.open {
			if c.k >= 0 && (next == nil || next.before(c)) {
				next = c
			}
		}
		if len(o.left) == 0 {
			return next
		}
		most := 0 // the file that may hold the latest
		for i, u := range o.left {
			if o.left[most].latest.before(u.latest) {
				most = i
			}
		}
		if next != nil && !next.began.before(o.left[most].latest) {
			return next
		}
		u := o.left[most]
		o.left = slices.Delete(o.left, most, most+1)
		o.read(u)
	}
}

// before tells whether c stands behind d; where they are alike, that in the newer
// file goes first.
func (c *cursor) before(d *cursor) bool {
	return c.began.before(d.began) || c.began == d.began && c.src.first < d.src.first
}

// read opens a file, and finds out what that tells of those that are not open.
func (o *order) read(u unopened) {
	src, err := o.s.source(o.d, u.id)
	if err != nil {
		return // it was removed meanwhile
	}
	c := &cursor{src: src, k: len(src.extents), first: u.latest}
	o.open = append(o.open, c)
	for k := range src.extents {
		h, err := src.header(k)
		if err != nil {
			continue
		}
		if _, ok := o.boots[h.Boot]; !ok {
			o.boots[h.Boot] = -len(o.boots)
		}
		c.first = instant{o.boots[h.Boot], h.Started.Boot}
		if k == 0 {
			o.bound(c, h.Beside)
		}
		break
	}
	c.back()
}

// bound notes that an older file holds nothing later than the first journal of c,
// but where it was still written to when the file of c was made.
func (o *order) bound(c *cursor, beside []string) {
	for i := range o.left {
		u := &o.left[i]
		if u.id < c.src.id(0) && c.first.before(u.latest) && len(beside) < maxBeside && !slices.Contains(beside, u.id) {
			u.latest = c.first
		}
	}
}

// back goes to the journal before.
func (c *cursor) back() {
	if c.k--; c.k < 0 {
		return
	}
	c.began = c.first
	if c.header, c.err = c.src.header(c.k); c.header != nil {
		c.began.at = c.header.Started.Boot
		return
	}
	for k := c.k - 1; k >= 0; k-- { // as if begun with the one before
		if h, err := c.src.header(k); err == nil {
			c.began.at = h.Started.Boot
			return
		}
	}
}
