package exec

import (
	"encoding/json"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// maxLines bounds the list that lines makes.
const maxLines = 1_000_000

var processType = registry.NewType[*process]("process", "a command that exec has run to its end. It prints as what it wrote, made safe for a terminal, and how it ended unless that was well").
	Example(`
ct> exec("sh", "-c", "echo out; echo err >&2; exit 3")
out
err
exit 3
ct> exec{"sleep", 60, timeout = "10ms"}
no end within 10ms: SIGTERM`).
	Field("ok: bool", "whether it ended by itself with exit status 0", func(_ *lua.LState, p *process) lua.LValue { return lua.LBool(p.ok()) }).
	Field("code: int | nil", "its exit status; nil where a signal ended it", func(_ *lua.LState, p *process) lua.LValue {
		if p.status.Signaled() {
			return lua.LNil
		}
		return lua.LNumber(p.status.ExitStatus())
	}).
	Field("signal: text | nil", `the signal that ended it, such as "SIGKILL"; nil where none did`, func(_ *lua.LState, p *process) lua.LValue {
		if !p.status.Signaled() {
			return lua.LNil
		}
		return lua.LString(p.signal())
	}).
	Field("timed_out: bool", "whether it was ended because its time was over", func(_ *lua.LState, p *process) lua.LValue { return lua.LBool(p.late) }).
	Field("out: text", "what it wrote to standard output, up to cap bytes", func(_ *lua.LState, p *process) lua.LValue { return lua.LString(p.out.kept) }).
	Field("err: text", "what it wrote to standard error, up to cap bytes", func(_ *lua.LState, p *process) lua.LValue { return lua.LString(p.err.kept) }).
	Field("truncated: bool", "whether it wrote more to one of them than was kept", func(_ *lua.LState, p *process) lua.LValue { return lua.LBool(p.cut() > 0) }).
	Field("took: number", "the seconds it ran", func(_ *lua.LState, p *process) lua.LValue { return lua.LNumber(p.took.Seconds()) }).
	Method("lines() -> list", "returns the lines of its standard output without their ends (LF or CRLF)", lines).
	Raises("EFBIG beyond 1 000 000 lines").
	Example(`
ct> #exec("printf", "%s\\n", "a", "b"):lines()
2`).
	Method("check() -> process", "returns the process itself if it ended well, so that a script goes on only then", check).
	Raises("ETIMEDOUT if its time was over; ESCRIPT if it failed otherwise, with the last line that it wrote to standard error").
	Example(`
ct> exec("echo", "fine"):check().out
fine

ct> exec("sh", "-c", "echo no space >&2; exit 2"):check()
prompt:1: process:check: sh failed with exit 2: no space`).
	Text((*process).text)

func (p *process) ok() bool { return p.status.Exited() && p.status.ExitStatus() == 0 && !p.late }

func (p *process) signal() string {
	if name := unix.SignalName(p.status.Signal()); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", p.status.Signal()) // a real-time one
}

// ending says how it ended: "exit 1", "SIGKILL".
func (p *process) ending() string {
	if p.status.Signaled() {
		return p.signal()
	}
	return fmt.Sprintf("exit %d", p.status.ExitStatus())
}

// cut is how many bytes were not kept.
func (p *process) cut() int64 { return p.out.lost + p.err.lost }

func (p *process) text() string {
	const most = 64 << 10
	var parts []string
	for _, s := range []*output{p.out, p.err} {
		if len(s.kept) == 0 {
			continue
		}
		text := escape.Text(string(s.kept[:min(len(s.kept), most)]))
		if more := len(s.kept) - most; more > 0 {
			text += fmt.Sprintf("\n... (%d bytes more)", more)
		}
		parts = append(parts, strings.TrimSuffix(text, "\n"))
	}
	if n := p.cut(); n > 0 {
		parts = append(parts, fmt.Sprintf("truncated: %d bytes were not kept", n))
	}
	switch {
	case p.late:
		parts = append(parts, fmt.Sprintf("no end within %s: %s", p.cmd.timeout, p.ending()))
	case !p.ok():
		parts = append(parts, p.ending())
	}
	return strings.Join(parts, "\n")
}

// MarshalJSON makes the fields an object.
func (p *process) MarshalJSON() ([]byte, error) {
	m := map[string]any{"ok": p.ok(), "out": string(p.out.kept), "err": string(p.err.kept), "timed_out": p.late, "truncated": p.cut() > 0, "took": p.took.Seconds()}
	if p.status.Signaled() {
		m["signal"] = p.signal()
	} else {
		m["code"] = p.status.ExitStatus()
	}
	return json.Marshal(m)
}

func lines(p *process, c *registry.Call) int {
	text := string(p.out.kept)
	if n := strings.Count(text, "\n"); n > maxLines {
		c.Raise(luaerr.New(luaerr.Code("EFBIG"), c.Op(), "%d lines, more than %d", n, maxLines))
	}
	list := c.L.CreateTable(strings.Count(text, "\n")+1, 0)
	n := 0
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutSuffix(line, "\n"); ok {
			line = strings.TrimSuffix(rest, "\r")
		}
		n++
		list.RawSetInt(n, lua.LString(line))
	}
	return c.Return(list)
}

func check(p *process, c *registry.Call) int {
	name := p.cmd.args[0]
	switch {
	case p.late:
		c.Raise(luaerr.New(luaerr.ETIMEDOUT, c.Op(), "%s did not end within %s", name, p.cmd.timeout))
	case !p.ok():
		e := luaerr.New(luaerr.ESCRIPT, c.Op(), "%s failed with %s", name, p.ending())
		if said := strings.TrimSpace(string(p.err.kept)); said != "" {
			e.Msg += ": " + last(said)
		}
		c.Raise(e)
	}
	return c.Return(c.L.Get(1))
}

// last is the last line of a text, made short and harmless.
func last(text string) string {
	const most = 200
	line := text[strings.LastIndexByte(text, '\n')+1:]
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "..."
	}
	return escape.Terminal(line)
}
