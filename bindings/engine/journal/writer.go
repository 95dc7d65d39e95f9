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
	dir    Folder
	file   File // locked as long as it is open
	name   string
	path   string
	header Header
	out    *record.Writer

	batches  int    // begun
	last     int    // changes in the last one, 0 before the first
	promised bool   // a batch was allowed to be sent
	err      error  // why nothing is written any more
	scratch  []byte // a record being made
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
	err := w.out.Append(typeBatch, b)
	for _, p := range payloads {
		if err != nil {
			break
		}
		err = w.out.Append(byte(kind), p)
	}
	w.batches, w.last = w.batches+1, len(payloads)
	if err := w.sync(err); err != nil {
		return err
	}
	w.promised = true
	return nil
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

// sync brings what was appended, with error err, to the disk. The first time
// the file itself must come to stay in its directory.
func (w *Writer) sync(err error) error {
	if err == nil {
		err = w.out.Flush()
	}
	if err != nil {
		return w.fail("write", err)
	}
	if err := w.file.Sync(); err != nil {
		return w.fail("sync", err)
	}
	if w.promised {
		return nil
	}
	if err := w.dir.Sync(); err != nil {
		return w.fail("sync the directory of", err)
	}
	return nil
}

// fail makes an error the last word of the Writer.
func (w *Writer) fail(op string, err error) error {
	w.err = &Error{op, w.path, err}
	return w.err
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
	err := w.out.Append(typeSettle, b)
	if err == nil {
		err = w.out.Flush()
	}
	if err != nil {
		return w.fail("write", err)
	}
	return nil
}

// End writes how the change ended, syncs and closes. After an error, an
// [*Error], the journal is closed too, and what was intended can be read.
func (w *Writer) End(o Outcome) error {
	if w.err != nil {
		err := w.err
		w.close()
		return err
	}
	o.Error, o.At = cut(o.Error), Now()
	text, err := json.Marshal(o)
	if err == nil {
		err = w.out.Append(typeEnd, text)
	}
	err = w.sync(err)
	if cerr := w.close(); err == nil && cerr != nil {
		err = &Error{"close", w.path, cerr}
	}
	return err
}

// Abort closes the journal without an end. Where no batch was allowed to be
// sent the file is removed, else it stays as it is. After [Writer.End] it does
// nothing.
func (w *Writer) Abort() {
	if w.file == nil {
		return
	}
	if !w.promised {
		_ = w.dir.Remove(w.name) // one that stays is an empty journal
	}
	_ = w.close()
}

// close gives the descriptors back, and with them the lock.
func (w *Writer) close() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	_ = w.dir.Close() // it was only read
	w.file = nil
	if w.err == nil {
		w.err = &Error{"go on with", w.path, fs.ErrClosed}
	}
	return err
}
