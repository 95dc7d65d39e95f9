package journal

import (
	"encoding/binary"
	"encoding/json"
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

// contents are what a file holds, payloads apart.
type contents struct {
	header  Header
	batches []batch
	outcome *Outcome // nil: it was not ended
	damage  *record.DamageError
}

// scan reads a file of n bytes to its end or its first bad record. The error is
// a [*record.FormatError]. All else that is wrong is the damage.
func scan(src io.ReaderAt, n int64, id string) (*contents, error) {
	c := &contents{}
	r, err := record.NewReader(io.NewSectionReader(src, 0, n), format)
	if err != nil {
		if errors.As(err, &c.damage) {
			return c, nil
		}
		return nil, err
	}
	for c.damage == nil {
		at, before := r.Offset(), r.Records()
		typ, payload, err := r.Next()
		if errors.Is(err, io.EOF) {
			if last := c.last(); last != nil && last.n < last.want {
				c.damage = &record.DamageError{Offset: at, Records: before, Reason: record.CutShort}
			}
			break
		}
		if errors.As(err, &c.damage) {
			break
		}
		if reason := c.add(typ, payload, id, r); reason != "" {
			c.damage = &record.DamageError{Offset: at, Records: before, Reason: reason}
		}
	}
	if c.header.ID == "" && c.damage == nil {
		c.damage = &record.DamageError{Offset: r.Offset(), Reason: record.CutShort}
	}
	return c, nil
}

// last is the batch that was begun last, nil before the first.
func (c *contents) last() *batch {
	if len(c.batches) == 0 {
		return nil
	}
	return &c.batches[len(c.batches)-1]
}

// add takes a record in, or says what is wrong with it. The Writer makes no
// such record; one whose checksum is right nevertheless was put there.
func (c *contents) add(typ byte, payload []byte, id string, r *record.Reader) (reason string) {
	last := c.last()
	whole := last == nil || last.n == last.want
	switch {
	case c.header.ID == "" && typ != typeHeader:
		return "it does not begin with a header"
	case c.outcome != nil:
		return "a record follows the end"
	case Kind(typ).valid():
		if whole {
			return "a change stands outside of a batch"
		}
		return last.add(Kind(typ), payload, r)
	case !whole:
		return "a batch is not complete"
	}
	switch typ {
	case typeHeader:
		return c.addHeader(payload, id)
	case typeBatch:
		return c.addBatch(payload, r)
	case typeSettle:
		if last == nil {
			return "what is settled is no batch"
		}
		return last.settle(payload, len(c.batches)-1)
	case typeEnd:
		var o Outcome
		if len(payload) > maxJSON || json.Unmarshal(payload, &o) != nil {
			return "its outcome is not understood"
		}
		c.outcome = &o
		return ""
	}
	return fmt.Sprintf("a record of type %q is not known", typ)
}

func (c *contents) addHeader(payload []byte, id string) (reason string) {
	if c.header.ID != "" {
		return "a second header follows"
	}
	var h Header
	switch {
	case len(payload) > maxJSON:
		return fmt.Sprintf("a header of %d bytes is longer than any", len(payload))
	case json.Unmarshal(payload, &h) != nil:
		return "its header is not understood"
	case h.ID != id:
		return "it holds the header of another journal"
	}
	c.header = h
	return ""
}

// batchLen is the length of the record that begins a batch.
const batchLen = 4 + 4 + 8 + 8

func (c *contents) addBatch(payload []byte, r *record.Reader) (reason string) {
	if len(payload) != batchLen {
		return "the begin of a batch is not understood"
	}
	number, want := binary.BigEndian.Uint32(payload), binary.BigEndian.Uint32(payload[4:])
	if number != uint32(len(c.batches)) || want == 0 || want > maxBatch {
		return fmt.Sprintf("batch %d of %d changes does not follow the ones before", number, want)
	}
	c.batches = append(c.batches, batch{offset: r.Offset(), end: r.Offset(), records: r.Records(), want: int(want), at: Moment{
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
	not := make([]bool, b.n)
	copy(not, b.not)
	for p := payload[4:]; len(p) > 0; p = p[2:] {
		i := binary.BigEndian.Uint16(p)
		if int(i) >= b.n {
			return "what is settled is not in the batch"
		}
		not[i] = true
	}
	b.settled = true
	if len(payload) > 4 {
		b.not = not
	}
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
