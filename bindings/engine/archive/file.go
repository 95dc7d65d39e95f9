package archive

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/file"
)

// File is a file of flows. It was read once when it was opened, so that everything
// about it is known before the first flow is used, and holds no descriptor: each
// time that it is read it must still be the same. It may be read by several
// goroutines at once.
type File struct {
	path   string
	info   fs.FileInfo // when it was opened
	stdin  []byte      // in place of a path
	header *Header
	flows  int
	damage *record.DamageError
}

// maxStdin is how much is read of standard input, in bytes: it is held in memory.
const maxStdin = 256 << 20

// Open opens a file and reads it through. The path "-" is standard input.
//
// Errors: an [*Error]; within it a [*file.KindError] for what is no regular file, an
// [*UnknownError] for what holds something else, a [*record.FormatError] for a
// version to come, a [*record.DamageError] for a file of ours without a good
// header, and a [*LineError] for a text with a line that cannot be read. A file of
// ours that is damaged behind its header is opened: see [File.Damage].
func Open(path string) (*File, error) {
	f := &File{path: path}
	err := f.readStdin()
	if err == nil {
		err = f.read(f.survey)
	}
	if err != nil {
		return nil, f.failed(err)
	}
	return f, nil
}

// readStdin holds standard input, where that is meant.
func (f *File) readStdin() (err error) {
	if f.path != "-" {
		return nil
	}
	f.stdin, err = io.ReadAll(io.LimitReader(os.Stdin, maxStdin+1))
	if len(f.stdin) > maxStdin {
		return fmt.Errorf("standard input goes on behind %d MiB; save it to a file first", maxStdin>>20)
	}
	return err
}

// read calls fn with the file from its beginning, if it is the one that was
// opened.
func (f *File) read(fn func(src io.Reader) error) error {
	if f.path == "-" {
		return fn(bytes.NewReader(f.stdin))
	}
	src, info, err := file.Open(f.path)
	if err != nil {
		return err
	}
	defer src.Close()
	switch was := f.info; {
	case was == nil:
		f.info = info
	case !os.SameFile(was, info) || !was.ModTime().Equal(info.ModTime()) || was.Size() != info.Size():
		return &ChangedError{}
	}
	return fn(io.NewSectionReader(src, 0, info.Size()))
}

// survey finds out what the file is, and counts its flows.
func (f *File) survey(src io.Reader) error {
	start := make([]byte, len(format.Magic))
	n, err := io.ReadFull(src, start)
	start = start[:n]
	src = io.MultiReader(bytes.NewReader(start), src)
	switch {
	case n == 0 && err == io.EOF:
		return &UnknownError{"it is empty"}
	case err != nil && err != io.ErrUnexpectedEOF:
		return err
	case bytes.HasPrefix([]byte(format.Magic), start): // also where it is cut short
		return f.surveyRecords(src)
	case looksLikeText(start):
		return eachLine(src, func(*wire.Entry) error { f.flows++; return nil })
	}
	return &UnknownError{"it begins with other bytes"}
}

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
// damaged file it returns an [*Error] with [File.Damage] in it, and before the
// first flow of a file that is not the one that was opened any more an [*Error]
// with a [*ChangedError].
func (f *File) Views(fn func(*wire.View) error) error {
	var failed error
	err := f.read(func(src io.Reader) error {
		return f.each(src, func(v *wire.View) error { failed = fn(v); return failed })
	})
	if err != nil && failed == nil {
		return f.failed(err)
	}
	return err
}

// each calls fn for every flow.
func (f *File) each(src io.Reader, fn func(*wire.View) error) error {
	if f.header != nil {
		r, _, err := records(src)
		if err != nil {
			return err
		}
		return follow(r, fn)
	}
	var v wire.View
	var buf []byte
	return eachLine(src, func(e *wire.Entry) error {
		buf = e.AppendMessage(buf[:0])
		if err := v.Reset(buf); err != nil {
			return err
		}
		return fn(&v)
	})
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
