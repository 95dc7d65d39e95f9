package ct

import (
	"context"
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/task"
	"github.com/ctsh/ctsh/lua/value"
)

// event is an event as a script holds it: a flow, and what happened to it.
type event struct {
	flow
	kind   conntrack.EventKind
	portID uint32
	nsid   int32
	lost   bool // events before this one are missing
	at     float64
}

var eventType = func() *value.Type[*event] {
	t := value.NewType[*event]("event")
	for _, f := range query.Fields() {
		t.Field(f.Name, func(L *lua.LState, ev *event) lua.LValue { return fieldOf(L, &f, ev.e) })
	}
	return t.
		Field("type", func(_ *lua.LState, ev *event) lua.LValue { return lua.LString(ev.kind.String()) }).
		Field("time", func(_ *lua.LState, ev *event) lua.LValue { return lua.LNumber(ev.at) }).
		Field("portid", func(_ *lua.LState, ev *event) lua.LValue { return lua.LNumber(ev.portID) }).
		Field("nsid", func(_ *lua.LState, ev *event) lua.LValue { return lua.LNumber(ev.nsid) }).
		Field("lost", func(_ *lua.LState, ev *event) lua.LValue { return lua.LBool(ev.lost) }).
		Field("flow", func(L *lua.LState, ev *event) lua.LValue {
			return flowType.New(L, &flow{ev.h, ev.e})
		}).
		Text(func(ev *event) string { return ev.kind.String() + " " + textOf(ev.e) })
}()

// stream is a selection of events that nobody listens to yet.
type stream struct {
	h      *Host
	opt    conntrack.EventOptions
	filter query.Filter
}

var streamType = value.NewType[*stream]("events")

func init() {
	streamType.
		Method("where", func(a *value.Args, s *stream) int {
			a.AtMost(1)
			f, err := s.filter.And(filterFrom(a, 1))
			a.Raise(fail(err))
			return a.Return(streamType.New(a.L, &stream{s.h, s.opt, f}))
		}).
		Method("each", func(a *value.Args, s *stream) int {
			a.AtMost(1)
			return s.listen(a, a.Func(1, "function"))
		}).
		Text(func(s *stream) string { return fmt.Sprintf("events of %s, %s", s.h.name(), s.filter) })
}

func (h *Host) name() string {
	if h.opt.NS != nil {
		return h.opt.NS.String()
	}
	return "this namespace"
}

// kindsFrom reads the names of kinds from argument first up to last.
func kindsFrom(a *value.Args, first, last int) (kinds []conntrack.EventKind) {
	for i := first; i <= last; i++ {
		name := a.String(i, "type")
		k, ok := conntrack.ParseEventKind(name)
		if !ok || k >= conntrack.EventExpNew {
			names := conntrack.EventKinds()[:conntrack.EventExpNew]
			e := luaerr.New(luaerr.ETYPE, a.Op, "unknown event %q", name)
			luaerr.Raise(a.L, e.WithHint(luaerr.DidYouMean(name, names)))
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// events is events(type...): nothing given is new, update and destroy.
func (h *Host) events(a *value.Args) int {
	opt := conntrack.EventOptions{Kinds: kindsFrom(a, 1, a.Len())}
	return a.Return(streamType.New(a.L, &stream{h: h, opt: opt}))
}

// on is on(type, [filter,] function).
func (h *Host) on(a *value.Args) int {
	a.AtMost(3)
	fn := a.Func(a.Len(), "function")
	if a.String(1, "type") == "loss" {
		h.run.lossFns = append(h.run.lossFns, fn)
		return 0
	}
	s := &stream{h: h, opt: conntrack.EventOptions{Kinds: kindsFrom(a, 1, 1)}}
	if a.Len() == 3 {
		s.filter = filterFrom(a, 2)
	}
	return s.listen(a, fn)
}

// subscription is a stream that is listened to.
type subscription struct {
	l       *conntrack.Listener
	cancel  context.CancelFunc
	matched int
}

var subscriptionType = value.NewType[*subscription]("subscription").
	Method("stop", func(a *value.Args, s *subscription) int {
		a.AtMost(0)
		s.cancel()
		return 0
	}).
	Field("stats", func(L *lua.LState, s *subscription) lua.LValue {
		st := s.l.Stats()
		return value.ToLua(L, map[string]any{"seen": int(st.Received), "matched": s.matched,
			"lost": int(st.Lost), "overruns": int(st.Overruns), "bad": int(st.Bad)})
	})

// listen opens the socket, so that every event after it is seen, and starts a
// task that calls fn, one event after the other. The kernel's buffer is the
// queue; what does not fit is counted as lost.
func (s *stream) listen(a *value.Args, fn *lua.LFunction) int {
	h := s.h
	ctx, cancel := context.WithCancel(h.vm.Tasks.Context())
	l, err := h.kernel.Listen(ctx, s.opt)
	if err != nil {
		cancel()
		a.Raise(fail(err))
	}
	sub := &subscription{l: l, cancel: cancel}
	call := h.vm.Tasks.Handler("events")
	h.vm.Tasks.Go("events", func(context.Context) error {
		defer cancel()
		defer l.Close()
		lost := false
		err := l.Run(ctx, func(ev *conntrack.Event) error {
			if ev.Kind == conntrack.EventLoss {
				lost = true
				return call(func() error { return h.loss(ev.Lost) })
			}
			e := &wire.Entry{}
			ev.View.Entry(e)
			if !s.filter.Match(e) {
				return nil
			}
			out := &event{flow{h, e}, ev.Kind, ev.PortID, ev.NSID, lost, float64(ev.Received.UnixNano()) / 1e9}
			if e.Has(wire.HasEventTime) {
				out.at = float64(e.EventAt) / 1e9
			}
			lost = false
			return call(func() error {
				sub.matched++
				_, err := h.vm.Call(h.vm.L, fn, 0, eventType.New(h.vm.L, out))
				return err
			})
		})
		if errors.Is(err, task.ErrDone) || ctx.Err() != nil {
			return nil
		}
		return fail(err)
	})
	return a.Return(subscriptionType.New(a.L, sub))
}

// loss tells the script that n events are missing, or standard error where
// the script does not care.
func (h *Host) loss(n uint64) error {
	if len(h.run.lossFns) == 0 {
		_, err := fmt.Fprintf(h.opt.Stderr, "ctsh: %d events were lost: the handler is slower than they come, or the buffer too small\n", n)
		return err
	}
	for _, fn := range h.run.lossFns {
		info := value.ToLua(h.vm.L, map[string]any{"where": "kernel", "n": int(n)})
		if _, err := h.vm.Call(h.vm.L, fn, 0, info); err != nil {
			return err
		}
	}
	return nil
}
