package ct

import (
	"context"
	"fmt"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/nft"
	"github.com/ctsh/ctsh/lua/registry"
)

// described is a preview with what its flows risk.
func (p *planned) described(view *plan.Preview) string {
	s := view.String()
	if risk := p.risk(view); risk != "" {
		s += "\n" + risk
	}
	return s
}

// warn says before an undo what it cannot promise, unless that was shown.
func (p *planned) warn(c *registry.Call) {
	if p.undoes == "" || p.seen {
		return
	}
	if view, err := p.look(c, 0); err == nil {
		if risk := p.risk(view); risk != "" {
			p.h.say(risk)
		}
	}
}

// risk says what an undo cannot promise: one that is planned, or that of a
// deletion which is.
func (p *planned) risk(view *plan.Preview) string {
	busy := view.Active + view.Unsure
	switch {
	case busy == 0 || p.undoes == "" && (view.Active == 0 || !p.p.Deletes()):
		return ""
	case p.undoes == "":
		return fmt.Sprintf("undo brings flows back, but a connection that is busy may not survive the gap%s", p.h.hosting(p.space).open())
	case view.Active == 0:
		return fmt.Sprintf("idle flows come back as they were; of %d it is not known when a packet passed last, and a connection that was busy may be reset%s",
			view.Unsure, p.h.hosting(p.space).open())
	}
	return fmt.Sprintf("idle flows come back as they were; %d moved packets in the %d s before they were deleted and may be reset%s",
		view.Active, plan.Lately, p.h.hosting(p.space).open())
}

// open says where the rules let packets through that belong to no flow: one that
// meets the gap between a deletion and its undo ends its connection then, while
// rules that drop what is ct state invalid only delay it.
func (h *Host) open() (words string) {
	client := nft.ReadOnly(h.opt.NS)
	defer client.Close()
	h.do(func(ctx context.Context) {
		for _, family := range []nft.Family{nft.IPv4, nft.IPv6} {
			before, _, err := client.DropsInvalid(ctx, nft.Prerouting, family)
			if err != nil || before == nft.Yes {
				continue
			}
			for _, hook := range []nft.Hook{nft.Forward, nft.Input} {
				if a, _, err := client.DropsInvalid(ctx, hook, family); err == nil && a != nft.Yes {
					words = fmt.Sprintf("; no rule at %s drops ct state invalid, which makes that likely", hook)
					return
				}
			}
		}
	})
	return words
}
