package ct

import (
	"context"
	"io"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/file"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// Plans in files.
func init() {
	planType.
		Method("save(path: string) -> int",
			"writes the plan to a file, with the flows that it would touch now: what ct.plan applies later is what was looked at. It returns how many there are", (*planned).save).
		Raises("ETYPE for a plan that makes something; EIO where the file cannot be written").
		Example(`ct> flows:where("udp"):delete():save("example.plan")
2`)
	ctModule.
		Func("plan(path: string, options?: {force?: bool}) -> plan", "the plan in a file. Its flows are told from others with the same addresses by id and start time: what is gone or was made anew is left out and counted", func(h *Host, c *registry.Call) int {
			return h.kept(c)
		}).
		Raises("EIO for a file that is no plan or is damaged, EGUARD for the plan of another boot or namespace unless force is said").
		Example(`ct> flows:where("udp"):delete():save("example.plan")
2
ct> r = flows:where("dport == 53"):delete():apply()
ct> ct.plan("example.plan"):apply()
delete: 2 matched, 1 applied, 1 gone in ...`)
}

// save writes the plan to a file.
func (p *planned) save(c *registry.Call) int {
	p.used()
	of := p.h.hosting(p.space)
	boot, err := journal.Here()
	c.Raise(err)
	id, err := of.identity()
	c.Raise(err)
	head := plan.Kept{Boot: boot, Namespace: id, Name: of.name(), Saved: journal.Now()}
	guard, err := p.h.protection(p.p, p.space)
	c.Raise(err)
	todo := p.resolved(c, &guard, -1)
	n := 0
	c.Raise(p.h.replace(c, c.Text(1), 0o600, func(w io.Writer) (err error) {
		p.h.do(func(ctx context.Context) { n, err = todo.Keep(ctx, w, head, guard) })
		return fail(err)
	}))
	return c.Return(lua.LNumber(n))
}

// kept is ct.plan(path).
func (h *Host) kept(c *registry.Call) int {
	c.Raise(h.mayUseFiles(c))
	f, _, err := file.Open(c.Text(1))
	c.Raise(err)
	defer f.Close()
	p, head, err := plan.ReadKept(f)
	if err != nil {
		c.Raise(luaerr.New(luaerr.EIO, c.Op(), "%s: %s: %w", c.Op(), c.Text(1), err))
	}
	if !c.Table(2).Bool("force") {
		c.Raise(h.foreign(c, "the plan in "+c.Text(1), head.Boot, head.Namespace, head.Name))
	}
	return h.plan(c, p, nil)
}
