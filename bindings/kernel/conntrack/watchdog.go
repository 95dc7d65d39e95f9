package conntrack

import (
	"context"
	"errors"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// goneError says that the namespace of a listener was deleted.
type goneError struct{ err error }

func (e *goneError) Error() string { return "listen to events: " + e.err.Error() }

// Is makes it an ErrNamespaceGone.
func (e *goneError) Is(target error) bool { return target == ErrNamespaceGone }

func (e *goneError) Unwrap() error { return e.err }

// namespaceWatcher is a Transport that can notice that its namespace was
// deleted. The kernel does not say so: a socket keeps its namespace alive and
// waits for ever.
type namespaceWatcher interface {
	// Watch delivers one error when the namespace is gone, and is closed
	// after that or when ctx ends. A nil channel says that this cannot be
	// seen.
	Watch(ctx context.Context) <-chan error
}

// watchNamespace ends Run when the namespace is deleted.
func (l *Listener) watchNamespace(ctx context.Context, wake func()) {
	if l.client == nil {
		return
	}
	w, ok := l.client.transport.(namespaceWatcher)
	if !ok {
		return
	}
	gone := w.Watch(ctx)
	if gone == nil {
		return
	}
	go func() {
		if err := <-gone; err != nil && ctx.Err() == nil {
			l.gone.Store(&goneError{err})
			wake()
		}
	}()
}

// unreliableSocket is an EventSocket that can leave reliable mode.
type unreliableSocket interface {
	LeaveReliable() error
}

// pinnedShare is the part of the table's limit, one in so many, that dead
// entries may take before reliable mode is left.
const pinnedShare = 20

// watchdog leaves reliable mode when the entries that wait for their destroy
// event to be delivered take too much of the table. It has a goroutine of its
// own, because it matters when the handler stands still.
func (l *Listener) watchdog(ctx context.Context) {
	sock, ok := l.sock.(unreliableSocket)
	if !ok || l.client == nil {
		return
	}
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if l.pinned(ctx) && sock.LeaveReliable() == nil {
			l.unreliable.Store(true)
			return
		}
	}
}

// pinned tells whether too many dead entries are kept. It first looks at the
// number of all entries, which costs nothing.
func (l *Listener) pinned(ctx context.Context) bool {
	t, err := l.client.Count(ctx)
	if err != nil || !t.HasMax || t.Max == 0 {
		return false
	}
	limit := int(t.Max / pinnedShare)
	if int(t.Entries) <= limit {
		return false
	}
	n := 0
	_, err = l.client.Dump(ctx, &wire.Dump{Table: wire.TableDying}, DumpOptions{}, func(*wire.View) error {
		if n++; n > limit {
			return ErrStop
		}
		return nil
	})
	var incomplete *IncompleteError
	return n > limit && (err == nil || errors.As(err, &incomplete))
}
