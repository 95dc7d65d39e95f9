package file

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Open opens a regular file for reading, the one behind a symbolic link where
// there is one.
//
// Errors: an [*fs.PathError]; within it a [*KindError] for what is no regular
// file.
func Open(path string) (*os.File, fs.FileInfo, error) {
	// Without O_NONBLOCK a FIFO would wait for somebody to write.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: kindError(info.Mode())}
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// KindError says that a path leads to something else than a regular file.
type KindError struct{ Kind string } // "a directory"

// Error implements error.
func (e *KindError) Error() string { return "it is " + e.Kind + "; name a regular file" }

// kindError tells what a file is that is not regular.
func kindError(mode fs.FileMode) *KindError {
	for _, k := range []struct {
		bits fs.FileMode
		kind string
	}{
		{fs.ModeDir, "a directory"}, {fs.ModeSymlink, "a symbolic link"}, {fs.ModeNamedPipe, "a FIFO"},
		{fs.ModeSocket, "a socket"}, {fs.ModeDevice, "a device"},
	} {
		if mode&k.bits != 0 {
			return &KindError{k.kind}
		}
	}
	return &KindError{"something else"}
}
