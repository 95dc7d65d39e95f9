package ct

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
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
// this machine: by the reply, which has the addresses of the socket also behind a
// translation, or by the original direction of a connection that went out from
// here. There are none at a local console.
func ownSession() (list []filter.Filter, err error) {
	s, err := session.Own()
	if err != nil {
		return nil, undecided("%w", err)
	}
	if s.Partial {
		return nil, undecided("the processes and connections of this machine are too many to look through, or closed to us")
	}
	for _, text := range sessionFilters(s.Connections) {
		f, err := filter.Compile(text, nil, env)
		if err != nil {
			return nil, undecided("%w", err)
		}
		list = append(list, f)
	}
	return list, nil
}

// endsPerFilter is how many connections one filter takes: as long as a filter
// may get, with room to spare.
const endsPerFilter = 200

// sessionFilters are the filters that select connections, one for those with
// the same end on this machine: most flows differ from that end, and are passed
// by at the first word.
func sessionFilters(all []session.Connection) (texts []string) {
	remotes := make(map[netip.AddrPort][]netip.AddrPort)
	var locals []netip.AddrPort
	for _, c := range all {
		if len(remotes[c.Local]) == 0 {
			locals = append(locals, c.Local)
		}
		remotes[c.Local] = append(remotes[c.Local], c.Remote)
	}
	for _, local := range locals {
		for some := range slices.Chunk(remotes[local], endsPerFilter) {
			reply, orig := make([]string, len(some)), make([]string, len(some))
			for i, remote := range some {
				reply[i] = fmt.Sprintf("rdport == %d and rdst == %s", remote.Port(), remote.Addr())
				orig[i] = fmt.Sprintf("dport == %d and dst == %s", remote.Port(), remote.Addr())
			}
			texts = append(texts, fmt.Sprintf("tcp and (rsport == %[1]d and rsrc == %[2]s and (%[3]s) or sport == %[1]d and src == %[2]s and (%[4]s))",
				local.Port(), local.Addr(), strings.Join(reply, " or "), strings.Join(orig, " or ")))
		}
	}
	return texts
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
func (h *Host) protection(p *plan.Plan, space *query.Space) (guard plan.Protection, err error) {
	guard.World = h.hosting(space).look()
	if !p.Touches() {
		return guard, nil
	}
	guard.Filters = h.run.protected
	if h.opt.NoGuard {
		return guard, nil
	}
	mine := &h.run.own
	if mine.at.IsZero() || time.Since(mine.at) > sessionLasts {
		if mine.filters, err = ownSession(); err != nil {
			return guard, fail(err)
		}
		mine.at = time.Now()
	}
	guard.Filters = append(guard.Filters[:len(guard.Filters):len(guard.Filters)], mine.filters...)
	return guard, nil
}
