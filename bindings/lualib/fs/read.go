package fs

import (
	"bytes"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// Bounds of what is read.
const (
	maxRead  = 16 << 20
	maxText  = 64 << 20
	maxLines = 1_000_000
	maxLine  = 1 << 20
)

func read(h *Host, c *registry.Call) int {
	return c.Return(lua.LString(h.slurp(c, maxRead)))
}

// slurp reads the whole file that the first argument names.
func (h *Host) slurp(c *registry.Call, limit int) (text string) {
	path, ctx := pathArg(c, 1, "path"), h.vm.Context()
	var err error
	h.vm.Tasks.Block(func() {
		var s *source
		if s, err = openSource(ctx, c.Op(), path); err != nil {
			return
		}
		defer s.close()
		var b []byte
		b, err = s.all(limit)
		text = string(b)
	})
	c.Raise(err)
	return text
}

func lines(h *Host, c *registry.Call) int {
	skip := c.Table(2).Text("skip")
	text := h.slurp(c, maxText)
	n := strings.Count(text, "\n")
	if text != "" && !strings.HasSuffix(text, "\n") {
		n++
	}
	if n > maxLines {
		c.Raise(tooLarge(c.Op(), c.Text(1), "has more than %d lines", maxLines).WithHint("fs.each_line reads a file of any size"))
	}
	list := c.L.CreateTable(n, 0)
	at := 0
	for line := range strings.Lines(text) {
		line = trimEnd(line)
		if skip != "" && (strings.TrimSpace(line) == "" || strings.HasPrefix(line, skip)) {
			continue
		}
		at++
		list.RawSetInt(at, lua.LString(line))
		if at%4096 == 0 {
			c.Raise(luaerr.Interrupted(h.vm.Context()))
		}
	}
	return c.Return(list)
}

// trimEnd takes LF or CRLF off a line. A CR at the end of the file is not one.
func trimEnd(line string) string {
	if rest, ok := strings.CutSuffix(line, "\n"); ok {
		return strings.TrimSuffix(rest, "\r")
	}
	return line
}

func eachLine(h *Host, c *registry.Call) int {
	path, fn, ctx := pathArg(c, 1, "path"), c.Func(2), h.vm.Context()
	var s *source
	var err error
	h.vm.Tasks.Block(func() { s, err = openSource(ctx, c.Op(), path) })
	c.Raise(err)
	defer s.close()
	number := 0
	call := func(line string) (more bool) {
		number++
		line = trimEnd(line)
		if len(line) > maxLine {
			c.Raise(tooLarge(c.Op(), path, "has a line of more than %d bytes: line %d", maxLine, number))
		}
		results, err := h.vm.Call(c.L, fn, 1, lua.LString(line), lua.LNumber(number))
		c.Raise(err)
		return results[0] != lua.LFalse
	}
	rest := make([]byte, 0, 64<<10) // the line that has no end yet
	for {
		if len(rest) > maxLine+1 {
			call(string(rest)) // raises
		}
		if len(rest) == cap(rest) {
			rest = append(rest, make([]byte, cap(rest))...)[:len(rest)]
		}
		var n int
		h.vm.Tasks.Block(func() { n, err = s.read(rest[len(rest):cap(rest)]) })
		c.Raise(err)
		if n == 0 {
			break
		}
		fresh := len(rest)
		rest = rest[:fresh+n]
		begin := 0
		for {
			end := bytes.IndexByte(rest[max(begin, fresh):], '\n')
			if end < 0 {
				break
			}
			end += max(begin, fresh) + 1
			if !call(string(rest[begin:end])) {
				return c.Return(lua.LNumber(number))
			}
			begin = end
		}
		rest = rest[:copy(rest, rest[begin:])]
	}
	if len(rest) > 0 {
		call(string(rest))
	}
	return c.Return(lua.LNumber(number))
}

// pathArg is an argument that names a file.
func pathArg(c *registry.Call, n int, name string) string {
	path := c.Text(n)
	if strings.IndexByte(path, 0) >= 0 {
		c.Bad(name, "%q has a NUL byte", path)
	}
	return path
}
