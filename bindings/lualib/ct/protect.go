package ct

import (
	"context"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/session"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// me is ct.me: the flows by which the user reaches this machine.
func (h *Host) me(L *lua.LState) lua.LValue {
	late := &query.Late{Name: "ct.me", Of: &query.Flows{Spaces: []*query.Space{h.space}}, Filters: func(context.Context) ([]filter.Filter, error) {
		return ownSession()
	}}
	return queryType.New(L, &selection{h: h, q: query.New(late)})
}

// ownSession selects the flows of the connections by which the user reaches
// this machine, one filter a connection: by the reply, which has the addresses
// of the socket also behind a translation, or by the original direction of a
// connection that went out from here. There are none at a local console.
func ownSession() (list []filter.Filter, err error) {
	s, err := session.Own()
	if err != nil {
		return nil, undecided("%w", err)
	}
	if s.Partial && len(s.Connections) == 0 {
		return nil, undecided("this machine has too many sockets to look through")
	}
	for _, c := range s.Connections {
		f, err := filter.Compile(fmt.Sprintf("tcp and (rsrc == %[1]s and rsport == %[2]d and rdst == %[3]s and rdport == %[4]d or src == %[1]s and sport == %[2]d and dst == %[3]s and dport == %[4]d)",
			c.Local.Addr(), c.Local.Port(), c.Remote.Addr(), c.Remote.Port()), nil, env)
		if err != nil {
			return nil, undecided("%w", err)
		}
		list = append(list, f)
	}
	return list, nil
}

// undecided is the error of a guard that does not know what to protect.
func undecided(format string, args ...any) error {
	e := luaerr.New(luaerr.EGUARD, "", "it cannot be told which flows are your own session: "+format, args...)
	return e.WithHint("--no-guard goes on without protecting it")
}

// protect is ct.protect(filter): no plan touches what it selects from now on.
func (h *Host) protect(c *registry.Call) int {
	f, _ := filterFrom(c, 1, env)
	h.run.protected = append(h.run.protected, f)
	return 0
}

// sessionLasts is how long what was found out of the own session is taken to
// stay: scripts apply plans in loops.
const sessionLasts = 5 * time.Second

// own is the own session as the guard of plans knows it.
type own struct {
	at      time.Time
	filters []filter.Filter
}

// protection is what a plan may not touch in a namespace.
func (h *Host) protection(c *registry.Call, p *plan.Plan, space *query.Space) plan.Protection {
	if !p.Touches() {
		return plan.Protection{}
	}
	guard := plan.Protection{Filters: h.run.protected, Flows: query.New(&query.Flows{Spaces: []*query.Space{space}}),
		World: h.hosting(space).look()}
	if h.opt.NoGuard {
		return guard
	}
	mine := &h.run.own
	if mine.at.IsZero() || time.Since(mine.at) > sessionLasts {
		var err error
		mine.filters, err = ownSession()
		c.Raise(fail(err))
		mine.at = time.Now()
	}
	guard.Filters = append(guard.Filters[:len(guard.Filters):len(guard.Filters)], mine.filters...)
	return guard
}
