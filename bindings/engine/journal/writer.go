package journal

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// Bounds of a batch: so much is held in memory when it is read.
const (
	maxBatch      = 1000
	maxBatchBytes = 16 << 20 // of payloads
)

// Writer writes one journal. It is for one goroutine, and must be closed by
// [Writer.End] or [Writer.Abort].
type Writer struct {
	store  *Store
	file   *file // nil once closed
	alone  bool  // the file was made for it
	header Header

	batches  int    // begun
	last     int    // changes in the last one, 0 before the first
	promised bool   // a batch was allowed to be sent
	err      error  // why nothing is written any more
	scratch  []byte // a record being made
}

// begin writes the header. It is on the disk with the first batch.
func (w *Writer) begin() error {
	if w.header.Beside = nil; w.alone {
		w.header.Beside = w.file.beside
	}
	err := w.header.fill(w.file.next())
	var text []byte
	if err == nil {
		text, err = json.Marshal(w.header)
	}
	if err != nil {
		return &Error{"name", w.file.path, err}
	}
	w.file.begun++
	w.err = w.file.write("begin", w.file.out.Append(typeHeader, text))
	return w.err
}

// Header is what the journal begins with, its ID and start filled in.
func (w *Writer) Header() Header { return w.header }

// Intend writes what is about to be changed, 1 to 1000 changes of together at
// most 16 MiB, and syncs it. Nothing of the batch may be sent to the kernel
// before it returns nil, and nothing of it at all where it returns an error.
//
// Errors: a [*BatchError], after which the journal goes on; an [*Error], after
// which every call returns it again.
func (w *Writer) Intend(kind Kind, payloads [][]byte) error {
	if w.err != nil {
		return w.err
	}
	if err := checkBatch(kind, payloads); err != nil {
		return err
	}
	now := Now()
	b := binary.BigEndian.AppendUint32(w.scratch[:0], uint32(w.batches))
	b = binary.BigEndian.AppendUint32(b, uint32(len(payloads)))
	b = binary.BigEndian.AppendUint64(b, uint64(now.Wall.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, uint64(now.Boot))
	w.scratch = b
	out := w.file.out
	err := out.Append(typeBatch, b)
	for _, p := range payloads {
		if err != nil {
			break
		}
		err = out.Append(byte(kind), p)
	}
	w.batches, w.last = w.batches+1, len(payloads)
	if w.err = w.file.write("write", err); w.err == nil {
		w.err = w.file.sync()
	}
	w.promised = w.promised || w.err == nil
	return w.err
}

// checkBatch refuses what a reader would not take.
func checkBatch(kind Kind, payloads [][]byte) error {
	size := 0
	for _, p := range payloads {
		size += len(p)
	}
	switch {
	case !kind.valid():
		return &BatchError{fmt.Sprintf("its kind %d is not a letter from a to z", byte(kind))}
	case len(payloads) == 0:
		return &BatchError{"it holds nothing"}
	case len(payloads) > maxBatch:
		return &BatchError{fmt.Sprintf("it holds %d changes, at most %d are written at once", len(payloads), maxBatch)}
	case size > maxBatchBytes:
		return &BatchError{fmt.Sprintf("it holds %d bytes, at most %d are written at once", size, maxBatchBytes)}
	}
	return nil
}

// Settle notes what became of the last batch: undone are the places in it, from
// 0, of changes that did not happen, such as those of flows that were gone. Nil
// says that all happened or may have. It is written, but on the disk only with
// the next batch or the end: where it is lost, an undo meets what was never
// done.
//
// Errors: a [*BatchError] for a place that the batch does not have, after which
// the journal goes on; an [*Error], after which every call returns it again.
func (w *Writer) Settle(undone []int) error {
	if w.err != nil {
		return w.err
	}
	if w.last == 0 {
		return &BatchError{"none was begun that could be settled"}
	}
	b := binary.BigEndian.AppendUint32(w.scratch[:0], uint32(w.batches-1))
	for _, i := range undone {
		if i < 0 || i >= w.last {
			return &BatchError{fmt.Sprintf("it has no place %d, only 0 to %d", i, w.last-1)}
		}
		b = binary.BigEndian.AppendUint16(b, uint16(i))
	}
	w.scratch = b
	w.err = w.file.write("write", w.file.out.Append(typeSettle, b))
	return w.err
}

// End writes how the change ended, and leaves the file to the next journal. It
// is on the disk with that one's first batch, or with [Store.Close]; at once
// where the change had several batches, beside whose syncs it costs little. After
// an error, an [*Error], the file is closed, and what was intended can be read.
func (w *Writer) End(o Outcome) error {
	if w.err != nil {
		err := w.err
		_ = w.release()
		return err
	}
	o.Error, o.At = record.Cut(o.Error), Now()
	text, err := json.Marshal(o)
	if err == nil {
		err = w.file.out.Append(typeEnd, text)
	}
	if err = w.file.write("write", err); err == nil && w.batches > 1 {
		err = w.file.sync()
	}
	if bad := w.release(); err == nil {
		err = bad
	}
	return err
}

// Abort closes the journal without an end, and its file. Where no batch was
// allowed to be sent and the file holds nothing else it is removed, else it
// stays as it is. After [Writer.End] it does nothing.
func (w *Writer) Abort() {
	f := w.file
	if f == nil {
		return
	}
	if w.alone && !w.promised {
		_ = f.dir.Remove(f.name) // one that stays is an empty journal
	}
	w.file = nil
	if w.err == nil {
		w.err = closed(f)
	}
	_ = f.close() // what others need of it was synced
}

// release gives the file back.
func (w *Writer) release() error {
	f := w.file
	if f == nil {
		return nil
	}
	w.file = nil
	if w.err == nil {
		w.err = closed(f)
	}
	return w.store.give(f)
}

// closed is the error of a Writer that is closed.
func closed(f *file) error { return &Error{"go on with", f.path, fs.ErrClosed} }
