package ct

import (
	"errors"
	"fmt"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// The functions about what was changed before.
func init() {
	ctModule.
		Func("undo(id?: string, options?: {force?: bool}) -> plan",
			"plans to take a change back, by the id that ct.journal lists or the beginning of it; the last change that was not undone where none is given. "+
				"Deleted flows are made again, made ones deleted, changed ones get what they had. What is there already stays as it is, so that an undo can be repeated. "+
				"Flows that moved no packet come back as they were; a live connection survives only if no packet met the gap. "+
				"A journal of another boot or network namespace is refused unless force is said",
			func(h *Host, c *registry.Call) int {
				id := ""
				if c.Has(1) {
					id = c.Text(1)
				}
				return h.undo(c, id, c.Table(2).Bool("force"))
			}).
		Raises("ENOENT where there is nothing to undo, EGUARD for the journal of another boot or namespace, EIO for one that cannot be read").
		Example(`ct> r = flows:where("udp and dport == 53"):delete():apply()
ct> flows:where("udp"):count()
1
ct> ct.undo():apply()
ctsh: idle flows come back as they were; of 1 it is not known when a packet passed last, and a connection that was busy may be reset
undo delete: 1 matched, 1 applied in ...
ct> flows:where("udp"):count(), flows:where("dport == 53"):first().mark
2
1
ct> ct.undo(r.id):apply()
undo delete: 1 matched, 0 applied, 1 there already in ...`).
		Func("journal() -> table[]",
			"what was changed, the newest first: {id, op, target, when, age, netns, user, command, changes, size, ended, undone, undoes, damage}",
			func(h *Host, c *registry.Call) int { return h.journals(c) }).
		Example(`ct> r = flows:where("udp and dport == 53"):delete():apply()
ct> ct.journal()[1].op, ct.journal()[1].changes, ct.journal()[1].id == r.id
delete
1
true`)
}

// store is where changes are taken down, nil where they are not.
func (h *Host) store() *journal.Store {
	if h.opt.Journal == "" {
		return nil
	}
	return journal.Open(h.opt.Journal)
}

// journal is how a plan is taken down.
func (h *Host) journal(p *planned) (*plan.Journal, error) {
	store := h.store()
	if store == nil {
		return nil, nil //nolint:nilnil // nothing is taken down
	}
	of := h.hosting(p.space)
	id, err := of.identity()
	if err != nil {
		return nil, err
	}
	user := os.Getenv("SUDO_USER")
	if user == "" {
		user = os.Getenv("USER")
	}
	return &plan.Journal{Store: store, Header: journal.Header{Namespace: id, Name: of.name(), Command: h.opt.Command, User: user, Undoes: p.undoes}}, nil
}

// identity names the network namespace of h.
func (h *Host) identity() (string, error) { return netns.Identity(h.opt.NS) }

// undo plans to take a journal back.
func (h *Host) undo(c *registry.Call, id string, force bool) int {
	store := h.store()
	if store == nil {
		c.Raise(luaerr.New(luaerr.ENOENT, c.Op(), "%s: no journal is kept here", c.Op()))
	}
	r, err := store.Read(id)
	c.Raise(fail(err))
	h.run.open = append(h.run.open, r)
	head := r.Header()
	if !force {
		c.Raise(h.foreign(c, &head))
	}
	p := &planned{h: h, p: plan.Undo(r, h.revert), space: h.space, undoes: head.ID}
	p.warning = h.undoWarning(p)
	return h.offer(c, p)
}

// foreign is the error for a journal of another boot or network namespace.
func (h *Host) foreign(c *registry.Call, head *journal.Header) error {
	boot, err := journal.Here()
	if err != nil {
		return err
	}
	here, err := h.identity()
	switch {
	case err != nil:
		return err
	case boot != head.Boot:
		e := luaerr.New(luaerr.EGUARD, c.Op(), "%s: journal %s is of another boot: its flows are of connections that are long gone", c.Op(), head.ID)
		return e.WithHint("force = true goes on")
	case here != head.Namespace:
		e := luaerr.New(luaerr.EGUARD, c.Op(), "%s: journal %s is of another network namespace (%s)", c.Op(), head.ID, head.Name)
		return e.WithHint("--netns goes there, force = true goes on here")
	}
	return nil
}

// undoWarning says what an undo cannot promise.
func (h *Host) undoWarning(p *planned) string {
	view, err := p.look(nil, 0)
	switch {
	case err != nil || view.Active+view.Unsure == 0:
		return ""
	case view.Active == 0:
		return fmt.Sprintf("idle flows come back as they were; of %d it is not known when a packet passed last, and a connection that was busy may be reset", view.Unsure)
	}
	return fmt.Sprintf("idle flows come back as they were; %d moved packets in the %d s before they were deleted and may be reset", view.Active, plan.Lately)
}

// revert is what takes back a change that is none of a flow.
func (h *Host) revert(note plan.Note) (plan.Action, error) {
	for kind, fn := range reverts {
		if kind == note.Kind {
			return fn(h, note)
		}
	}
	return plan.Action{}, fmt.Errorf("undo: nobody knows how to take back a change of %q", note.Kind)
}

// reverts are what takes back changes that are none of flows, by their kind.
var reverts = map[string]func(*Host, plan.Note) (plan.Action, error){
	"timeout policy": (*Host).revertPolicy,
	"sysctl":         (*Host).revertSysctl,
}

// journals is ct.journal().
func (h *Host) journals(c *registry.Call) int {
	list := c.L.NewTable()
	store := h.store()
	if store == nil {
		return c.Return(list)
	}
	entries, err := store.List()
	c.Raise(fail(err))
	for i := range entries {
		list.Append(journalTable(c.L, &entries[i]))
	}
	return c.Return(list)
}

func journalTable(L *lua.LState, e *journal.Entry) *lua.LTable {
	t := L.NewTable()
	head := &e.Header
	for key, text := range map[string]string{"id": e.ID, "op": head.Op, "target": head.Target, "netns": head.Name, "user": head.User,
		"command": head.Command, "undoes": head.Undoes} {
		if text != "" {
			t.RawSetString(key, lua.LString(text))
		}
	}
	if !head.Started.Wall.IsZero() {
		t.RawSetString("when", lua.LString(head.Started.Wall.Local().Format(time.DateTime)))
		t.RawSetString("age", lua.LNumber(head.Age(head.Started).Seconds()))
	}
	n := 0
	for _, count := range e.Counts {
		n += count
	}
	t.RawSetString("changes", lua.LNumber(n))
	t.RawSetString("size", lua.LNumber(e.Size))
	t.RawSetString("ended", lua.LBool(e.Outcome != nil))
	t.RawSetString("undone", lua.LBool(e.Undone != nil))
	if e.Err != nil {
		t.RawSetString("damage", lua.LString(e.Err.Error()))
	}
	return t
}

// undone notes that a journal was taken back.
func (p *planned) undone(res *plan.Result) {
	if p.undoes == "" || res.DryRun || res.Failed+res.Unknown > 0 {
		return
	}
	if err := p.h.store().MarkUndone(p.undoes, res.ID); err != nil {
		p.h.say("the undo is done, but not noted: " + err.Error())
	}
}

// isJournal tells whether an error is about the files of journals.
func isJournal(err error) (luaerr.Code, bool) {
	var (
		disk    *journal.Error
		space   *journal.SpaceError
		unsafe  *journal.UnsafeError
		unknown *journal.UnknownError
		several *journal.AmbiguousError
		busy    *journal.BusyError
	)
	switch {
	case errors.As(err, &disk), errors.As(err, &space), errors.As(err, &unsafe):
		return luaerr.EIO, true
	case errors.As(err, &unknown):
		return luaerr.ENOENT, true
	case errors.As(err, &several), errors.As(err, &busy):
		return luaerr.ETYPE, true
	}
	return "", false
}
