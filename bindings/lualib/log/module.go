package log

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// Open sets the global log. The turn of v must be held.
func Open(v *vm.VM, opt Options) { v.Set("log", module.Table(v.L, newLogger(opt))) }

const fieldsDoc = ". Fields hold anything: tables are written as JSON, objects as tostring has them"

var module = registry.NewModule[*logger]("log", "writes lines about what a script does to standard error. "+
	"They are text on a terminal, messages with fields in the journal under systemd, and JSON elsewhere").
	Example(`ct> log.info("evicted", {src = "192.0.2.7", flows = 12})
2026-01-02 03:04:05.000 INFO  evicted flows=12 src=192.0.2.7`).
	Func("debug(message: any, fields?: table)", "writes a line for whoever looks for a mistake; it is left out unless log.level asked for it"+fieldsDoc, at(debug)).
	Raises("EIO if it cannot be written").
	Example(`ct> log.debug("not written")
ct> log.level("debug")
debug
ct> log.debug("read", {rows = {1, 2}})
2026-01-02 03:04:05.000 DEBUG read rows=[1,2]`).
	Func("info(message: any, fields?: table)", "writes a line about what went as it should"+fieldsDoc, at(info)).
	Raises("EIO if it cannot be written").
	Example(`ct> log.info("ready")
2026-01-02 03:04:05.000 INFO  ready`).
	Func("warn(message: any, fields?: table)", "writes a line about what may need a look"+fieldsDoc, at(warn)).
	Raises("EIO if it cannot be written").
	Example(`ct> log.warn("table nearly full", {ratio = 0.93, owner = "gw 1"})
2026-01-02 03:04:05.000 WARN  table nearly full owner="gw 1" ratio=0.93`).
	Func("error(message: any, fields?: table)", "writes a line about what failed. It raises nothing and ends nothing"+fieldsDoc, at(failure)).
	Raises("EIO if it cannot be written").
	Example(`ct> log.error("cannot alert", {to = "ops", err = "no route"})
2026-01-02 03:04:05.000 ERROR cannot alert err="no route" to=ops`).
	Func(`level(level?: "debug" | "info" | "warn" | "error") -> text`, "sets from which level on lines are written, info at the start, and returns which it is", (*logger).setLevel).
	Example(`ct> log.level()
info
ct> log.level("warn")
warn
ct> log.info("not written")`)

// at is the function that writes a line of a level.
func at(lv level) func(*logger, *registry.Call) int {
	return func(l *logger, c *registry.Call) int {
		if lv < l.least {
			return 0
		}
		t, _ := c.Get(2).(*lua.LTable)
		c.Raise(l.write(readLine(c, lv, t)))
		return 0
	}
}

func (l *logger) setLevel(c *registry.Call) int {
	if c.Has(1) {
		l.least = levelOf(c.Text(1))
	}
	return c.Return(lua.LString(l.least.name()))
}
