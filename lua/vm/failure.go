package vm

import (
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/luaerr"
)

// convert makes an error of package luaerr of what a protected call raised.
func (v *VM) convert(api *lua.ApiError) error {
	own := luaerr.FromLua(api.Object)
	var exit *luaerr.Exit
	if errors.As(own, &exit) {
		return exit
	}
	if err := luaerr.Interrupted(v.Context()); err != nil {
		return v.located(at(err, api), api)
	}
	if own != nil {
		return v.located(own, api)
	}
	e := raised(api.Object)
	if e == nil {
		e = &luaerr.Error{Code: luaerr.ESCRIPT, Msg: v.describe(api)}
		e.Where, e.Msg = position(e.Msg)
	}
	return v.located(e, api)
}

// raised is an error that a script raised as a table with the fields of ours:
// code and msg, and maybe op and hint. It is nil for anything else.
func raised(x lua.LValue) *luaerr.Error {
	t, ok := x.(*lua.LTable)
	if !ok {
		return nil
	}
	text := func(field string) string {
		s, _ := t.RawGetString(field).(lua.LString)
		return string(s)
	}
	if text("code") == "" || text("msg") == "" {
		return nil
	}
	return luaerr.New(luaerr.Code(text("code")), text("op"), "%s", text("msg")).WithHint(text("hint"))
}

// at gives an interruption the position where it struck.
func at(err error, api *lua.ApiError) error {
	var e *luaerr.Error
	ok := errors.As(err, &e)
	if !ok || e.Where != "" || api.Object == nil {
		return err
	}
	struck := *e
	var own *luaerr.Error
	if errors.As(luaerr.FromLua(api.Object), &own) {
		struck.Where = own.Where
	} else {
		struck.Where, _ = position(api.Object.String())
	}
	return &struck
}

// located adds the source line and the traceback.
func (v *VM) located(err error, api *lua.ApiError) error {
	var e *luaerr.Error
	ok := errors.As(err, &e)
	if !ok {
		return err
	}
	full := *e
	if full.Excerpt == "" {
		full.Excerpt = v.marked(&full)
	}
	if full.Trace == "" {
		full.Trace = trace(api.StackTrace)
	}
	return &full
}

// describe is the text of a value that was raised.
func (v *VM) describe(api *lua.ApiError) string {
	switch o := api.Object.(type) {
	case nil:
		return api.Error()
	case *lua.LNilType:
		return "error without a message (nil)"
	case *lua.LTable:
		if s, err := v.text(o); err == nil && s != o.String() {
			return s
		}
		return "error object " + fields(o)
	case *lua.LUserData:
		if s, err := v.text(o); err == nil {
			return s
		}
	}
	return strings.TrimSpace(api.Object.String())
}

// fields shows the plain fields of a table, as a script would write them.
func fields(t *lua.LTable) string {
	var parts []string
	t.ForEach(func(k, x lua.LValue) {
		switch x := x.(type) {
		case lua.LString:
			parts = append(parts, k.String()+" = "+strconv.Quote(string(x)))
		case lua.LNumber, lua.LBool:
			parts = append(parts, k.String()+" = "+x.String())
		}
	})
	sort.Strings(parts)
	const most = 8
	if len(parts) > most {
		parts = append(parts[:most], "...")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

var positionForm = regexp.MustCompile(`^([^:\n]+:\d+): `)

// position splits "file:12: message".
func position(msg string) (where, rest string) {
	m := positionForm.FindStringSubmatch(msg)
	if m == nil {
		return "", msg
	}
	return m[1], msg[len(m[0]):]
}

// excerpt is the source line of a position, "" where it is not known. column
// (from 1) is marked below it, 0 is none.
func (v *VM) excerpt(where string, column int) string {
	i := strings.LastIndexByte(where, ':')
	if i < 0 {
		return ""
	}
	n, err := strconv.Atoi(where[i+1:])
	lines := strings.Split(v.sources[where[:i]], "\n")
	if err != nil || n < 1 || n > len(lines) {
		return ""
	}
	prefix := fmt.Sprintf("%5d | ", n)
	text := strings.TrimRight(strings.ReplaceAll(lines[n-1], "\t", " "), "\r ")
	if text == "" {
		return ""
	}
	const widest = 160
	if len(text) > widest {
		text = strings.ToValidUTF8(text[:widest], "") + "..."
	}
	if column < 1 || column > len(text)+1 {
		return prefix + text
	}
	return prefix + text + "\n" + strings.Repeat(" ", len(prefix)+column-1) + "^"
}

// marked is the excerpt of an error with a caret under what it is about: the
// first name in the message that stands in the line, else the name of the
// operation, else where the statement begins. gopher-lua keeps no columns.
func (v *VM) marked(e *luaerr.Error) string {
	plain := v.excerpt(e.Where, 0)
	_, line, ok := strings.Cut(plain, " | ")
	if !ok {
		return plain
	}
	words := names(e.Msg)
	if i := strings.LastIndexAny(e.Op, ".:"); e.Op != "" {
		words = append(words, e.Op[i+1:])
	}
	for _, w := range words {
		if i := wordIn(line, w); i >= 0 {
			return v.excerpt(e.Where, i+1)
		}
	}
	return v.excerpt(e.Where, len(line)-len(strings.TrimLeft(line, " "))+1)
}

// names lists what stands in quotes in a message: "dport", 'src'.
func names(msg string) (list []string) {
	for {
		i := strings.IndexAny(msg, `"'`)
		if i < 0 {
			return list
		}
		end := strings.IndexByte(msg[i+1:], msg[i])
		if end < 0 {
			return list
		}
		if end > 0 {
			list = append(list, msg[i+1:i+1+end])
		}
		msg = msg[i+end+2:]
	}
}

// wordIn finds a word in a line where it is not a part of a longer one, -1 if
// it is not there.
func wordIn(line, word string) int {
	for from := 0; word != ""; {
		i := strings.Index(line[from:], word)
		if i < 0 {
			return -1
		}
		i += from
		end := i + len(word)
		before := i > 0 && (isLetter(line[i-1]) || isDigit(line[i-1])) && isLetter(word[0])
		after := end < len(line) && (isLetter(line[end]) || isDigit(line[end])) && isLetter(word[len(word)-1])
		if !before && !after {
			return i
		}
		from = i + 1
	}
	return -1
}

// trace keeps the frames of a script from gopher-lua's trace.
func trace(stack string) string {
	var frames []string
	for _, line := range strings.Split(stack, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "[G]") || strings.HasPrefix(line, "stack traceback") {
			continue
		}
		if where, fn, ok := strings.Cut(line, ": in function <"); ok && strings.HasSuffix(fn, ":0>") {
			line = where + ": in main chunk"
		}
		frames = append(frames, "  "+line)
	}
	return strings.Join(frames, "\n")
}

// Explain renders an error with its source line and, where it says more than
// that, its traceback, without anything that a terminal would act on.
func (v *VM) Explain(err error) string { return escape.Text(explain(err)) }

func explain(err error) string {
	s := err.Error()
	var e *luaerr.Error
	if !errors.As(err, &e) {
		return s
	}
	if e.Excerpt != "" {
		s += "\n" + e.Excerpt
	}
	if strings.Contains(e.Trace, "\n") {
		s += "\n" + e.Trace
	}
	return s
}
