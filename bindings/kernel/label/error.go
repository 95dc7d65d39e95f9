package label

import (
	"fmt"
	"strings"
)

// Problem is something in a file that could not be read.
type Problem struct {
	File string
	Line int // from 1, 0 where it is about the whole file
	Msg  string
}

// Error implements error: file, line and what is wrong there.
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Msg
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Msg)
}

// UnknownError says that there is no such label.
type UnknownError struct {
	Name     string
	Nearest  string    // the name that was perhaps meant, "" for none
	Path     string    // the file that has the names, "" where there is none
	Problems []Problem // of that file: the name may stand in such a line
}

// Error implements error.
func (e *UnknownError) Error() string {
	s := fmt.Sprintf("unknown label %q", e.Name)
	if h := e.Hint(); h != "" {
		s += "; " + h
	}
	return s
}

// Hint says what to do.
func (e *UnknownError) Hint() string {
	var list []string
	if e.Nearest != "" {
		list = append(list, fmt.Sprintf("did you mean %q?", e.Nearest))
	}
	switch n := len(e.Problems); {
	case n == 1:
		list = append(list, e.Problems[0].Error())
	case n > 1:
		list = append(list, fmt.Sprintf("%s, and %d more lines that cannot be read", e.Problems[0].Error(), n-1))
	case e.Path == "":
		list = append(list, "there is no "+paths[0]+" to name labels; a number from 0 to 127 needs no name")
	case len(list) == 0:
		list = append(list, "names are those of "+e.Path+"; a number from 0 to 127 needs no name")
	}
	return strings.Join(list, "; ")
}
