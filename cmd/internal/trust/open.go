package trust

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Open opens a file for reading that nobody but root can have written. It must
// be a regular file, or a pipe that is open in this process (/dev/fd/63, which
// a shell makes of <(command)): whoever started us chose what writes to it.
//
// Errors: an [*Error] that names what can be written by others, an
// [*fs.PathError] for anything else. A file that does not exist is just that,
// whoever may write where it is not.
func Open(path string) (*os.File, error) {
	full := path
	if !filepath.IsAbs(path) {
		dir, err := os.Getwd()
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		full = dir + "/" + path // not cleaned: ".." behind a link is not what it looks like
	}
	f, err := open(full, 0)
	var others *Error
	if err != nil && !errors.As(err, &others) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return f, err
}
