package ct

import (
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/lua/registry"
)

// The verbs that plan a change.
func init() {
	queryType.
		Method("delete() -> plan", "plans to delete the flows", func(s *selection, c *registry.Call) int {
			space := s.mustSelect(c)
			return s.h.planIn(c, space, plan.Delete(s.q), nil)
		}).
		Raises("ETYPE without a filter, for rows that are no flows, and for the flows of several namespaces").
		Example(`ct> flows:where{proto = "udp"}:delete()
plan: delete flows:where("proto == udp")`).
		Method("update("+changeFields+") -> plan", "plans to change the flows", func(s *selection, c *registry.Call) int {
			space := s.mustSelect(c)
			p, err := plan.Update(s.q, changeFrom(c))
			return s.h.planIn(c, space, p, err)
		}).
		Raises("ETYPE without a filter, for no change, for rows that are no flows, and for the flows of several namespaces").
		Example(`ct> flows:where{proto = "udp"}:update{mark = "0x10/0xff", timeout = "5m"}
plan: update mark=0x10/0xff timeout=300s flows:where("proto == udp")`)
}
