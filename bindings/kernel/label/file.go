package label

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFile is how much of a file is read, in bytes: far more than 128 names
// take.
const maxFile = 1 << 20

// open reads the first file that exists. One that exists and cannot be read is
// a problem, and another is not taken for it.
func (t *Table) open() {
	for _, path := range t.paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		t.path = path
		var f *os.File
		switch {
		case err != nil:
		case !info.Mode().IsRegular():
			err = errors.New("not a file")
		default:
			f, err = os.Open(path)
		}
		if err != nil {
			t.problem(0, "cannot be read: %s", reason(err))
			return
		}
		defer f.Close()
		t.read(f)
		return
	}
}

// reason is an error without the path that it is about.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

func (t *Table) problem(line int, msg string, args ...any) {
	t.problems = append(t.problems, Problem{t.path, line, fmt.Sprintf(msg, args...)})
}

// read takes the lines of a file.
func (t *Table) read(r io.Reader) {
	limited := &io.LimitedReader{R: r, N: maxFile}
	in := bufio.NewScanner(limited)
	n := 0
	for in.Scan() {
		n++
		t.line(n, in.Text())
	}
	switch err := in.Err(); {
	case err != nil:
		t.problem(n+1, "cannot be read on: %s", reason(err))
	case limited.N == 0:
		t.problem(n, "what follows is not read, the file is larger than %d bytes", maxFile)
	}
}

// line takes one line: a bit and its name, a comment, or nothing.
func (t *Table) line(n int, text string) {
	text = strings.TrimSpace(uncomment(text))
	if text == "" {
		return
	}
	digits, name := text, ""
	if i := strings.IndexFunc(text, unicode.IsSpace); i >= 0 {
		digits, name = text[:i], strings.TrimSpace(text[i:])
	}
	bit, err := number(digits)
	switch {
	case err != nil:
		t.problem(n, "%s", err)
		return
	case name == "":
		t.problem(n, "bit %d has no name", bit)
		return
	}
	if bad := unfit(name); bad != "" {
		t.problem(n, "the name %q %s", name, bad)
		return
	}
	if other, taken := t.bits[name]; taken {
		if other != bit {
			t.problem(n, "%q is the name of bit %d already", name, other)
		}
		return
	}
	t.bits[name] = bit
	t.names = append(t.names, name)
	if t.first[bit] == "" {
		t.first[bit] = name
	}
}

// uncomment cuts off a comment, which begins at the start of a word.
func uncomment(s string) string {
	for i := range len(s) {
		if s[i] == '#' && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t') {
			return s[:i]
		}
	}
	return s
}

// number reads the number of a bit: decimal, or hexadecimal behind 0x, as nft
// writes it. A leading zero is refused, since conntrack reads an octal number
// where nft reads a decimal one.
func number(s string) (int, error) {
	digits, base := s, 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		digits, base = hex, 16
	} else if len(s) > 1 && s[0] == '0' {
		return 0, fmt.Errorf("%q has a leading zero", s)
	}
	n, err := strconv.ParseUint(digits, base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && n >= Bits:
		return 0, fmt.Errorf("there is no bit %s: the last is %d", s, Bits-1)
	case err != nil:
		return 0, fmt.Errorf("%q is not the number of a bit", s)
	}
	return int(n), nil
}

// unfit says why a name cannot be one, "" if it can.
func unfit(name string) string {
	_, err := number(name)
	switch {
	case !utf8.ValidString(name), strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "has bytes that cannot be shown"
	case strings.ContainsAny(name, ",#"):
		return "has a comma or #"
	case err == nil, strings.Trim(name, "0123456789") == "":
		return "is a number, and would be taken for that bit"
	}
	return ""
}
