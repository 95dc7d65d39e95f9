package syntax

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// Limits of what the compiler packs into the bits of an instruction. It does
// not look at them itself.
const (
	maxUpvalues = 255     // the number of them is a byte
	maxCode     = 1 << 16 // half of the longest jump, and fewer labels than a jump can name
)

// Compile repairs a parsed chunk, changing it, and compiles it. concat is
// called with the operands of each chain of ".." and returns the one result;
// nil leaves ".." as it is. What the compiler would get wrong and no repair can
// help is a *luaerr.Error of code EPARSE with the position in Where; so is a
// mistake that only the compiler finds, such as a break outside of a loop.
func Compile(chunk []ast.Stmt, name string, concat *lua.LFunction) (proto *lua.FunctionProto, err error) {
	chunk, err = repair(chunk, name, concat != nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			proto, err = nil, luaerr.New(luaerr.EINTERNAL, "", "%s: the compiler failed: %v", name, r)
		}
	}()
	proto, err = lua.Compile(chunk, name)
	var ce *lua.CompileError
	if errors.As(err, &ce) {
		return nil, refusal(name, ce.Line, "%s", ce.Message)
	}
	if err != nil {
		return nil, luaerr.New(luaerr.EPARSE, "", "%s: %w", name, err)
	}
	if err := finish(proto, name, concat); err != nil {
		return nil, err
	}
	return proto, nil
}

// finish looks at every function of a chunk for numbers that did not fit, and
// links it.
func finish(proto *lua.FunctionProto, name string, concat *lua.LFunction) error {
	left := []*lua.FunctionProto{proto}
	for len(left) > 0 {
		p := left[len(left)-1]
		left = append(left[:len(left)-1], p.FunctionPrototypes...)
		if n := len(p.DbgUpvalues); n > maxUpvalues {
			return refusal(name, p.LineDefined, "a function uses %d variables of the functions around it, at most %d are possible", n, maxUpvalues).
				WithHint("put them into a table")
		}
		if len(p.Code) > maxCode {
			return refusal(name, p.LineDefined, "a function is too long: %d instructions, at most %d are possible", len(p.Code), maxCode).
				WithHint("split it, or read its data from a file")
		}
		if concat != nil {
			link(p, concat)
		}
	}
	return nil
}

// refusal is the error for a line of a chunk.
func refusal(name string, line int, format string, args ...any) *luaerr.Error {
	e := luaerr.New(luaerr.EPARSE, "", format, args...)
	e.Where = fmt.Sprintf("%s:%d", name, max(1, line)) // the main function has none
	return e
}
