package ct

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/task"
	"github.com/ctsh/ctsh/lua/value"
)

// event is an event as a script holds it: a flow, and what happened to it.
type event struct {
	flow
	kind   conntrack.EventKind
	portID uint32
	nsid   int32
	own    bool // made by this process
	lost   bool // events before this one are missing
	at     float64
}

var eventType = func() *registry.Type[*event] {
	t := registry.NewType[*event]("event", "something that happened to a flow: its type, and every field of the flow that came with it. Updates carry only what changed").
		Example(`ct> seen = nil
ct> sub = on("new", function(ev) seen = ev end)
ct> r = ct.create{proto = "udp", src = "10.0.0.9", sport = 1, dst = "192.0.2.1", dport = 53, timeout = 60}:apply()
ct> while not seen do sleep("1ms") end
ct> seen.type, seen.src, seen.dport, seen.own
new
10.0.0.9
53
true
ct> sub:stop()`)
	for _, f := range field.Flow.Fields() {
		t.Field(fieldText(f), fieldDoc(f), func(L *lua.LState, ev *event) lua.LValue { return fieldOf(L, f, ev.r) })
	}
	return t.
		Field("type: text", "new, update or destroy", func(_ *lua.LState, ev *event) lua.LValue { return lua.LString(ev.kind.String()) }).
		Field("time: number", "when the kernel made it, seconds since 1970; when it was read, where the kernel did not say", func(_ *lua.LState, ev *event) lua.LValue { return lua.LNumber(ev.at) }).
		Field("portid: int", "the netlink port that caused it, 0 for a packet or a timeout", func(_ *lua.LState, ev *event) lua.LValue { return lua.LNumber(ev.portID) }).
		Field("own: bool", "made by this process, such as by a plan that it applied", func(_ *lua.LState, ev *event) lua.LValue { return lua.LBool(ev.own) }).
		Field("nsid: int", "id of the namespace it happened in, -1 for this one", func(_ *lua.LState, ev *event) lua.LValue { return lua.LNumber(ev.nsid) }).
		Field("lost: bool", "events before this one are missing", func(_ *lua.LState, ev *event) lua.LValue { return lua.LBool(ev.lost) }).
		Field("flow: flow", "the flow it happened to", func(L *lua.LState, ev *event) lua.LValue {
			return flowType.New(L, &ev.flow)
		}).
		Text(func(ev *event) string { return ev.kind.String() + " " + textOf(ev.entry()) })
}()

// stream is a selection of events that nobody listens to yet.
type stream struct {
	h      *Host
	opt    conntrack.EventOptions
	filter filter.Filter
}

var streamType = registry.NewType[*stream]("events", "events that nobody listens to yet").
	Example(`ct> events("destroy")
events of ..., all`)

func init() {
	streamType.
		Method("where(filter: string | table | ct.all, ...: any) -> events", "narrows to the events whose flow matches; what follows are the parameters of the filter", func(s *stream, c *registry.Call) int {
			given, _ := filterFrom(c, 1, env)
			f, err := s.filter.And(given)
			c.Raise(fail(err))
			return c.Return(streamType.New(c.L, &stream{s.h, s.opt, f}))
		}).
		Example(`ct> events("new"):where("tcp and dport in {22, 80}")
events of ..., tcp and dport in {22, 80}`).
		Method("each(fn: function) -> subscription", "listens: calls a function with every event, one after the other, until it is stopped", func(s *stream, c *registry.Call) int {
			return s.listen(c, c.Func(1))
		}).
		Example(`ct> sub = events("destroy"):each(print)
ct> sub:stop()`).
		Text(func(s *stream) string { return fmt.Sprintf("events of %s, %s", s.h.name(), s.filter) })
}

// name is that of the namespace of h, as it was given.
func (h *Host) name() string {
	if h.opt.NS != nil {
		return h.opt.NS.String()
	}
	return cmp.Or(h.opt.Namespace, unnamed)
}

// unnamed is what the namespace of the process is called where no name was given.
const unnamed = "this namespace"

// kindsFrom reads the names of kinds from argument first up to last.
func kindsFrom(c *registry.Call, first, last int) (kinds []conntrack.EventKind) {
	for i := first; i <= last; i++ {
		name := lua.LVAsString(c.Get(i))
		k, ok := conntrack.ParseEventKind(name)
		if !ok || k >= conntrack.EventExpNew {
			c.Unknown("event", name, conntrack.EventKinds()[:conntrack.EventExpNew])
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// events is events(type...): nothing given is new, update and destroy.
func (h *Host) events(c *registry.Call) int {
	opt := conntrack.EventOptions{Kinds: kindsFrom(c, 1, c.Len())}
	return c.Return(streamType.New(c.L, &stream{h: h, opt: opt}))
}

// on is on(type, [filter,] function).
func (h *Host) on(c *registry.Call) int {
	fn := c.Func(c.Len())
	if fn == nil {
		c.Bad("fn", "want a function")
	}
	if c.Text(1) == "loss" {
		h.run.lossFns = append(h.run.lossFns, fn)
		return 0
	}
	s := &stream{h: h, opt: conntrack.EventOptions{Kinds: kindsFrom(c, 1, 1)}}
	if c.Len() == 3 {
		if c.Func(2) != nil {
			c.Bad("filter", "want a filter between the type and the function, got another function")
		}
		s.filter, _ = filterFrom(c, 2, env)
	}
	return s.listen(c, fn)
}

// subscription is a stream that is listened to.
type subscription struct {
	l       *conntrack.Listener
	cancel  context.CancelFunc
	matched int
}

var subscriptionType = registry.NewType[*subscription]("subscription", "events that are being listened to").
	Example(`ct> sub = on("new", print)
ct> sub.stats.lost
0
ct> sub:stop()`).
	Method("stop()", "ends it", func(s *subscription, _ *registry.Call) int {
		s.cancel()
		return 0
	}).
	Example(`ct> on("new", print):stop()`).
	Field("stats: table", "counts so far: {seen, matched, lost, overruns, bad}", func(L *lua.LState, s *subscription) lua.LValue {
		st := s.l.Stats()
		return value.ToLua(L, map[string]any{"seen": int(st.Received), "matched": s.matched,
			"lost": int(st.Lost), "overruns": int(st.Overruns), "bad": int(st.Bad)})
	})

// listen opens the socket, so that every event after it is seen, and starts a
// task that calls fn, one event after the other. The kernel's buffer is the
// queue; what does not fit is counted as lost.
func (s *stream) listen(c *registry.Call, fn *lua.LFunction) int {
	h := s.h
	c.Raise(h.vm.Room())
	ctx, cancel := context.WithCancel(h.vm.Tasks.Context())
	opt := s.opt
	opt.Filter = s.filter.Events()
	l, err := h.kernel.Listen(ctx, opt)
	if err != nil {
		cancel()
		c.Raise(fail(err))
	}
	sub := &subscription{l: l, cancel: cancel}
	call := h.vm.Tasks.Handler("events")
	h.vm.Tasks.Go("events", func(context.Context) error {
		defer cancel()
		defer l.Close()
		lost := false
		var world *field.World
		err := l.Run(ctx, func(ev *conntrack.Event) error {
			if ev.Kind == conntrack.EventLoss {
				lost = true
				return call(func() error { return h.loss(ev.Lost) })
			}
			row := &field.Row{}
			row.Reset(ev.View)
			row.Detach(field.PartAll)
			e := row.Need(field.PartAll)
			e.Present |= wire.HasMark // an event says the mark unless it is 0
			world = h.at(world, ev.Received)
			row.In(world)
			if s.filter.Match(row) != filter.True {
				return nil
			}
			own := ev.NSID < 0 && h.kernel.Owns(ev.PortID)
			out := &event{flow{h, row, field.Flow}, ev.Kind, ev.PortID, ev.NSID, own, lost, float64(ev.Received.UnixNano()) / 1e9}
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
	return c.Return(subscriptionType.New(c.L, sub))
}

// worldLasts is how long the timeouts and addresses of this machine are taken
// to stay as they are while events come.
const worldLasts = time.Second

// at is the world at the time of an event: the last one, with another time,
// unless it is old.
func (h *Host) at(last *field.World, now time.Time) *field.World {
	ns := uint64(now.UnixNano())
	if last == nil || ns-last.Now > uint64(worldLasts) {
		return h.look()
	}
	return last
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
