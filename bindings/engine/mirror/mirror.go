package mirror

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Options of a mirror. The zero value is right.
type Options struct {
	// Every is how often the table is read again though nothing was lost, a
	// minute when 0: flows that are older than the first listener never
	// report that they end (nf_conntrack_events=2).
	Every time.Duration
	// RcvBuf is the receive buffer for events, see conntrack.EventOptions.
	RcvBuf int
}

// Bounds of the pause between two readings of the table.
const (
	defaultEvery = time.Minute
	minPause     = time.Second
	maxPause     = 3 * time.Second // under repeated loss
)

// Mirror is a copy of the table. Its methods may be called from several
// goroutines.
type Mirror struct {
	kernel conntrack.Kernel
	opt    Options
	lossy  chan struct{} // holds one: something was lost

	mu    sync.RWMutex
	rows  rows
	stats Stats
	ear   *conntrack.Listener
}

// Stats tell how a mirror is doing.
type Stats struct {
	Flows  int
	Synced time.Time // when the last whole reading of the table ended, zero before the first
	Syncs  int       // readings of the table
	// Stale is how many rows had to go because a reading did not have them:
	// what the events failed to tell.
	Stale     int
	LastError error // of the last reading, nil where it was whole
	Events    conntrack.EventStats
}

// New returns an empty mirror of the table that k has; Run fills it.
func New(k conntrack.Kernel, opt Options) *Mirror {
	if opt.Every == 0 {
		opt.Every = defaultEvery
	}
	return &Mirror{kernel: k, opt: opt, lossy: make(chan struct{}, 1), rows: newRows()}
}

// Run keeps the mirror current until ctx ends or the listener fails. Where fn
// is not nil it gets every event after the mirror has taken it in, loss
// included, in Run's goroutine; what it returns is treated as by
// conntrack.Listener. A slow fn makes events be lost, and the mirror read the
// table again.
func (m *Mirror) Run(ctx context.Context, fn func(*conntrack.Event) error) error {
	ear, err := m.kernel.Listen(ctx, conntrack.EventOptions{RcvBuf: m.opt.RcvBuf})
	if err != nil {
		return err
	}
	defer ear.Close()
	m.mu.Lock()
	m.ear = ear
	m.mu.Unlock()

	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := m.keep(ctx); err != nil {
			cancel(err)
		}
	})
	err = ear.Run(ctx, func(e *conntrack.Event) error {
		m.apply(e)
		if fn == nil {
			return nil
		}
		return fn(e)
	})
	cancel(nil)
	wg.Wait()
	m.mu.Lock()
	m.stats.Events, m.ear = ear.Stats(), nil
	m.mu.Unlock()
	return err
}

// apply takes an event in.
func (m *Mirror) apply(e *conntrack.Event) {
	if e.Kind == conntrack.EventLoss {
		select {
		case m.lossy <- struct{}{}:
		default:
		}
		return
	}
	if e.View == nil {
		return
	}
	var f wire.Flow
	e.View.Flow(&f)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch e.Kind {
	case conntrack.EventNew:
		m.rows.born(&f)
	case conntrack.EventUpdate:
		m.rows.changed(&f)
	case conntrack.EventDestroy:
		m.rows.died(&f)
	}
}

// keep reads the table: at once, after a loss, and every so often.
func (m *Mirror) keep(ctx context.Context) error {
	pause := minPause
	for {
		err := m.sync(ctx)
		var incomplete *conntrack.IncompleteError
		if err != nil && !errors.As(err, &incomplete) {
			return err
		}
		// What is lost from here on asks for one more; until then it waits,
		// the longer the more often that happens.
		started := time.Now()
		if !sleep(ctx, pause) {
			return nil
		}
		var again <-chan time.Time
		if err != nil {
			again = time.After(0)
		} else {
			again = time.After(m.opt.Every)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again:
		case <-m.lossy:
		}
		if time.Since(started) < 2*maxPause {
			pause = min(2*pause, maxPause)
		} else {
			pause = minPause
		}
	}
}

// sync reads the table once.
func (m *Mirror) sync(ctx context.Context) error {
	m.mu.Lock()
	g0 := m.rows.begin()
	m.mu.Unlock()
	var f wire.Flow
	_, err := m.kernel.Dump(ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		v.Flow(&f)
		m.mu.Lock()
		m.rows.found(&f, g0)
		m.mu.Unlock()
		return nil
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Stale += m.rows.end(g0, err == nil)
	m.stats.Syncs++
	m.stats.LastError = err
	if err == nil {
		m.stats.Synced = time.Now()
	}
	return err
}

// sleep is false where ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Get returns the flow with this zone and original tuple. Fields that it lacks
// (Flow.Has) were neither in an event nor in a reading yet.
func (m *Mirror) Get(orig wire.Tuple) (wire.Flow, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	i, ok := m.rows.index[orig]
	if !ok {
		return wire.Flow{}, false
	}
	return m.rows.list[i].flow, true
}

// Each calls fn for every flow until it returns false. Events wait meanwhile:
// fn must be quick and must not call the mirror. The flow is the mirror's own,
// not to be changed or kept.
func (m *Mirror) Each(fn func(*wire.Flow) bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for i := range m.rows.list {
		if r := &m.rows.list[i]; r.used && !fn(&r.flow) {
			return
		}
	}
}

// Stats tells how the mirror is doing.
func (m *Mirror) Stats() Stats {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := m.stats
	s.Flows = len(m.rows.index)
	if m.ear != nil {
		s.Events = m.ear.Stats()
	}
	return s
}
