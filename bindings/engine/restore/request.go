package restore

import (
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Options say under which circumstances a flow is made again. The zero value is
// for one that was read this moment and returns to where it was.
type Options struct {
	// Age is how much time has passed since the flow was read; less than none
	// counts as none.
	Age time.Duration
	// Zone, where not nil, is the zone that the flow moves to, with its master.
	// Of a split zone the direction that has one moves.
	Zone *uint16
	// NoMaster leaves out the link to the master, for a flow whose master is
	// gone: the kernel refuses a flow with a master that it does not find.
	NoMaster bool
	// NoHelper leaves out the helper, for a kernel that lacks it.
	NoHelper bool
}

// liberalAge is the age from which on packets may have passed that the kernel
// did not see: both ends are then elsewhere in the window than it would assume.
const liberalAge = 200 * time.Millisecond

// Request returns the request that makes e again as it was, its timeout shortened
// by the time that has passed. It is exclusive: a flow that has come since is
// never overwritten.
//
// Errors: an [*ExpiredError] where the flow would be gone by now, and a
// [*wire.FieldError] where e has no timeout and should. What else cannot be said
// to the kernel, the request refuses when its message is made.
func Request(e *wire.Entry, opt Options) (*wire.Create, error) {
	c := &wire.Create{Entry: *e}
	if err := opt.fill(c); err != nil {
		return nil, err
	}
	return c, nil
}

// fill makes of the entry in c, which is as it was, the request.
func (o *Options) fill(c *wire.Create) error {
	e := &c.Entry
	left, err := o.timeout(e)
	if err != nil {
		return err
	}
	e.Timeout, e.Present = left, e.Present|wire.HasTimeout
	if !e.Has(wire.HasReply) {
		e.Reply, _ = e.Orig.Invert()
		e.Reply.Zone, e.Present = e.Orig.Zone, e.Present|wire.HasReply
	}
	o.move(e)
	translate(c)
	o.tcp(c)
	if o.NoMaster {
		e.Master, e.Present = wire.Tuple{}, e.Present&^wire.HasMaster
	}
	if o.leavesHelper(e) {
		e.Helper, e.Flow.Helper, e.HelpInfo = "", 0, nil
		e.Present, e.Status = e.Present&^wire.HasHelper, e.Status&^wire.StatusHelper
	} else {
		e.Helper = helperName(e)
	}
	// The kernel calls a flow adjusted once it was given an adjustment.
	if e.Has(wire.HasStatus) && e.Status&wire.StatusSeqAdjust == 0 {
		e.SeqAdj, e.Present = [2]wire.SeqAdj{}, e.Present&^wire.HasSeqAdj
	}
	if e.SynProxy == (wire.SynProxy{}) {
		e.Present &^= wire.HasSynProxy
	}
	return nil
}

// move takes both directions and the master to another zone. A master has that
// of its child: the kernel looks it up there (linux nf_conntrack_netlink.c,
// ctnetlink_create_conntrack).
func (o *Options) move(e *wire.Entry) {
	if o.Zone == nil {
		return
	}
	split := e.SplitZone()
	for _, t := range []*wire.Tuple{&e.Orig, &e.Reply} {
		if !split || t.Zone != 0 {
			t.Zone = *o.Zone
		}
	}
	if e.Has(wire.HasMaster) {
		e.Master.Zone = *o.Zone
	}
}

// tcp sets the flags of a connection. MAXACK_SET vouches for a number that the
// kernel does not tell and so does not come back. With it, and 0 for the number,
// the resets of about half of all connections count as invalid. The kernel drops
// it for the same reason from flows that it had offloaded (linux
// nf_flow_table_core.c, flow_offload_fixup_tcp), and sets it again with the next
// acknowledgement.
func (o *Options) tcp(c *wire.Create) {
	e := &c.Entry
	if e.Orig.Proto != wire.ProtoTCP {
		return
	}
	info := e.TCP()
	var set wire.TCPFlags
	if o.Age > liberalAge {
		set = wire.TCPBeLiberal
	}
	for dir := range info.Flags {
		c.TCPMask[dir] = set
		if e.Has(wire.HasTCP) {
			c.TCPMask[dir] = 0xff
		}
		info.Flags[dir] = info.Flags[dir]&^wire.TCPMaxAck | set
	}
	if e.Has(wire.HasTCP) || set != 0 {
		e.SetTCP(info)
	}
}
