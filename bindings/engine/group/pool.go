package group

// pool gives out blocks of 1, 2, 4 ... words for what of a group does not have
// a fixed size: the values of a percentile and the set of distinct ones. A group
// with one value holds one word here.
type pool struct {
	classes [maxClass + 1]class
}

// maxClass is that of the largest block: 1<<maxClass words hold every bucket of
// a sketch at three quarters full.
const maxClass = bucketBits + 1

// class is the blocks of one size.
type class struct {
	arena
	free []uint32
}

// ref names a block and says how many entries of it are used. The zero ref has
// no block.
//
//	bits 63-32 number of the block in its class
//	bit  31    the block is a sketch
//	bits 30-24 class
//	bits 23-0  entries
type ref uint64

const (
	refSketch ref = 1 << 31
	refCount  ref = 1<<24 - 1
)

func (r ref) len() int          { return int(r & refCount) }
func (r ref) class() uint       { return uint(r>>24) & 0x7f }
func (r ref) isSketch() bool    { return r&refSketch != 0 }
func (r ref) withLen(n int) ref { return r&^refCount | ref(n) }

// alloc returns a block of zeros with no entry.
func (p *pool) alloc(k uint) ref {
	c := &p.classes[k]
	if last := len(c.free) - 1; last >= 0 {
		i := c.free[last]
		c.free = c.free[:last]
		clear(c.at(int(i)))
		return ref(i)<<32 | ref(k)<<24
	}
	if c.stride == 0 {
		c.arena = newArena(1 << k)
	}
	c.add()
	return ref(c.n-1)<<32 | ref(k)<<24
}

// release gives a block back.
func (p *pool) release(r ref) {
	if r != 0 {
		c := &p.classes[r.class()]
		c.free = append(c.free, uint32(r>>32))
	}
}

// words is the content of a block. It is good until the next alloc.
func (p *pool) words(r ref) []uint64 { return p.classes[r.class()].at(int(r >> 32)) }

// push appends a word to a block that is a list.
func (p *pool) push(r ref, word uint64) ref {
	n := r.len()
	switch {
	case r == 0:
		r = p.alloc(0)
	case n == 1<<r.class():
		grown := p.alloc(r.class() + 1)
		copy(p.words(grown), p.words(r))
		p.release(r)
		r = grown
	}
	p.words(r)[n] = word
	return r.withLen(n + 1)
}

// insert puts a word into a block that is a set, by open addressing. Words are
// the same where they agree in all but their low bits; a word is never 0. It
// returns the word of the set, and whether it is new there.
func (p *pool) insert(r ref, word uint64, low uint) (ref, *uint64, bool) {
	if r == 0 {
		r = p.alloc(0)
	}
	for {
		b := p.words(r)
		at, found := probe(b, word, low, r.class())
		if found {
			return r, &b[at], false
		}
		if r.len() < room(r.class()) {
			b[at] = word
			return r.withLen(r.len() + 1), &b[at], true
		}
		r = p.grow(r, low)
	}
}

// grow moves a set to a block twice as large.
func (p *pool) grow(r ref, low uint) ref {
	grown := p.alloc(r.class() + 1)
	b := p.words(grown)
	for _, w := range p.words(r) {
		if w != 0 {
			at, _ := probe(b, w, low, grown.class())
			b[at] = w
		}
	}
	p.release(r)
	return grown.withLen(r.len())
}

// probe looks a word up in a set: where it is, or where it would go.
func probe(b []uint64, word uint64, low, class uint) (at int, found bool) {
	at = int(word >> low * golden >> (64 - class))
	for range b {
		switch w := b[at]; {
		case w == 0:
			return at, false
		case w>>low == word>>low:
			return at, true
		}
		at = (at + 1) & (len(b) - 1)
	}
	return at, false // full
}

// golden spreads numbers that are close to each other: 2^64 over the golden
// ratio.
const golden = 0x9e3779b97f4a7c15

// room is how many words a set may have in a block. Short ones are read through
// anyway and may be full.
func room(class uint) int {
	if class <= 3 {
		return 1 << class
	}
	return 3 << class / 4
}
