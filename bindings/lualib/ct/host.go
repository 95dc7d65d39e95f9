package ct

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/group"
	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/engine/world"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// Options say what a script may do and where its output goes.
type Options struct {
	NS        *netns.NS // nil is the namespace of the process
	Namespace string    // the name under which the process entered that, "" for none
	Stdout    io.Writer
	Stderr    io.Writer
	JSON      bool       // print writes JSON lines
	DryRun    bool       // apply finds and counts, and changes nothing
	ReadOnly  bool       // apply is refused below Lua
	NoGuard   bool       // plans may touch the flows of the own session
	NoFiles   bool       // files are neither read nor written, and export writes to standard output
	Journal   string     // the directory where changes are taken down, "" for none
	Command   string     // what the journal says of who asked for them
	Width     func() int // of the terminal that tables fit, nil or 0 for none
	Human     bool       // standard output is read by people: amounts with units, watch in one place
	Color     bool
	Progress  bool // standard error is a terminal: what takes long is told there
}

// Host is what one script does in one network namespace.
type Host struct {
	opt    Options
	vm     *vm.VM
	kernel conntrack.Kernel
	sysctl *sysctl.Table
	world  *world.Source
	space  *query.Space
	run    *tally
}

// tally is what is remembered over a run, of all namespaces together.
type tally struct {
	failed  int   // changes that the kernel refused
	refused error // the first of them
	open    []io.Closer
	store   *journal.Store // where changes are taken down, nil where they are not
	lossFns []*lua.LFunction
	// protected select what no plan of the run may touch.
	protected []filter.Filter
	own       own
	breaker   *plan.Breaker          // bounds what is changed over time, nil for no bound
	plans     []*planned             // some of those that were made and not yet looked at or applied
	reverts   map[string]plan.Revert // of other modules
	said      map[string]bool        // notes on standard error
	hosts     map[string]*Host       // by the name of their namespace
}

// Open adds the globals to v. The turn of v must be held.
func Open(v *vm.VM, opt Options) *Host {
	run := &tally{reverts: map[string]plan.Revert{}, said: map[string]bool{}, hosts: map[string]*Host{}}
	if opt.Journal != "" {
		run.store = journal.Open(opt.Journal)
		run.open = append(run.open, run.store)
	}
	h := newHost(v, opt, "", run)
	ct := h.api(v.L)
	for _, d := range prelude.Members {
		v.Set(d.Path, ct.RawGetString(d.Path))
	}
	v.Set("ct", ct)
	return h
}

func newHost(v *vm.VM, opt Options, name string, run *tally) *Host {
	h := &Host{opt: opt, vm: v, run: run, sysctl: sysctl.Open(opt.NS)}
	client := conntrack.Open(opt.NS)
	run.open = append(run.open, client)
	h.kernel = client
	if opt.ReadOnly {
		h.kernel = conntrack.ReadOnly(client)
	}
	h.world = world.Of(opt.NS, h.kernel, time.Now)
	h.space = &query.Space{Name: name, Kernel: h.kernel, Able: h.ability, Look: h.look}
	run.hosts[name] = h
	return h
}

// look is what flows are seen against that are read from now on.
func (h *Host) look() *field.World {
	w := h.world.Look()
	w.Netns = h.space.Name
	return w
}

// of is the host of the namespace that a row is from.
func (h *Host) of(r *field.Row) *Host {
	if w := r.World(); w != nil && w.Netns != h.space.Name {
		if other := h.run.hosts[w.Netns]; other != nil {
			return other
		}
	}
	return h
}

// hosting is the host of a namespace.
func (h *Host) hosting(s *query.Space) *Host {
	if other := h.run.hosts[s.Name]; other != nil {
		return other
	}
	return h
}

// Failed is how many changes the kernel refused in this run: the exit code of
// a run with any is that of a partial failure.
func (h *Host) Failed() int { return h.run.failed }

// Refused is the first of these refusals, nil where it is not known.
func (h *Host) Refused() error { return h.run.refused }

// Close ends what the script left open.
func (h *Host) Close() error {
	var errs []error
	for _, c := range h.run.open {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// prelude are the values that stand both in ct and as globals.
var prelude = registry.NewModule[*Host]("", "").
	Value("flows: query", "the flows of the table, all of them until where narrows them", func(L *lua.LState, h *Host) lua.LValue {
		return queryType.New(L, &selection{h: h, q: query.New(&query.Flows{Spaces: []*query.Space{h.space}})})
	}).
	Value("expects: query", "the expectations", func(L *lua.LState, h *Host) lua.LValue {
		return queryType.New(L, &selection{h: h, q: query.New(h.expects())})
	}).
	Value("stats: query", "counters of every processor. A counter that this kernel lacks is nil, not 0", func(L *lua.LState, h *Host) lua.LValue {
		return queryType.New(L, &selection{h: h, q: query.New(h.counters())})
	}).
	Value("sys: table", "the sysctls of connection tracking", func(L *lua.LState, h *Host) lua.LValue { return sysModule.Table(L, h) }).
	Func("events(...: string) -> events", "a stream of what happens from now on: new, update and destroy, or those named", (*Host).events).
	Example(`ct> events("new", "destroy")
events of ..., all`).
	Func("on(type: string, filter: string | table | ct.all | function, fn?: function) -> subscription | nil",
		`calls a function for every event of a type: new, update or destroy. A filter in between selects some. `+
			`on("loss", fn) tells how many events were lost: fn gets {where, n}`, (*Host).on).
	Example(`ct> sub = on("new", "tcp and dport == 22", function(ev) print(ev.src) end)
ct> sub
subscription
ct> sub:stop()`)

// ctModule are the functions of ct alone.
var ctModule = registry.NewModule[*Host]("ct", "connection tracking: single flows, changes that need no filter, and what the kernel can do").
	Example(`ct> ct.usage().count
3`)

// ns makes another ct, so the functions are added after it is there.
func init() {
	ctModule.
		Func("get(tuple: {"+tupleFields+"}) -> flow | nil", "reads one flow by its original tuple, at the cost of one message; nil if it is not there", (*Host).get).
		Example(`ct> ct.get{proto = "udp", src = "10.0.0.1", sport = 4001, dst = "192.0.2.53", dport = 53}
udp 10.0.0.1:4001 > 192.0.2.53:53 unreplied mark=1 timeout=...`).
		Func("create(flow: {"+tupleFields+", "+createFields+"}) -> plan",
			"plans to make a flow. The reply tuple is the inverse of the original one unless nat_src, nat_dst or rsrc and rdst are given", (*Host).create).
		Example(`ct> tostring(ct.create{proto = "udp", src = "10.0.0.9", sport = 4000, dst = "192.0.2.1", dport = 53, timeout = "5m"})
plan: create udp 10.0.0.9:4000 > 192.0.2.1:53`).
		Func("flush(options?: {yes?: bool}) -> plan", "plans to delete every flow but the protected ones; yes must be said. apply{fast = true} leaves it to the kernel, where nothing is protected", (*Host).flush).
		Example(`ct> tostring(ct.flush{yes = true})
plan: delete flows`).
		Func("expect(expectation: {master: flow, proto: string | int 0..255, src?: address, sport?: int 0..65535, dst?: address, "+
			"dport?: int 0..65535, class?: int 0..255, permanent?: bool, inactive?: bool, fn?: string}) -> plan",
			"plans to expect a flow. The master is a flow that has a helper from birth; addresses and ports that are left out match any", (*Host).expect).
		Example(`ct> m = flows:where{helper = "ftp"}:first()
ct> tostring(ct.expect{master = m, proto = "tcp", dst = "10.0.0.5", dport = 2021})
plan: expect tcp ...`).
		Func("usage() -> table", "how full the table is: {count, max, ratio, buckets}", (*Host).usage).
		Example(`ct> ct.usage().ratio < 1
true`).
		Func("ns(name: string) -> table", "the same functions and values inside another network namespace, by name or path", (*Host).ns).
		Example(`ct> #ct.ns("/proc/self/ns/net").flows >= 0
true`).
		Func("probe(feature?: string) -> table", "what the kernel was seen to do: {name, state, detail, since} of one feature, or of all by their id", (*Host).probe).
		Example(`ct> ct.probe("filter-mark").state
ok`).
		Func("protect(filter: string | table | ct.all, ...: any)", "keeps every plan of this run away from the flows that match, and from those that lack what the filter asks for. Your own session is protected anyway", func(h *Host, c *registry.Call) int { return h.protect(c) }).
		Example(`ct> ct.protect("dport == 53")
ct> flows:where("udp"):delete():apply()
delete: 2 matched, 1 applied, 1 protected in ...`).
		Func("breaker(max: int 1..2147483647, per: duration 1..86400)", "bounds how much is changed over time, but for what the script takes back of its own: an apply that would bring the changes of the last period over max is refused, and so are all others until none was asked for a whole period. "+
			"Once the main part of a script has ended it is 10000 a minute unless this says otherwise", func(h *Host, c *registry.Call) int {
			h.run.breaker = &plan.Breaker{Max: c.Int(1), Per: time.Duration(c.Number(2) * float64(time.Second))}
			return 0
		}).
		Example(`ct> ct.breaker(1, "1m")
ct> r = flows:where("tcp"):delete():apply()
ct> r = flows:where("udp"):delete():apply()
prompt:1: 1 changes in the last 1m0s and 2 more would be over 1: the breaker is open until nothing is asked for 1m0s; nothing was changed`).
		Value("timeouts: table", "the timeout policies", func(L *lua.LState, h *Host) lua.LValue { return timeoutsModule.Table(L, h) }).
		Value("me: query", "the flows by which you reach this machine: found through the sockets of this process, its parents and what they hang on; where that leads nowhere, those of SSH_CONNECTION and of all logins", func(L *lua.LState, h *Host) lua.LValue { return h.me(L) }).
		Value("all: ct.all", "the filter that selects everything, said out loud", func(L *lua.LState, _ *Host) lua.LValue { return allType.New(L, all{}) })
}

// api is what ct holds.
func (h *Host) api(L *lua.LState) *lua.LTable {
	t := prelude.Table(L, h)
	ctModule.Open(L, h, t.RawSetString)
	return t
}

// all is ct.all, the filter that selects everything.
type all struct{}

var allType = registry.NewType[all]("ct.all", "the filter that selects everything, for where it must be said: flows:where(ct.all)").
	Example(`ct> flows:where(ct.all):count()
3`)

// ns is ct.ns(name).
func (h *Host) ns(c *registry.Call) int {
	return c.Return(h.other(c, c.Text(1)).api(c.L))
}

// other is what is done in another namespace. It is opened once.
func (h *Host) other(c *registry.Call, name string) *Host {
	if other := h.run.hosts[name]; other != nil {
		return other
	}
	ns, err := netns.Open(name)
	c.Raise(fail(err))
	opt := h.opt
	opt.NS = ns
	other := newHost(h.vm, opt, name, h.run)
	h.run.open = append(h.run.open, ns)
	return other
}

// do runs fn without the turn of the script, so that other tasks go on.
func (h *Host) do(fn func(context.Context)) {
	ctx := h.vm.Context()
	h.vm.Tasks.Block(func() { fn(ctx) })
}

// fail gives an error of the engine or the kernel the code that scripts see.
func fail(err error) error {
	if err == nil {
		return nil
	}
	var (
		code      luaerr.Code
		bad       *filter.Error
		wrong     *wire.FieldError
		guard     *plan.GuardError
		share     *plan.ShareError
		room      *plan.RoomError
		tripped   *plan.BreakerError
		slow      *plan.FastError
		keep      *plan.KeepError
		support   *conntrack.NotSupportedError
		part      *conntrack.IncompleteError
		noKey     *sysctl.UnknownKeyError
		badValue  *sysctl.ValueError
		absent    *sysctl.AbsentError
		noNS      *netns.NotFoundError
		badNSName *netns.NameError
		verb      *query.Error
		grouping  *group.Error
	)
	switch {
	case errors.As(err, &bad) && bad.Text != "":
		e := luaerr.New(luaerr.EPARSE, "", "filter: %s, at byte %d of %q", bad.Msg, bad.Pos+1, bad.Text)
		return e.WithHint(bad.Hint)
	case errors.As(err, &verb):
		return luaerr.New(luaerr.ETYPE, "", "query:%s: %s", strings.TrimPrefix(verb.Verb, "query:"), verb.Msg).WithHint(verb.Hint)
	case errors.As(err, &grouping):
		return luaerr.New(luaerr.ETYPE, "", "%s", grouping.Msg).WithHint(grouping.Hint)
	case errors.As(err, &keep), errors.As(err, &bad), errors.As(err, &wrong), errors.As(err, &badValue), errors.As(err, &badNSName), errors.As(err, &noNS):
		code = luaerr.ETYPE
	case errors.As(err, &noKey):
		code = luaerr.EFIELD
	case errors.As(err, &guard) && guard.Done == 0, errors.As(err, &share), errors.As(err, &room), errors.As(err, &tripped):
		code = luaerr.EGUARD
	case errors.As(err, &slow):
		code = luaerr.ENOTSUP
	case errors.As(err, &support), errors.As(err, &absent):
		code = luaerr.ENOTSUP
	case errors.As(err, &part), errors.As(err, &guard) && guard.Done > 0:
		code = luaerr.EPARTIAL
	case errors.Is(err, conntrack.ErrReadOnly):
		code = luaerr.EGUARD
	default:
		file, ok := isFile(err)
		if !ok {
			return err
		}
		code = file
	}
	return luaerr.New(code, "", "%w", err)
}
