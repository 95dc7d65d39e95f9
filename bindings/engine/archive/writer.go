package archive

import (
	"encoding/binary"
	"encoding/json"

	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/file"
)

// Writer makes a file. It is for one goroutine.
//
// The file takes its place in [Writer.Close], once it is on the disk.
type Writer struct {
	path    string
	to      *file.Replacement // nil once it is closed
	records *record.Writer
	view    wire.View
	buf     []byte
	flows   uint64
	err     error // the first of the disk
}

// Create begins a file, for its owner alone to read. A file that is there already
// is replaced in the end. It must be followed by [Writer.Close] or [Writer.Abort].
//
// Errors: an [*Error]; within it a [*file.KindError] where something else than a
// regular file is in the place, a symbolic link too.
func Create(path string, h Header) (*Writer, error) {
	w := &Writer{path: path}
	if err := w.begin(h); err != nil {
		w.Abort()
		return nil, w.failed(err)
	}
	return w, nil
}

func (w *Writer) begin(h Header) error {
	if err := h.fill(); err != nil {
		return err
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if w.to, err = file.Replace(w.path, 0o600); err != nil {
		return err
	}
	w.records = record.NewWriter(w.to, format)
	return w.records.Append(typeHeader, text)
}

// Add appends a flow, as the message that a dump has of it. It is done with raw
// when it returns.
//
// Errors: a [*FlowError], after which the Writer goes on; an [*Error] of the disk,
// which every later call returns too.
func (w *Writer) Add(raw []byte) error {
	if w.err != nil {
		return w.err
	}
	if reason := check(raw, &w.view); reason != "" {
		return &FlowError{reason}
	}
	if err := w.records.Append(typeFlow, raw); err != nil {
		w.err = w.failed(err)
		return w.err
	}
	w.flows++
	return nil
}

// AddEntry appends a flow that is held decoded. Errors are those of [Writer.Add].
func (w *Writer) AddEntry(e *wire.Entry) error {
	w.buf = e.AppendMessage(w.buf[:0])
	return w.Add(w.buf)
}

// Close ends the file and puts it in its place. Where it fails, nothing is there
// that was not before. Only once it has returned nil is the file safe.
func (w *Writer) Close() error {
	defer w.Abort()
	if w.err != nil || w.to == nil {
		return w.err
	}
	if err := w.finish(); err != nil {
		w.err = w.failed(err)
	}
	return w.err
}

func (w *Writer) finish() error {
	if err := w.records.Append(typeEnd, binary.BigEndian.AppendUint64(nil, w.flows)); err != nil {
		return err
	}
	if err := w.records.Flush(); err != nil {
		return err
	}
	return w.to.Commit()
}

// Abort gives up what was written so far. After Close it does nothing.
func (w *Writer) Abort() {
	if w.to != nil {
		w.to.Abort()
		w.to = nil
	}
}

func (w *Writer) failed(err error) error { return &Error{"save flows to", w.path, err} }

// check says why a message is no flow, "" where it is one. The view shows it
// then.
func check(raw []byte, v *wire.View) (reason string) {
	h, ok := wire.ReadHeader(raw)
	switch {
	case !ok || int(h.Len) != len(raw):
		return "a message whose length is not that of its header"
	case h.Type != uint16(wire.SubsysConntrack)<<8|wire.MsgNew:
		return "a message that is not of a flow"
	case v.Reset(raw) != nil:
		return "a message that cannot be read"
	case !v.Has(wire.AttrTupleOrig) || !v.Has(wire.AttrTupleReply):
		return "a flow without its tuples"
	}
	return ""
}
