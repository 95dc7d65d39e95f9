package archive

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// File is a file of flows, open for reading. It was read once when it was opened,
// so that everything about it is known before the first flow is used. It may be
// read by several goroutines at once.
type File struct {
	path   string
	src    io.ReaderAt
	size   int64
	closer io.Closer // nil for standard input
	header *Header
	flows  int
	damage *record.DamageError
}

// maxStdin is how much is read of standard input, in bytes: it is held in memory.
const maxStdin = 256 << 20

// Open opens a file and reads it through. The path "-" is standard input.
//
// Errors: an [*Error]; within it a [*KindError] for what is no regular file, an
// [*UnknownError] for what holds something else, a [*record.FormatError] for a
// version to come, a [*record.DamageError] for a file of ours without a good
// header, and a [*LineError] for a text with a line that cannot be read. A file of
// ours that is damaged behind its header is opened: see [File.Damage].
func Open(path string) (*File, error) {
	f := &File{path: path}
	err := f.open()
	if err == nil {
		err = f.survey()
	}
	if err != nil {
		_ = f.Close()
		return nil, f.failed(err)
	}
	return f, nil
}

func (f *File) open() error {
	if f.path == "-" {
		all, err := io.ReadAll(io.LimitReader(os.Stdin, maxStdin+1))
		if len(all) > maxStdin {
			return fmt.Errorf("standard input goes on behind %d MiB; save it to a file first", maxStdin>>20)
		}
		f.src, f.size = bytes.NewReader(all), int64(len(all))
		return err
	}
	// Without O_NONBLOCK a FIFO would wait for somebody to write.
	file, err := os.OpenFile(f.path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	f.src, f.closer = file, file
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return kindError(info.Mode())
	}
	f.size = info.Size()
	return nil
}

// survey finds out what the file is, and counts its flows.
func (f *File) survey() error {
	start := make([]byte, len(format.Magic))
	n, err := io.ReadFull(f.reader(), start)
	start = start[:n]
	switch {
	case n == 0 && err == io.EOF:
		return &UnknownError{"it is empty"}
	case err != nil && err != io.ErrUnexpectedEOF:
		return err
	case bytes.HasPrefix([]byte(format.Magic), start): // also where it is cut short
		return f.surveyRecords()
	case looksLikeText(start):
		return f.eachLine(func(*wire.Entry) error { f.flows++; return nil })
	}
	return &UnknownError{"it begins with other bytes"}
}

func (f *File) reader() io.Reader { return io.NewSectionReader(f.src, 0, f.size) }

func (f *File) failed(err error) error { return &Error{"read flows from", f.path, err} }

// Header says where the flows come from, nil for a text.
func (f *File) Header() *Header { return f.header }

// Age is how long ago the flows were read, by which their timeouts are shortened
// when they are restored. A text does not say: 0, as the conntrack command has it.
func (f *File) Age() time.Duration {
	if f.header == nil {
		return 0
	}
	return f.header.Age()
}

// Len is the number of flows, those before a damage where there is one.
func (f *File) Len() int { return f.flows }

// Damage is nil, or says where the good part of the file ends.
func (f *File) Damage() *record.DamageError { return f.damage }

// Views calls fn for the message of every flow. The view is valid during the call
// only. It may be called again, and begins at the first flow each time.
//
// An error of fn ends it and is returned as it is. Behind the last good flow of a
// damaged file it returns an [*Error] with [File.Damage] in it.
func (f *File) Views(fn func(*wire.View) error) error {
	if f.header != nil {
		return f.eachRecord(fn)
	}
	var v wire.View
	var buf []byte
	var failed error
	err := f.eachLine(func(e *wire.Entry) error {
		buf = e.AppendMessage(buf[:0])
		if failed = v.Reset(buf); failed == nil {
			failed = fn(&v)
		}
		return failed
	})
	if err != nil && failed == nil {
		return f.failed(err)
	}
	return err
}

// Each is [File.Views] with the flows decoded. The entry is used again for the
// next one; what is copied out of it stays.
func (f *File) Each(fn func(*wire.Entry) error) error {
	var e wire.Entry
	return f.Views(func(v *wire.View) error {
		v.Entry(&e)
		return fn(&e)
	})
}

// Close closes the file.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// lines returns the text, to be read line by line.
func (f *File) lines() *bufio.Reader { return bufio.NewReaderSize(f.reader(), maxLine) }
