package ct

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/lua/escape"
)

// How long a query may take before it is told how far it is, and how often.
const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

// watched returns a context for a query that a person may be waiting for. stop
// is called when it has ended.
func (h *Host) watched(ctx context.Context, wanted bool) (_ context.Context, stop func()) {
	if !wanted {
		return ctx, func() {}
	}
	p := &query.Progress{}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		showProgress(h.opt.Stderr, p, done, progressAfter, progressEvery)
	}()
	return query.WithProgress(ctx, p), func() { close(done); <-ended }
}

// showProgress writes how far a query is into one line of a terminal, and
// clears it at the end.
func showProgress(w io.Writer, p *query.Progress, done <-chan struct{}, after, every time.Duration) {
	wait := time.NewTimer(after)
	defer wait.Stop()
	for shown := false; ; shown = true {
		select {
		case <-done:
			if shown {
				_, _ = fmt.Fprint(w, "\r\x1b[K")
			}
			return
		case <-wait.C:
			_, _ = fmt.Fprintf(w, "\r%d flows read\x1b[K", p.Read())
			wait.Reset(every)
		}
	}
}

// applying tells a person who waits how far a plan is. stop is called when it
// has ended.
func (h *Host) applying(op string) (progress func(done, of int), stop func()) {
	if !h.opt.Progress {
		return func(int, int) {}, func() {}
	}
	began, last, shown := time.Now(), time.Time{}, false
	return func(done, of int) {
			now := time.Now()
			if now.Sub(began) < progressAfter || now.Sub(last) < progressEvery {
				return
			}
			last, shown = now, true
			fmt.Fprintf(h.opt.Stderr, "\r\x1b[K%s: %d of %d", escape.Terminal(op), done, of)
		}, func() {
			if shown {
				fmt.Fprint(h.opt.Stderr, "\r\x1b[K")
			}
		}
}
