package ct

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/archive"
	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// The functions about what was changed before.
func init() {
	ctModule.
		Func("undo(id?: string, options?: {force?: bool}) -> plan",
			"plans to take a change back, by the id that ct.journal lists or the beginning of it; the last one of this namespace that was not undone where none is given. "+
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
ctsh: idle flows come back as they were; of 1 it is not known when a packet passed last, and a connection that was busy may be reset...
undo delete: 1 matched, 1 applied in ...
ct> flows:where("udp"):count(), flows:where("dport == 53"):first().mark
2
1
ct> ct.undo(r.id):apply()
undo delete: 1 matched, 0 applied, 1 there already in ...`).
		Func("journal() -> query",
			"what was changed by ctsh, one row a change, the newest first; undo takes the id", func(h *Host, c *registry.Call) int {
				return c.Return(queryType.New(c.L, &selection{h: h, q: query.New(h.journals())}))
			}).
		Example(`ct> r = flows:where("udp and dport == 53"):delete():apply()
ct> j = ct.journal():first()
ct> j.op, j.changes, j.id == r.id
delete
1
true
ct> ct.journal():where("op == delete and age < 1h"):count()
1`)
}

// journal is how a plan is taken down.
func (h *Host) journal(p *planned) (*plan.Journal, error) {
	if h.run.store == nil {
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
	return &plan.Journal{Store: h.run.store, Header: journal.Header{Namespace: id, Name: of.name(), Command: h.opt.Command, User: user, Undoes: p.undoes}}, nil
}

// identity names the network namespace of h.
func (h *Host) identity() (string, error) { return netns.Identity(h.opt.NS) }

// undo plans to take a journal back.
func (h *Host) undo(c *registry.Call, id string, force bool) int {
	if h.run.store == nil {
		c.Raise(luaerr.New(luaerr.ENOENT, c.Op(), "%s: no journal is kept here", c.Op()))
	}
	boot, here, err := h.where()
	c.Raise(fail(err))
	var r *journal.Reader
	if id == "" {
		r, err = h.run.store.Newest(func(head *journal.Header) bool { return force || head.Boot == boot && head.Namespace == here })
	} else {
		r, err = h.run.store.Read(id)
	}
	c.Raise(fail(err))
	head := r.Header()
	if !force {
		err = h.foreign(c, "journal "+head.ID, head.Boot, head.Namespace, head.Name)
	}
	if err != nil {
		_ = r.Close()
		c.Raise(err)
	}
	h.hold(r)
	p := &planned{h: h, p: plan.Undo(r, h.revert), space: h.space, undoes: head.ID, own: head.Boot == boot && head.PID == os.Getpid()}
	return h.offer(c, p)
}

// held is how many undos that were planned and not applied keep their journals:
// nobody removes these meanwhile. Each is an open file.
const held = 8

// hold keeps the journal of an undo until that is applied or too many are kept.
func (h *Host) hold(r *journal.Reader) {
	n := 0
	for _, c := range h.run.open {
		if _, ok := c.(*journal.Reader); ok {
			n++
		}
	}
	h.letGo(func(*journal.Reader) bool {
		n--
		return n >= held-1 // the oldest stand first
	})
	h.run.open = append(h.run.open, r)
}

// letGo gives journals free. Their undos can still be applied, as long as they
// are there.
func (h *Host) letGo(which func(*journal.Reader) bool) {
	h.run.open = slices.DeleteFunc(h.run.open, func(c io.Closer) bool {
		r, ok := c.(*journal.Reader)
		if !ok || !which(r) {
			return false
		}
		_ = r.Rest() // it was only read
		return true
	})
}

// foreign is the error for what was written down in another boot or network
// namespace.
func (h *Host) foreign(c *registry.Call, what, ofBoot, of, name string) error {
	boot, here, err := h.where()
	switch {
	case err != nil:
		return err
	case boot != ofBoot:
		e := luaerr.New(luaerr.EGUARD, c.Op(), "%s is of another boot: its flows are of connections that are long gone", what)
		return e.WithHint("force goes on all the same")
	case here != of:
		if name = "network namespace " + name; name == "network namespace "+unnamed {
			name = "another network namespace"
		}
		return luaerr.New(luaerr.EGUARD, c.Op(), "%s is of %s", what, name).WithHint("--netns goes there, force goes on here")
	}
	return nil
}

// where is the boot and the network namespace of h.
func (h *Host) where() (boot, namespace string, err error) {
	if boot, err = journal.Here(); err == nil {
		namespace, err = h.identity()
	}
	return boot, namespace, err
}

// revert is what takes back a change that is none of a flow.
func (h *Host) revert(note plan.Note) (plan.Action, error) {
	switch note.Kind {
	case "timeout policy":
		return h.revertPolicy(note)
	case "sysctl":
		return h.revertSysctl(note)
	case "expectation":
		return h.revertExpects(note)
	}
	if fn := h.run.reverts[note.Kind]; fn != nil {
		return fn(note)
	}
	return plan.Action{}, fmt.Errorf("undo: nobody here knows how to take back a change of kind %q", note.Kind)
}

// Reverts says what takes back the changes of another module, by the kind of
// their notes.
func (h *Host) Reverts(kind string, fn plan.Revert) { h.run.reverts[kind] = fn }

// journalFields are the columns of ct.journal().
var journalFields = field.Columns(
	whole("id", "names the change"),
	whole("when", "when it began"),
	column("op", field.Text, "what was done"),
	column("target", field.Text, "to what"),
	&field.Field{Name: "changes", Kind: field.Number, Max: math.MaxInt64, Doc: "how many changes were made, or may have been where it has not ended"},
	column("undone", field.Flag, "it was taken back"),
	column("ended", field.Flag, "it came to its end; otherwise its process died"),
	whole("undoes", "the change that it takes back"),
	column("netns", field.Text, "network namespace it was made in"),
	column("user", field.Text, "who made it"),
	column("command", field.Text, "what made it"),
	&field.Field{Name: "age", Kind: field.Number, Unit: "s", Max: math.MaxInt64, Doc: "seconds since it began"},
	&field.Field{Name: "size", Kind: field.Number, Unit: "bytes", Max: math.MaxInt64, Doc: "of it in its file"},
	column("damage", field.Text, "what of it cannot be read"),
)

// whole is a column that no table cuts.
func whole(name, doc string) *field.Field {
	return &field.Field{Name: name, Kind: field.Text, Doc: doc, Whole: true}
}

// journals is where the rows of ct.journal() come from.
func (h *Host) journals() query.Source {
	return &query.Computed{Name: "ct.journal()", Set: journalFields, Rows: func(_ context.Context, fn func(*field.Row) error) error {
		if h.run.store == nil {
			return nil
		}
		var r field.Row
		return h.run.store.Each(func(e journal.Entry) error {
			r.ResetCells(cellsOfJournal(&e))
			return fn(&r)
		})
	}}
}

// cellsOfJournal are the columns of a journal.
func cellsOfJournal(e *journal.Entry) []field.Cell {
	num := func(n float64) field.Cell { return field.Cell{Value: field.Value{Num: n}, Has: true} }
	text := func(s string) field.Cell { return field.Cell{Value: field.Value{Str: s}, Has: s != ""} }
	flag := func(on bool) field.Cell { return field.Cell{Value: field.Value{On: on}, Has: true} }
	head := &e.Header
	when, age := field.Cell{}, field.Cell{}
	if at := head.Started; !at.Wall.IsZero() {
		when, age = text(at.Wall.Local().Format(time.DateTime)), num(head.Age(at).Seconds())
	}
	n := 0
	for _, count := range e.Counts {
		n += count
	}
	damage := ""
	if e.Err != nil {
		damage = e.Err.Error()
	}
	return []field.Cell{text(e.ID), when, text(head.Op), text(head.Target), num(float64(n)), flag(e.Undone != nil), flag(e.Outcome != nil),
		text(head.Undoes), text(head.Name), text(head.User), text(head.Command), age, num(float64(e.Size)), text(damage)}
}

// undone notes that a journal was taken back.
func (p *planned) undone(res *plan.Result) {
	if p.undoes == "" || res.DryRun || res.Failed+res.Unknown > 0 {
		return
	}
	if err := p.h.run.store.MarkUndone(p.undoes, res.ID); err != nil {
		p.h.say("the undo is done, but not noted: " + err.Error())
	}
	p.h.letGo(func(r *journal.Reader) bool { return r.Header().ID == p.undoes })
}

// isFile tells whether an error is about the files of journals or of flows, and
// its code.
func isFile(err error) (luaerr.Code, bool) {
	var (
		disk    *journal.Error
		space   *journal.SpaceError
		unsafe  *journal.UnsafeError
		unknown *journal.UnknownError
		several *journal.AmbiguousError
		busy    *journal.BusyError
		file    *archive.Error
	)
	switch {
	case errors.As(err, &file), errors.As(err, &disk), errors.As(err, &space), errors.As(err, &unsafe):
		return luaerr.EIO, true
	case errors.As(err, &unknown):
		return luaerr.ENOENT, true
	case errors.As(err, &several), errors.As(err, &busy):
		return luaerr.ETYPE, true
	}
	return "", false
}
