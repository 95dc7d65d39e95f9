package plan

import (
	"encoding/json"
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Journal is where an application takes down what it is about to change.
type Journal struct {
	// Store may be shared by many applications: changes of a few flows then share
	// its files and their syncs. Whoever opened it closes it.
	Store *journal.Store
	// Header says whose change it is: the namespace, the command, the user. Op
	// and target are filled in.
	Header journal.Header
}

// rowSize is what a flow takes in a journal, with room to spare.
const rowSize = 420

// log is the journal of one application. It begins with the first change, so
// that a plan that finds nothing to do leaves none.
type log struct {
	to     *Journal // nil takes nothing down
	header journal.Header
	need   int64
	w      *journal.Writer
	size   int      // of the last batch that could be written
	place  []int    // in it, of the requests that are sent; nil where all are
	pack   []byte   // holds payloads that are put together
	list   [][]byte // the payloads of a batch
}

func newLog(a *application, p *Plan) *log {
	l := &log{to: a.opt.Journal, need: int64(a.touched+a.made) * rowSize}
	if l.to != nil {
		l.header = l.to.Header
		l.header.Op, l.header.Target = p.Op(), p.target()
	}
	return l
}

// write takes payloads down and returns when they are on the disk.
func (l *log) write(kind journal.Kind, payloads [][]byte) (err error) {
	if l.w == nil {
		if l.w, err = l.to.Store.Begin(l.header, l.need); err != nil {
			return err
		}
	}
	if err = l.w.Intend(kind, payloads); err == nil {
		l.size, l.place = len(payloads), nil
	}
	return err
}

// intend takes down that reqs are about to be sent. raw is what the kernel said
// of the flows, and order tells which of them each request is about; both are
// nil for requests that make something.
func (l *log) intend(kind journal.Kind, raw [][]byte, reqs []wire.Request, order []int) error {
	if l.to == nil || len(reqs) == 0 {
		return nil
	}
	l.pack, l.list = l.pack[:0], l.list[:0]
	if kind == journal.Delete {
		for _, i := range order {
			l.list = append(l.list, raw[i])
		}
		return l.write(kind, l.list)
	}
	var ends []int
	for n, req := range reqs {
		msg, err := req.Append(nil, 1, 0)
		if err != nil {
			return err
		}
		if raw == nil {
			l.pack = append(l.pack, msg...)
		} else {
			l.pack = journal.Pack(l.pack, raw[order[n]], msg)
		}
		ends = append(ends, len(l.pack))
	}
	begin := 0
	for _, end := range ends {
		l.list = append(l.list, l.pack[begin:end])
		begin = end
	}
	return l.write(kind, l.list)
}

// note takes down how an Action is taken back.
func (l *log) note(n Note) error {
	if l.to == nil {
		return nil
	}
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return l.write(journal.Action, [][]byte{data})
}

// only takes down that of what was to be sent of the last batch no more is sent
// than kept, by its number among that.
func (l *log) only(kept []int) error {
	var undone []int
	place := make([]int, 0, len(kept))
	for n := range l.sending() {
		if _, is := slices.BinarySearch(kept, n); !is {
			undone = append(undone, n)
			continue
		}
		if l.place != nil {
			n = l.place[n]
		}
		place = append(place, n)
	}
	err := l.settle(undone)
	l.place = place
	return err
}

// sending is how many requests of the last batch are sent.
func (l *log) sending() int {
	if l.place != nil {
		return len(l.place)
	}
	return l.size
}

// settle takes down what of the last batch did not happen, by its number among
// what is sent.
func (l *log) settle(undone []int) error {
	if l.w == nil || len(undone) == 0 {
		return nil
	}
	if l.place != nil {
		undone = slices.Clone(undone)
		for n, i := range undone {
			undone[n] = l.place[i]
		}
	}
	return l.w.Settle(undone)
}

// unsent takes down that the last n of the last batch were never sent.
func (l *log) unsent(n int) error {
	var undone []int
	for i := l.sending() - n; i < l.sending(); i++ {
		undone = append(undone, i)
	}
	return l.settle(undone)
}

// end ends the journal of a plan that ended with err, and puts its name into
// the result.
func (l *log) end(r *Result, err error) error {
	switch {
	case l.w == nil:
		return err
	case l.size == 0: // nothing was ever sent
		l.w.Abort()
		return err
	}
	r.ID = l.w.Header().ID
	out := journal.Outcome{Applied: r.Applied, Gone: r.Gone, Failed: r.Failed, Unknown: r.Unknown}
	if err != nil {
		out.Error = err.Error()
	}
	if bad := l.w.End(out); err == nil && bad != nil {
		// All is done and was taken down before; only its end is not.
		r.note(bad.Error())
	}
	return err
}
