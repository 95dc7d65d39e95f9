package probe

import (
	"context"
	"errors"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// hear listens, makes one flow and returns what was said of the event of it.
func (l *lab) hear(opt conntrack.EventOptions, look func(conntrack.EventSocketInfo, *conntrack.Event) Verdict) Verdict {
	ear, err := l.kernel.Listen(l.ctx, opt)
	if err != nil {
		return failed(err)
	}
	defer ear.Close()
	if err := l.create(tcp4(1, 80)); err != nil {
		return failed(err)
	}
	verdict := Verdict{Absent, "no event came"}
	err = ear.Run(l.ctx, func(e *conntrack.Event) error {
		verdict = look(ear.Info(), e)
		return conntrack.ErrStop
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return failed(err)
	}
	return verdict
}

// events checks that a flow is announced when it is made.
func events(l *lab) Verdict {
	return l.hear(conntrack.EventOptions{}, func(_ conntrack.EventSocketInfo, e *conntrack.Event) Verdict {
		if e.Kind != conntrack.EventNew {
			return Verdict{Broken, "a new flow is announced as " + e.Kind.String()}
		}
		return Verdict{State: OK}
	})
}

// eventTime checks that events carry the time at which they happened.
func eventTime(l *lab) Verdict {
	if _, err := l.sysctl.SetInt("timestamp", 1); err != nil {
		return failed(err)
	}
	return l.hear(conntrack.EventOptions{}, func(_ conntrack.EventSocketInfo, e *conntrack.Event) Verdict {
		var entry wire.Entry
		e.View.Entry(&entry)
		if entry.Present&wire.HasEventTime == 0 {
			return Verdict{Absent, "events carry no time of their own"}
		}
		return Verdict{OK, "where nf_conntrack_timestamp is 1"}
	})
}

// socketFilter checks that a filter program can be attached to an event
// socket, and lets through what it should.
func socketFilter(l *lab) Verdict {
	port := uint16(80)
	opt := conntrack.EventOptions{Filter: conntrack.EventFilter{DstPort: &port}}
	return l.hear(opt, func(info conntrack.EventSocketInfo, _ *conntrack.Event) Verdict {
		if !info.BPF {
			return Verdict{Absent, info.Hint}
		}
		return Verdict{State: OK}
	})
}

// bigBuffer checks that a receive buffer beyond rmem_max can be had.
func bigBuffer(l *lab) Verdict {
	const want = 64 << 20
	return l.hear(conntrack.EventOptions{RcvBuf: want}, func(info conntrack.EventSocketInfo, _ *conntrack.Event) Verdict {
		if info.RcvBuf < want {
			return Verdict{Absent, info.Hint}
		}
		return Verdict{State: OK}
	})
}

// reliable checks that destroy events can be held back until they fit.
func reliable(l *lab) Verdict {
	return l.hear(conntrack.EventOptions{Reliable: true}, func(conntrack.EventSocketInfo, *conntrack.Event) Verdict {
		return Verdict{OK, "for destroy events only; a stalled listener can fill the table"}
	})
}

// allNamespaces checks that a socket may ask for the events of the namespaces
// that have an id in its own.
func allNamespaces(l *lab) Verdict {
	return l.hear(conntrack.EventOptions{AllNSID: true}, func(conntrack.EventSocketInfo, *conntrack.Event) Verdict {
		return Verdict{OK, "of the namespaces that have an id here (ip netns set NAME ID)"}
	})
}
