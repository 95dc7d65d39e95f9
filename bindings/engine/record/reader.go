package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Reader returns the records of a file one by one. It is for one goroutine.
type Reader struct {
	src      io.Reader
	buf      []byte
	from, to int // what of buf is read but not yet returned
	offset   int64
	records  int
	err      error // what Next returns from now on
}

// NewReader begins to read a file of a format.
//
// Errors: a [*FormatError], and a [*DamageError] for a file that ends, or cannot
// be read, before it says what it is.
func NewReader(src io.Reader, f Format) (*Reader, error) {
	r := &Reader{src: src, buf: make([]byte, bufferLen)}
	want := f.start()
	err := r.fill(len(want))
	got := r.buf[:min(r.to, len(want))]
	switch magic := want[:len(f.Magic)]; {
	case !bytes.HasPrefix(magic, got[:min(len(got), len(magic))]):
		return nil, &FormatError{Format: f}
	case err != nil:
		return nil, r.damage(err)
	case !bytes.Equal(got, want):
		return nil, &FormatError{Format: f, Version: got[len(magic)]}
	}
	r.from, r.offset = len(want), int64(len(want))
	return r, nil
}

// Restart goes on at a place where a record begins: offset bytes into the file
// and behind records of its records. src begins there. A zero Reader may be
// started like this.
func (r *Reader) Restart(src io.Reader, offset int64, records int) {
	if r.buf == nil {
		r.buf = make([]byte, bufferLen)
	}
	*r = Reader{src: src, buf: r.buf, offset: offset, records: records}
}

// Next returns the next record. The payload is good until the next call.
//
// Errors: io.EOF where the file ends behind a record, a [*DamageError] where
// what follows is not a whole record. Later calls return the same again.
func (r *Reader) Next() (typ byte, payload []byte, err error) {
	if r.err != nil {
		return 0, nil, r.err
	}
	if typ, payload, err = r.next(); err != nil {
		r.err = err
		return 0, nil, err
	}
	r.from += HeadLen + len(payload)
	r.offset += int64(HeadLen + len(payload))
	r.records++
	return typ, payload, nil
}

func (r *Reader) next() (typ byte, payload []byte, err error) {
	if err := r.fill(HeadLen); err != nil {
		if errors.Is(err, io.EOF) && r.from == r.to {
			return 0, nil, io.EOF
		}
		return 0, nil, r.damage(err)
	}
	n := binary.BigEndian.Uint32(r.buf[r.from+1:])
	if n > MaxLen {
		return 0, nil, r.bad(fmt.Sprintf("a record of %d bytes is longer than any", n))
	}
	if err := r.fill(HeadLen + int(n)); err != nil {
		return 0, nil, r.damage(err)
	}
	head := r.buf[r.from : r.from+HeadLen]
	payload = r.buf[r.from+HeadLen:][:n:n]
	if binary.BigEndian.Uint32(head[5:]) != checksum(head, payload) {
		return 0, nil, r.bad("the checksum is wrong")
	}
	if head[0] == 0 {
		return 0, nil, r.bad("a record has type 0")
	}
	return head[0], payload, nil
}

// fill sees to it that n bytes are there to return. The buffer grows only as
// far as bytes come, whatever a damaged length promises.
func (r *Reader) fill(n int) error {
	for r.to-r.from < n {
		if r.from > 0 {
			r.to = copy(r.buf, r.buf[r.from:r.to])
			r.from = 0
		}
		if r.to == len(r.buf) {
			r.buf = append(r.buf, make([]byte, min(len(r.buf), n))...)
		}
		got, err := io.ReadAtLeast(r.src, r.buf[r.to:], min(n, len(r.buf))-r.to)
		r.to += got
		if err != nil && r.to < n {
			return err
		}
	}
	return nil
}

// damage is the error for a record that could not be read whole.
func (r *Reader) damage(err error) *DamageError {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.bad(CutShort)
	}
	d := r.bad("cannot be read")
	d.Err = err
	return d
}

func (r *Reader) bad(reason string) *DamageError {
	return &DamageError{Offset: r.offset, Records: r.records, Reason: reason}
}

// Offset is how many bytes of the file the magic and the records returned so
// far take.
func (r *Reader) Offset() int64 { return r.offset }

// Records is how many were returned so far.
func (r *Reader) Records() int { return r.records }
