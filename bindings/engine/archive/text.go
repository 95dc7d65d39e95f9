package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// maxLine is the longest line of a text, in bytes. The conntrack command reads
// about 10 000.
const maxLine = 64 << 10

// looksLikeText tells whether a file begins as the text of commands does: with an
// option, a comment or an empty line.
func looksLikeText(start []byte) bool {
	start = bytes.TrimLeft(start, " \t\r\n")
	return len(start) == 0 || start[0] == '-' || start[0] == '#'
}

// eachLine calls fn for the flow of every line.
func eachLine(src io.Reader, fn func(*wire.Entry) error) error {
	in := bufio.NewReaderSize(src, maxLine)
	var words words
	var e wire.Entry
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return &LineError{n, string(line[:maxShown]), fmt.Sprintf("more than %d KiB", maxLine>>10)}
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		last := errors.Is(err, io.EOF)
		text := strings.TrimRight(string(line), "\r\n")
		reason := words.split(text)
		if reason == "" && len(words.list) > 0 {
			if reason = words.flow(&e); reason == "" {
				if err := fn(&e); err != nil {
					return err
				}
			}
		}
		if reason != "" {
			return &LineError{n, text, reason}
		}
		if last {
			return nil
		}
	}
}

// words are those of a line, and what options they give.
type words struct {
	list   []string
	values [optCount]string
	given  [optCount]bool
}

// split finds the words of a line, as the conntrack command does: between blanks,
// or in double quotes, up to a comment. The reason for a bad line is in words.
func (w *words) split(text string) (reason string) {
	w.list = w.list[:0]
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" || text[0] == '#' {
			return ""
		}
		if text[0] == '"' {
			word, rest, closed := strings.Cut(text[1:], `"`)
			if !closed {
				return "a quote that is not closed"
			}
			w.list, text = append(w.list, word), rest
			continue
		}
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			end = len(text)
		}
		w.list, text = append(w.list, text[:end]), text[end:]
	}
}
