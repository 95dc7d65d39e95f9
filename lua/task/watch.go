package task

import (
	"sync"
	"sync/atomic"
	"time"
)

// watch ends calls of handlers and timer functions that run too long of
// themselves. A call costs no clock and no timer: a look every few
// milliseconds, while there are calls, sees which stint goes on, and a stint
// that is seen twice has lasted that long. So a call ends late by up to two
// looks, never early.
type watch struct {
	limit  time.Duration // 0 is none
	reason error         // what a call is cancelled with
	pace   time.Duration // of the looks
	awake  atomic.Bool   // a look will come

	mu     sync.Mutex
	timer  *time.Timer
	closed bool
	h      *holder // whose stint was seen last,
	stint  uint64  // which one,
	since  time.Time
}

// maxPace is the slowest pace of the looks.
const maxPace = 20 * time.Millisecond

// SetLimit sets how long one call of a handler or timer function may run of
// itself, and the reason it is cancelled with. Time without the turn does not
// count. 0 is no limit. It is called before the first task starts.
func (g *Group) SetLimit(limit time.Duration, reason error) {
	g.watch.limit, g.watch.reason = limit, reason
	g.watch.pace = min(max(limit/8, time.Millisecond), maxPace)
}

// begin makes sure that the stint which just began will be seen.
func (w *watch) begin(g *Group) {
	if w.awake.Load() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start(g)
}

// start brings about the next look.
func (w *watch) start(g *Group) {
	if w.closed {
		return
	}
	w.awake.Store(true)
	if w.timer == nil {
		w.timer = time.AfterFunc(w.pace, func() { w.look(g) })
	} else {
		w.timer.Reset(w.pace)
	}
}

// look cancels the call that has the turn if its time is up.
func (w *watch) look(g *Group) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.awake.Store(false)
	h := g.now.Load()
	if h == nil || !h.limited {
		return // the next call begins anew
	}
	s := h.stint.Load()
	if s&active == 0 {
		return
	}
	w.start(g)
	if h != w.h || s != w.stint {
		w.h, w.stint, w.since = h, s, time.Now()
	}
	if h.usedBefore(s)+time.Since(w.since) >= w.limit {
		h.fire(s, w.reason)
	}
}

// usedBefore is the time that earlier stints of the call took.
func (h *holder) usedBefore(stint uint64) time.Duration {
	if stint&again == 0 {
		return 0
	}
	return h.used
}

// charge adds a stint that ended to the time of its call. The time before the
// first look at the first stint is given.
func (w *watch) charge(h *holder, stint uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	used := h.usedBefore(stint)
	if h == w.h && stint == w.stint {
		used += time.Since(w.since)
	}
	h.used = used
}

// resume notes the exact beginning of a stint that is not the first.
func (w *watch) resume(g *Group, h *holder, stint uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.h, w.stint, w.since = h, stint, time.Now()
	if !w.awake.Load() {
		w.start(g)
	}
}

// close ends the looks.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
}
