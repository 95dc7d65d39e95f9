package vm

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// Limits of a chunk, checked before it is parsed: gopher-lua's parser recurses
// without a bound and cannot be recovered from.
const (
	maxSource  = 256 << 10
	maxNesting = 200
)

// load compiles a chunk. A text that ended too early is an error with Partial
// set.
func (v *VM) load(name, source string) (*lua.LFunction, error) {
	if err := checkSource(name, source); err != nil {
		return nil, err
	}
	if strings.HasPrefix(source, "#") {
		source = "--" + source // the interpreter line of a script
	}
	v.lines[name] = strings.Split(source, "\n")
	chunk, err := parse.Parse(strings.NewReader(source+"\n"), name)
	if err != nil {
		return nil, v.syntax(name, err)
	}
	proto, err := lua.Compile(chunk, name)
	if err != nil {
		return nil, v.syntax(name, err)
	}
	return v.L.NewFunctionFromProto(proto), nil
}

// Incomplete tells whether more lines could make a chunk of the prompt
// complete.
func (v *VM) Incomplete(source string) bool {
	if _, err := v.load("prompt", "return "+source); err == nil {
		return false
	}
	_, err := v.load("prompt", source)
	var e *luaerr.Error
	return errors.As(err, &e) && e.Partial
}

func checkSource(name, source string) error {
	if len(source) > maxSource {
		return luaerr.New(luaerr.EPARSE, "", "%s: %d bytes of source, at most %d are read", name, len(source), maxSource)
	}
	depth, line := 0, 1
	for i := range len(source) {
		switch source[i] {
		case '\n':
			line++
		case '{', '(', '[':
			if depth++; depth > maxNesting {
				return luaerr.New(luaerr.EPARSE, "", "%s:%d: brackets nested deeper than %d", name, line, maxNesting)
			}
		case '}', ')', ']':
			depth = max(0, depth-1)
		}
	}
	return nil
}

// syntax makes an error of what the parser or compiler returned.
func (v *VM) syntax(name string, err error) error {
	e := &luaerr.Error{Code: luaerr.EPARSE, Cause: err}
	var perr *parse.Error
	if !errors.As(err, &perr) {
		e.Msg = strings.TrimSpace(err.Error())
		return e
	}
	e.Msg = perr.Message
	line := perr.Pos.Line
	if line == parse.EOF {
		e.Partial = true
		line = len(v.lines[name])
		e.Msg = "the text ends too early"
	} else if perr.Token != "" {
		e.Msg += " near " + strconv.Quote(perr.Token)
	}
	if strings.Contains(perr.Message, "unterminated multiline") {
		e.Partial = true
	}
	e.Where = fmt.Sprintf("%s:%d", name, line)
	e.Excerpt = v.excerptAt(e.Where, perr.Pos.Column)
	return e
}

var positionForm = regexp.MustCompile(`^([^:\n]+:\d+): `)

// position splits "file:12: message".
func position(msg string) (where, rest string, ok bool) {
	m := positionForm.FindStringSubmatch(msg)
	if m == nil {
		return "", msg, false
	}
	return m[1], msg[len(m[0]):], true
}

// excerpt is the source line of a position, "" where it is not known.
func (v *VM) excerpt(where string) string { return v.excerptAt(where, 0) }

// excerptAt marks a column (from 1) below the line.
func (v *VM) excerptAt(where string, column int) string {
	i := strings.LastIndexByte(where, ':')
	if i < 0 {
		return ""
	}
	n, err := strconv.Atoi(where[i+1:])
	lines := v.lines[where[:i]]
	if err != nil || n < 1 || n > len(lines) {
		return ""
	}
	prefix := fmt.Sprintf("%5d | ", n)
	text := strings.ReplaceAll(lines[n-1], "\t", " ")
	if column < 1 || column > len(text)+1 {
		return prefix + text
	}
	return prefix + text + "\n" + strings.Repeat(" ", len(prefix)+column-1) + "^"
}

// trace keeps the frames of a script from gopher-lua's trace.
func trace(stack string) string {
	var frames []string
	for _, line := range strings.Split(stack, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "[G]") && !strings.HasPrefix(line, "stack traceback") {
			frames = append(frames, "  "+line)
		}
	}
	return strings.Join(frames, "\n")
}
