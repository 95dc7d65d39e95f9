package group

// queue is the rows that were added and are not in their groups yet: of each
// the packed key and the inputs. With many groups, a row waits for memory
// twice, for its slot and for its record. A batch of rows waits for all its
// slots together and then for all its records.
type queue struct {
	words  []uint64
	stride int
	n      int
	hashes [batch]uint64
	found  [batch]int
}

// batch is how many rows are put into groups at once.
const batch = 16

func newQueue(stride int) queue {
	return queue{words: make([]uint64, batch*stride), stride: stride}
}

// next is the place of another row.
func (q *queue) next() []uint64 {
	q.n++
	return q.at(q.n - 1)
}

func (q *queue) at(i int) []uint64 {
	return q.words[i*q.stride : (i+1)*q.stride : (i+1)*q.stride]
}

// settle puts the rows of the queue into their groups, in order.
func (t *Table) settle() {
	q := &t.queue
	for i := range q.n {
		h := hash(q.at(i)[:t.keyWords])
		n, ok := t.slots.at(t.slots.first(h), h)
		if !ok {
			n = -1
		}
		q.hashes[i], q.found[i] = h, n
	}
	for i := range q.n {
		if n := q.found[i]; n >= 0 && !same(t.recs.at(n), q.at(i)[:t.keyWords]) {
			q.found[i] = -1
		}
	}
	for i := range q.n {
		n := q.found[i]
		row := q.at(i)
		if n < 0 { // further on, or new
			n = t.group(row[:t.keyWords], q.hashes[i])
		}
		t.add(row[t.keyWords:], t.recs.at(n)[t.keyWords:])
	}
	q.n = 0
}

// moved is told that records and texts have other numbers: what was found does
// not count any more.
func (t *Table) moved(old *texts) {
	q := &t.queue
	for i := range q.n {
		key := q.at(i)[:t.keyWords]
		t.renumber(key, old)
		q.hashes[i], q.found[i] = hash(key), -1
	}
}
