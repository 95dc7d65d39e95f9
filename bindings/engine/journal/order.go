package journal

import "time"

// cursor is at one journal of a file.
type cursor struct {
	src    *source
	k      int
	header *Header // nil where it cannot be read
	err    error   // why
	boot   int     // later boots have greater numbers
	began  time.Duration
	floor  time.Duration // began no earlier
}

// newestFirst calls fn for the journals in the files of ids, which are sorted,
// the newest first, until it returns false. fn may keep the file of its cursor by
// setting it nil.
//
// Files may grow side by side, and the clock may be set, so neither IDs nor wall
// clocks tell the order of journals in two files. It is that of the other clock,
// and of boots the order in which they made files.
func (s *Store) newestFirst(d Folder, ids []string, fn func(*cursor) bool) {
	all := s.cursors(d, ids)
	defer func() {
		for _, c := range all {
			if c.src != nil {
				_ = c.src.close()
			}
		}
	}()
	for {
		var next *cursor
		for _, c := range all { // newest file first: it wins where they are alike
			if c.k >= 0 && (next == nil || c.boot > next.boot || c.boot == next.boot && c.began > next.began) {
				next = c
			}
		}
		if next == nil || !fn(next) {
			return
		}
		next.back()
	}
}

// cursors open the files, each at its last journal.
func (s *Store) cursors(d Folder, ids []string) []*cursor {
	var all []*cursor
	for _, id := range ids {
		if src, err := s.source(d, id); err == nil { // else it was removed meanwhile
			all = append(all, &cursor{src: src, k: len(src.extents)})
		}
	}
	// A file in which no header can be read counts as begun with the one before.
	boots, names := map[string]int{}, make([]string, len(all))
	var boot string
	var began time.Duration
	for i := len(all) - 1; i >= 0; i-- {
		for k := range all[i].src.extents {
			if h, err := all[i].src.header(k); err == nil {
				boot, began = h.Boot, h.Started.Boot
				break
			}
		}
		names[i], all[i].floor = boot, began
		boots[boot] = len(all) - i
	}
	for i, c := range all {
		c.boot = boots[names[i]]
		c.back()
	}
	return all
}

// back goes to the journal before.
func (c *cursor) back() {
	if c.k--; c.k < 0 {
		return
	}
	c.header, c.err = c.src.header(c.k)
	c.began = c.floor
	if c.header != nil {
		c.began = c.header.Started.Boot
		return
	}
	for k := c.k - 1; k >= 0; k-- { // as if begun with the one before
		if h, err := c.src.header(k); err == nil {
			c.began = h.Started.Boot
			return
		}
	}
}
