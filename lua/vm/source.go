package vm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/syntax"
)

// Limits of a chunk, checked before it is parsed: gopher-lua's compiler recurses
// without a bound, and a Go stack that is too deep cannot be recovered from.
const (
	maxSource  = 256 << 10
	maxNesting = 200
	maxChunks  = 256 // texts kept for excerpts
)

// load compiles a chunk. A text that ended too early is an error with Partial
// set.
func (v *VM) load(name, source string) (*lua.LFunction, error) {
	if len(v.sources) >= maxChunks {
		clear(v.sources)
	}
	source = strings.TrimPrefix(source, "\ufeff")
	if strings.HasPrefix(source, "#") {
		source = "--" + source // the interpreter line of a script
	}
	if err := checkSource(name, source); err != nil {
		return nil, err
	}
	v.sources[name] = source
	chunk, err := parse.Parse(strings.NewReader(source+"\n"), name)
	if err != nil {
		return nil, v.syntax(name, err)
	}
	if err := syntax.CheckText(source, name); err != nil {
		return nil, v.syntax(name, err)
	}
	proto, err := syntax.Compile(chunk, name, v.concat)
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
	if line := tooDeep(source, maxNesting); line > 0 {
		e := luaerr.New(luaerr.EPARSE, "", "brackets and blocks nested deeper than %d", maxNesting)
		e.Where = fmt.Sprintf("%s:%d", name, line)
		return e
	}
	return nil
}

// syntax makes an error of what the parser or compiler returned.
func (v *VM) syntax(name string, err error) error {
	e := &luaerr.Error{Code: luaerr.EPARSE, Cause: err}
	var perr *parse.Error
	var own *luaerr.Error
	switch {
	case errors.As(err, &own):
		own.Excerpt = v.excerpt(own.Where, 0)
		return own
	case !errors.As(err, &perr):
		e.Msg = strings.TrimSpace(err.Error())
		return e
	}
	e.Msg = perr.Message
	line, column := perr.Pos.Line, max(1, perr.Pos.Column-len(perr.Token)+1)
	switch {
	case line == parse.EOF:
		e.Partial = true
		line, column = strings.Count(v.sources[name], "\n")+1, 0
		e.Msg = "the text ends too early"
	case strings.HasPrefix(perr.Message, "unterminated"):
		// The token is all of the text behind the quote.
	case perr.Token != "":
		e.Msg += " near " + strconv.Quote(perr.Token)
	}
	e.Where = fmt.Sprintf("%s:%d", name, line)
	e.Excerpt = v.excerpt(e.Where, column)
	return e
}
