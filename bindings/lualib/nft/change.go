package nft

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/nft"
)

// change is what is to be done to a set.
type change struct {
	set    *nft.Set
	remove []nft.Element
	put    []nft.Entry
}

// String says to what it is done.
func (ch change) String() string {
	what, in := elements(len(ch.put)+len(ch.remove)), "to"
	switch {
	case len(ch.put) == 1 && len(ch.remove) == 0:
		what = ch.put[0].Element.String()
	case len(ch.remove) == 1 && len(ch.put) == 0:
		what = ch.remove[0].String()
	}
	if len(ch.put) == 0 {
		in = "from"
	}
	text := fmt.Sprintf("%s %s set %s", what, in, ch.set)
	if len(ch.put) > 0 && ch.put[0].Timeout > 0 {
		text += fmt.Sprintf(" for %v", ch.put[0].Timeout)
	}
	return text
}

// NoteKind is the kind of the notes that [Host.Revert] understands.
const NoteKind = "nft set"

// note is what the journal keeps of a change: what brings the set back to what
// it was.
type note struct {
	Set    string      `json:"set"`
	At     int64       `json:"at"` // milliseconds since boot when it was read, those of sleep included
	Delete []string    `json:"delete,omitempty"`
	Add    []noteEntry `json:"add,omitempty"`
}

// noteEntry is an element that is to be added. Times are milliseconds, 0 for
// ever.
type noteEntry struct {
	Element string `json:"element"`
	Timeout int64  `json:"timeout,omitempty"`
	Expires int64  `json:"expires,omitempty"`
	Comment string `json:"comment,omitempty"`
}

// action is a change as a step of a plan.
func (h *Host) action(ch change) plan.Action {
	return plan.Action{N: len(ch.put) + len(ch.remove),
		Do: func(ctx context.Context) (got plan.Counts, err error) {
			count := func(res nft.Result) {
				got.Applied, got.Gone, got.Exists = got.Applied+res.Applied, got.Gone+res.Gone, got.Exists+res.Same
			}
			if len(ch.remove) > 0 {
				var res nft.Result
				res, err = ch.set.Delete(ctx, ch.remove)
				count(res)
			}
			if err == nil && len(ch.put) > 0 {
				var res nft.Result
				res, err = ch.set.Put(ctx, ch.put)
				count(res)
			}
			return got, fail("", err)
		},
		Undo: func() (plan.Note, error) {
			n, err := h.before(context.Background(), ch)
			if err != nil {
				return plan.Note{}, fail("", err)
			}
			if len(n.Delete)+len(n.Add) == 0 {
				return plan.Note{}, nil // all is as it will be
			}
			data, err := json.Marshal(n)
			return plan.Note{Kind: NoteKind, Data: data}, err
		},
	}
}

// before looks how the elements of a change stand in the set, and tells what
// brings that back.
func (h *Host) before(ctx context.Context, ch change) (note, error) {
	es := make([]nft.Element, 0, len(ch.put)+len(ch.remove))
	es = append(es, ch.remove...)
	for _, e := range ch.put {
		es = append(es, e.Element)
	}
	n := note{Set: ch.set.String(), At: sinceBoot().Milliseconds()}
	there, err := ch.set.Look(ctx, es)
	if err != nil {
		return n, err
	}
	for i, now := range there {
		added := i >= len(ch.remove)
		switch {
		case now == nil && added:
			n.Delete = append(n.Delete, es[i].String())
		case now == nil, added && now.Timeout == 0: // it stays as it is
		default:
			n.Add = append(n.Add, noteEntry{Element: now.Element.String(), Timeout: now.Timeout.Milliseconds(), Expires: now.Expires.Milliseconds(), Comment: now.Comment})
		}
	}
	return n, nil
}

// Revert is what takes a change back that was taken down as a note: what was
// added is deleted, and what was there is added with the time that it would
// have left now. The set must be there.
func (h *Host) Revert(from plan.Note) (plan.Action, error) {
	var n note
	if err := json.Unmarshal(from.Data, &n); err != nil {
		return plan.Action{}, fmt.Errorf("read how to take back a change of a set: %w", err)
	}
	s, err := h.client.Set(context.Background(), n.Set)
	if err != nil {
		return plan.Action{}, fail("", err)
	}
	ch := change{set: s}
	for _, text := range n.Delete {
		e, err := s.Parse(text)
		if err != nil {
			return plan.Action{}, fail("", err)
		}
		ch.remove = append(ch.remove, e)
	}
	passed := max(sinceBoot()-time.Duration(n.At)*time.Millisecond, 0)
	expired := 0
	for _, x := range n.Add {
		e, err := s.Parse(x.Element)
		if err != nil {
			return plan.Action{}, fail("", err)
		}
		entry := nft.Entry{Element: e, Timeout: time.Duration(x.Timeout) * time.Millisecond, Comment: x.Comment}
		if entry.Timeout > 0 {
			if entry.Expires = time.Duration(x.Expires)*time.Millisecond - passed; entry.Expires <= 0 {
				expired++
				ch.remove = append(ch.remove, e) // it may be there with a longer time
				continue
			}
		}
		if err := s.Takes(entry); err != nil {
			return plan.Action{}, fail("", err)
		}
		ch.put = append(ch.put, entry)
	}
	return h.action(ch), nil
}

// sinceBoot is the time since the machine was started.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
