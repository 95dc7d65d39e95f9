package snapshot

// Diff compares two snapshots: the flows that are only in after, those that are
// only in before, and, as they are in after, those that are in both and differ
// in what [Changes] looks at. A flow that was re-created, which has another id
// or start time, is removed and added. Each result keeps the order and the
// world of where its flows come from.
func Diff(before, after *Snapshot) (added, removed, changed *Snapshot) {
	added, removed, changed = New(after.world), New(before.world), New(after.world)
	for _, s := range []*Snapshot{before, after} {
		s.prepare() // to know what is there twice
		s.next = 0
	}
	var c comparison
	for i := range after.flows.n {
		into := added
		if j, ok := before.lives(after, i); ok {
			if into = changed; !c.differ(before, j, after, i) {
				continue
			}
		}
		if after.counts(i) {
			into.addFrom(after, i)
		}
	}
	for j := range before.flows.n {
		if _, ok := after.lives(before, j); !ok && before.counts(j) {
			removed.addFrom(before, j)
		}
	}
	return added, removed, changed
}

// lives finds flow i of another snapshot in s, if it is the same and not
// re-created between the two.
func (s *Snapshot) lives(other *Snapshot, i int) (int, bool) {
	f := other.flows.at(i)
	j, ok := s.follow(f)
	return j, ok && !reborn(s.flows.at(j), f)
}

// counts tells whether flow i is the last with its place in the table.
func (s *Snapshot) counts(i int) bool {
	last, _ := s.Find(s.flows.at(i))
	return last == i
}
