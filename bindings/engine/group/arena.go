package group

// arena holds records of the same number of words one behind the other. It
// grows by whole chunks, so that records are not copied again and again and the
// old copies do not add to the memory. Only the first chunk starts small: most
// results have few groups.
type arena struct {
	stride int  // words a record
	shift  uint // a chunk holds 1<<shift records
	chunks [][]uint64
	n      int // records
}

// chunkWords is about how many words a chunk has: 64 KiB.
const chunkWords = 1 << 13

func newArena(stride int) arena {
	a := arena{stride: stride}
	for stride<<(a.shift+1) <= chunkWords {
		a.shift++
	}
	return a
}

// at returns record i. It is good until the next add.
func (a *arena) at(i int) []uint64 {
	from := (i & (1<<a.shift - 1)) * a.stride
	return a.chunks[i>>a.shift][from : from+a.stride : from+a.stride]
}

// add appends a record of zeros.
func (a *arena) add() []uint64 {
	i := a.n
	a.n++
	c, need := i>>a.shift, (i&(1<<a.shift-1)+1)*a.stride
	switch full := a.stride << a.shift; {
	case c == len(a.chunks) && c == 0:
		a.chunks = append(a.chunks, make([]uint64, min(8*a.stride, full)))
	case c == len(a.chunks):
		a.chunks = append(a.chunks, make([]uint64, full))
	case need > len(a.chunks[c]):
		grown := make([]uint64, min(2*len(a.chunks[c]), full))
		copy(grown, a.chunks[c])
		a.chunks[c] = grown
	}
	rec := a.at(i)
	clear(rec)
	return rec
}

// truncate forgets the records from n on and keeps their memory.
func (a *arena) truncate(n int) { a.n = n }
