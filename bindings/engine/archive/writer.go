package archive

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Writer makes a file. It is for one goroutine.
//
// The file is written beside its place under another name, and takes its place
// in [Writer.Close], once it is on the disk.
type Writer struct {
	path    string    // the place
	temp    temporary // nil once it is closed
	records *record.Writer
	view    wire.View
	buf     []byte
	flows   uint64
	err     error // the first of the disk
}

// temporary is what a Writer does with its file, an [os.File].
type temporary interface {
	io.WriteCloser
	Name() string
	Sync() error
}

// Create begins a file, for its owner alone to read. A file that is there already
// is replaced in the end, the one behind a symbolic link where there is one. It
// must be followed by [Writer.Close] or [Writer.Abort].
//
// Errors: an [*Error]; within it a [*KindError] where something else than a
// regular file is in the place.
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
	if err := w.resolve(); err != nil {
		return err
	}
	name := filepath.Join(filepath.Dir(w.path), ".ctsh-"+strings.ToLower(rand.Text()))
	temp, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w.temp = temp
	w.records = record.NewWriter(w.temp, format)
	return w.records.Append(typeHeader, text)
}

// resolve follows a link to the file that is to be replaced.
func (w *Writer) resolve() error {
	info, err := os.Stat(w.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(w.path); err == nil {
			return &KindError{"a symbolic link to what does not exist"}
		}
		if strings.HasSuffix(w.path, "/") {
			return &KindError{"a directory that does not exist"}
		}
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return kindError(info.Mode())
	}
	w.path, err = filepath.EvalSymlinks(w.path)
	return err
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
	if w.err != nil || w.temp == nil {
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
	if err := w.temp.Sync(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(w.path))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := os.Rename(w.temp.Name(), w.path); err != nil {
		return err
	}
	_ = w.temp.Close() // it is on the disk
	w.temp = nil
	return dir.Sync()
}

// Abort gives up what was written so far. After Close it does nothing.
func (w *Writer) Abort() {
	if w.temp != nil {
		_, _ = w.temp.Close(), os.Remove(w.temp.Name())
		w.temp = nil
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
