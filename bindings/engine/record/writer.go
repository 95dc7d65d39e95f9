package record

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// bufferLen is how much a Writer holds before it writes, and a Reader reads at
// once.
const bufferLen = 64 << 10

// Writer appends records to a file. It is for one goroutine.
type Writer struct {
	dst  *bufio.Writer // keeps its first error
	head [HeadLen]byte
	size int64
}

// NewWriter begins a file of a format. Nothing reaches dst before the buffer is
// full or flushed, so that only [Writer.Append] and [Writer.Flush] fail.
func NewWriter(dst io.Writer, f Format) *Writer {
	w := &Writer{dst: bufio.NewWriterSize(dst, bufferLen)}
	n, _ := w.dst.Write(f.start())
	w.size = int64(n)
	return w
}

// Append adds a record. Its payload is the parts, one behind the other, which
// may be used again after the call.
//
// Errors: a [*SizeError] and one about type 0, after which the Writer goes on;
// that of the disk, after which every call returns it again, because nobody
// knows how much of the record is there.
func (w *Writer) Append(typ byte, parts ...[]byte) error {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > MaxLen {
		return &SizeError{n}
	}
	if typ == 0 {
		return fmt.Errorf("append a record: type 0 is none")
	}
	w.head[0] = typ
	binary.BigEndian.PutUint32(w.head[1:], uint32(n))
	binary.BigEndian.PutUint32(w.head[5:], checksum(w.head[:], parts...))
	_, err := w.dst.Write(w.head[:])
	for _, p := range parts {
		if err == nil {
			_, err = w.dst.Write(p)
		}
	}
	w.size += int64(HeadLen + n)
	return err
}

// Flush writes what is held. Syncing is for whoever owns the file.
func (w *Writer) Flush() error { return w.dst.Flush() }

// Size is how long the file is once all is flushed, in bytes.
func (w *Writer) Size() int64 { return w.size }

// SizeError says that a payload is too long for one record. Nothing was
// written.
type SizeError struct {
	Len int // bytes
}

// Error implements error.
func (e *SizeError) Error() string {
	return fmt.Sprintf("a record of %d bytes is too long, at most %d go into one", e.Len, MaxLen)
}
