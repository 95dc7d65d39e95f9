package ct

import (
	"context"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/lua/registry"
)

// chunk is how many rows go from the reader of a query to the script at once.
const chunk = 128

// reader runs a query in a goroutine of its own, so that the kernel works
// while the script does, and no more than a few chunks are held.
type reader struct {
	rows   chan []field.Row
	free   chan []field.Row // chunks that nobody holds rows of any more
	err    error            // valid when rows is closed, as is
	report query.Report
	cancel context.CancelFunc
}

// read starts a query. parts are what will be asked of its rows.
func (h *Host) read(ctx context.Context, q query.Query, parts field.Part) *reader {
	ctx, cancel := context.WithCancel(ctx)
	r := &reader{rows: make(chan []field.Row, 2), free: make(chan []field.Row, 4), cancel: cancel}
	go func() {
		defer close(r.rows)
		var rows []field.Row
		send := func() error {
			select {
			case r.rows <- rows:
				rows = nil
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		r.report, r.err = q.Each(ctx, func(row *field.Row) error {
			if rows == nil {
				select {
				case rows = <-r.free:
				default:
					rows = make([]field.Row, 0, chunk)
				}
			}
			if rows = append(rows, row.Hold(parts)); len(rows) == chunk {
				return send()
			}
			return nil
		})
		if r.err == nil && len(rows) > 0 {
			r.err = send()
		}
	}()
	return r
}

// next returns the next rows, without the turn while there are none.
func (r *reader) next(h *Host) (rows []field.Row, ok bool) {
	select {
	case rows, ok = <-r.rows:
	default:
		h.do(func(context.Context) { rows, ok = <-r.rows })
	}
	return rows, ok
}

// again lets the reader use a chunk again.
func (r *reader) again(rows []field.Row) {
	select {
	case r.free <- rows[:0]:
	default:
	}
}

// lookAt runs q and calls fn for every row, without the turn: fn does not touch
// Lua.
func (h *Host) lookAt(c *registry.Call, q query.Query, fn func(*field.Row) error) {
	h.scan(c, q, h.opt.Progress, fn)
}

// scan is lookAt, with or without telling how far it is.
func (h *Host) scan(c *registry.Call, q query.Query, progress bool, fn func(*field.Row) error) {
	if q.Calls() {
		ctx, stop := h.watched(h.vm.Context(), progress)
		defer stop()
		h.handIn(ctx, c, q, field.PartAll, false, fn)
		return
	}
	h.warn(q)
	var rep query.Report
	var err error
	h.do(func(ctx context.Context) {
		ctx, stop := h.watched(ctx, progress)
		defer stop()
		rep, err = q.Each(ctx, fn)
	})
	h.tell(rep)
	c.Raise(fail(err))
}

// luaKey finds the Lua thread that a query was started by in its context.
type luaKey struct{}

// hand runs q and calls fn for every row with the turn held. parts are what fn
// asks of a row; with keep it may hold the row.
func (h *Host) hand(c *registry.Call, q query.Query, parts field.Part, keep bool, fn func(*field.Row) error) {
	h.handIn(h.vm.Context(), c, q, parts, keep, fn)
}

func (h *Host) handIn(ctx context.Context, c *registry.Call, q query.Query, parts field.Part, keep bool, fn func(*field.Row) error) {
	h.warn(q)
	head, tail := q.Split()
	ctx = context.WithValue(ctx, luaKey{}, c.L)
	// A query behind a function can hold rows itself.
	keep = keep && !q.Calls()
	r := h.read(ctx, head, tail.Parts(parts))
	defer r.cancel()
	pipe := tail.Pipe(ctx, fn)
	for {
		rows, ok := r.next(h)
		if !ok {
			break
		}
		for i := range rows {
			if err := pipe.Push(&rows[i]); err == conntrack.ErrStop { //nolint:errorlint // it is passed on as it is
				h.finish(c, r, pipe, nil)
				return
			} else if err != nil {
				c.Raise(fail(err))
			}
		}
		if !keep {
			r.again(rows)
		}
	}
	h.finish(c, r, pipe, r.err)
}

// finish ends the stages of a query and tells what there is to tell.
func (h *Host) finish(c *registry.Call, r *reader, pipe *query.Pipe, err error) {
	if err == nil {
		err = pipe.End()
	}
	r.cancel()
	for range r.rows { // the reader may be about to send
	}
	h.tell(r.report)
	h.tell(pipe.Report())
	c.Raise(fail(err))
}

// tell says once a run what was not exact.
func (h *Host) tell(rep query.Report) {
	for _, note := range rep.Notes {
		h.say(note)
	}
}

// say writes a note to standard error, each once a run.
func (h *Host) say(note string) {
	if h.run.said[note] {
		return
	}
	h.run.said[note] = true
	fmt.Fprintln(h.opt.Stderr, "ctsh: "+note)
}

// warn names the sysctl without which a query sees nothing of what it asks for.
func (h *Host) warn(q query.Query) {
	needs := q.Needs()
	if len(needs) == 0 {
		return
	}
	for _, space := range q.Spaces() {
		for _, key := range needs {
			v, err := h.hosting(space).sysctl.Get(key)
			if err != nil || v != 0 {
				continue
			}
			where := ""
			if space.Name != "" {
				where = " in " + space.Name
			}
			h.say(fmt.Sprintf("%s is 0%s: flows born meanwhile lack what the query asks for; sys.set(%q, 1):apply() turns it on", key, where, key))
		}
	}
}

// objects runs q and calls fn with an object for every row, with the turn held,
// until it is false.
func (q *selection) objects(c *registry.Call, fn func(lua.LValue) bool) {
	q.h.hand(c, q.q, field.PartAll, true, func(r *field.Row) error {
		held := r
		if q.q.Calls() { // the row is used again
			x := r.Hold(field.PartAll)
			held = &x
		}
		if !fn(q.object(c.L, held)) {
			return conntrack.ErrStop
		}
		return nil
	})
}
