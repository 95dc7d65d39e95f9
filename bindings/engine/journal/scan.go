package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// batch is where the changes of one Intend lie in a file.
type batch struct {
	offset  int64 // of the first change
	end     int64 // behind the last one
	records int   // before it
	kind    Kind
	want    int // changes that were begun
	n       int // changes that are there and good
	bytes   int // of their payloads
	at      Moment
	settled bool
	not     []bool // by place: it did not happen; nil where all may have
}

// place is where a record lies in a file. The zero place is none.
type place struct {
	offset  int64
	records int // before it
	payload int // bytes
}

// extent is where one journal lies in a file, payloads apart.
type extent struct {
	offset  int64
	size    int64
	header  place
	batches []batch
	outcome place // none where it was not ended
	lost    bool  // it was begun behind the good part, or its header is damaged
}

// contents are what a file holds, payloads apart.
type contents struct {
	extents []extent
	good    int // of extents, those that are not lost
	damage  *record.DamageError
	torn    bool // the damage is an end within what was written last, and nothing stands behind it
}

// scan reads a file of n bytes, in which first is the ID of the first journal,
// to its end or its first bad record. The error is a [*record.FormatError]. All
// else that is wrong is the damage.
func scan(src io.ReaderAt, n int64, first uint64) (*contents, error) {
	c := &contents{}
	r, err := record.NewReader(io.NewSectionReader(src, 0, n), format)
	if err != nil && !errors.As(err, &c.damage) {
		return nil, err
	}
	for c.damage == nil {
		at := place{offset: r.Offset(), records: r.Records()}
		typ, payload, err := r.Next()
		at.payload = len(payload)
		if errors.Is(err, io.EOF) {
			x := c.last()
			if x == nil || !x.whole() {
				c.damage = at.damage(record.CutShort)
			}
			break
		}
		if errors.As(err, &c.damage) {
			break
		}
		if reason := c.add(typ, payload, at, r); reason != "" {
			c.damage = at.damage(reason)
		}
	}
	c.good = len(c.extents)
	if c.damage != nil {
		c.lose(src, n, first)
	}
	end := n
	for i := len(c.extents) - 1; i >= 0; i-- {
		x := &c.extents[i]
		if i == 0 {
			x.offset = 0 // what stands before the first header is its too
		}
		x.size, end = end-x.offset, x.offset
	}
	return c, nil
}

// damage is that of a record.
func (p place) damage(reason string) *record.DamageError {
	return &record.DamageError{Offset: p.offset, Records: p.records, Reason: reason}
}

// last is the journal that was begun last, nil before the first.
func (c *contents) last() *extent {
	if len(c.extents) == 0 {
		return nil
	}
	return &c.extents[len(c.extents)-1]
}

// last is the batch that was begun last, nil before the first.
func (x *extent) last() *batch {
	if len(x.batches) == 0 {
		return nil
	}
	return &x.batches[len(x.batches)-1]
}

// whole tells whether nothing is missing in the last batch.
func (x *extent) whole() bool {
	last := x.last()
	return last == nil || last.n == last.want
}

// happened is how many changes happened or may have.
func (x *extent) happened() (n int) {
	for i := range x.batches {
		n += x.batches[i].happened()
	}
	return n
}

// ended tells whether an outcome was written.
func (x *extent) ended() bool { return x.outcome != place{} }

// add takes a record in, or says what is wrong with it. The Writer makes no
// such record; one whose checksum is right nevertheless was put there.
func (c *contents) add(typ byte, payload []byte, at place, r *record.Reader) (reason string) {
	x := c.last()
	switch {
	case typ == typeHeader:
		return c.addHeader(x, at)
	case x == nil:
		return "it does not begin with a header"
	case x.ended():
		return "a record follows the end"
	case Kind(typ).valid():
		if x.whole() {
			return "a change stands outside of a batch"
		}
		return x.last().add(Kind(typ), payload, r)
	case !x.whole():
		return "a batch is not complete"
	}
	switch typ {
	case typeBatch:
		return x.addBatch(payload, r)
	case typeSettle:
		if x.last() == nil {
			return "what is settled is no batch"
		}
		return x.last().settle(payload, len(x.batches)-1)
	case typeEnd:
		if len(payload) > record.MaxHeader {
			return "its outcome is not understood"
		}
		x.outcome = at
		return ""
	}
	return fmt.Sprintf("a record of type %q is not known", typ)
}

func (c *contents) addHeader(x *extent, at place) (reason string) {
	switch {
	case x != nil && !x.ended():
		return "a second header follows"
	case at.payload > record.MaxHeader:
		return fmt.Sprintf("a header of %d bytes is longer than any", at.payload)
	case len(c.extents) == fileIDs:
		return "it holds more journals than any"
	}
	c.extents = append(c.extents, extent{offset: at.offset, header: at})
	return ""
}

// batchLen is the length of the record that begins a batch.
const batchLen = 4 + 4 + 8 + 8

func (x *extent) addBatch(payload []byte, r *record.Reader) (reason string) {
	if len(payload) != batchLen {
		return "the begin of a batch is not understood"
	}
	number, want := binary.BigEndian.Uint32(payload), binary.BigEndian.Uint32(payload[4:])
	if number != uint32(len(x.batches)) || want == 0 || want > maxBatch {
		return fmt.Sprintf("batch %d of %d changes does not follow the ones before", number, want)
	}
	x.batches = append(x.batches, batch{offset: r.Offset(), end: r.Offset(), records: r.Records(), want: int(want), at: Moment{
		Wall: time.Unix(0, int64(binary.BigEndian.Uint64(payload[8:]))),
		Boot: time.Duration(binary.BigEndian.Uint64(payload[16:])),
	}})
	return ""
}

// add counts a change.
func (b *batch) add(kind Kind, payload []byte, r *record.Reader) (reason string) {
	if b.n > 0 && kind != b.kind {
		return "changes of several kinds stand in one batch"
	}
	if b.bytes+len(payload) > maxBatchBytes {
		return "a batch is larger than any"
	}
	b.kind, b.n, b.bytes, b.end = kind, b.n+1, b.bytes+len(payload), r.Offset()
	return ""
}

// settle notes what did not happen.
func (b *batch) settle(payload []byte, number int) (reason string) {
	if len(payload)%2 != 0 || len(payload) < 4 || binary.BigEndian.Uint32(payload) != uint32(number) {
		return "what is settled is not the batch before"
	}
	if len(payload) == 4 {
		b.settled = true
		return ""
	}
	not := make([]bool, b.n)
	copy(not, b.not)
	for p := payload[4:]; len(p) > 0; p = p[2:] {
		i := binary.BigEndian.Uint16(p)
		if int(i) >= b.n {
			return "what is settled is not in the batch"
		}
		not[i] = true
	}
	b.settled, b.not = true, not
	return ""
}

// happened is how many changes of the batch happened or may have.
func (b *batch) happened() int {
	n := b.n
	for _, not := range b.not {
		if not {
			n--
		}
	}
	return n
}
