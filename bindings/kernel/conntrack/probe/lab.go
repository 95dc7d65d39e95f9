package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/netfilter"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// patience bounds one probe: a kernel that answers does so at once.
const patience = 10 * time.Second

// lab is a namespace for one probe.
type lab struct {
	ctx    context.Context
	cancel context.CancelFunc
	ns     *netns.NS
	kernel *conntrack.Client
	sysctl *sysctl.Table
}

func openLab() (*lab, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, err
	}
	l := &lab{ns: ns, kernel: conntrack.Open(ns), sysctl: sysctl.Open(ns)}
	l.ctx, l.cancel = context.WithTimeout(context.Background(), patience)
	return l, nil
}

func (l *lab) close() {
	l.cancel()
	_ = l.kernel.Close()
	_ = l.ns.Close()
}

// tuple is a tuple between two addresses of one family.
func tuple(proto uint8, src, dst string, sport, dport uint16) wire.Tuple {
	from, to := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	t := wire.Tuple{Src: wire.AddrFrom(from), Dst: wire.AddrFrom(to), SrcPort: sport, DstPort: dport, Proto: proto, Family: wire.FamilyIPv4}
	if from.Is6() {
		t.Family = wire.FamilyIPv6
	}
	return t
}

func tcp4(sport, dport uint16) wire.Tuple {
	return tuple(wire.ProtoTCP, "10.0.0.1", "10.0.0.2", sport, dport)
}

func tcp6(sport, dport uint16) wire.Tuple {
	return tuple(wire.ProtoTCP, "fd00::1", "fd00::2", sport, dport)
}

// create makes a flow.
func (l *lab) create(t wire.Tuple, change ...func(*wire.Create)) error {
	c := &wire.Create{}
	c.Entry.Orig = t
	c.Entry.Reply, _ = t.Invert()
	c.Entry.Timeout, c.Entry.Present = 100, wire.HasTimeout|wire.HasReply
	for _, f := range change {
		f(c)
	}
	return l.kernel.Do(l.ctx, c)
}

// ports dumps and returns the original source ports, sorted, by which the
// probes tell their flows, and whether the kernel says that it filtered.
func (l *lab) ports(req *wire.Dump) (ports []uint16, said bool, err error) {
	res, err := l.kernel.Dump(l.ctx, req, conntrack.DumpOptions{}, func(v *wire.View) error {
		var f wire.Flow
		v.Flow(&f)
		ports = append(ports, f.Orig.SrcPort)
		return nil
	})
	slices.Sort(ports)
	return ports, res.Filtered, err
}

// ask sends one message as it is, also one that package wire would refuse to
// build, and returns the answers to it.
func (l *lab) ask(h netfilter.Header, attrs ...netfilter.Attribute) ([]netlink.Message, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: l.ns.FD()})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	msg, err := netfilter.MarshalNetlink(h, attrs)
	if err != nil {
		return nil, err
	}
	return conn.Execute(msg)
}

// filtered dumps under a filter of its own making.
func (l *lab) filtered(family netfilter.ProtoFamily, attrs ...netfilter.Attribute) ([]uint16, error) {
	list, err := l.ask(netfilter.Header{SubsystemID: netfilter.NFSubsysCTNetlink, MessageType: wire.MsgGet,
		Family: family, Flags: netlink.Request | netlink.Dump}, attrs...)
	if err != nil {
		return nil, err
	}
	var ports []uint16
	for _, m := range list {
		b, err := m.MarshalBinary()
		if err != nil {
			return nil, err
		}
		var v wire.View
		if err := v.Reset(b); err != nil {
			return nil, err
		}
		var f wire.Flow
		v.Flow(&f)
		ports = append(ports, f.Orig.SrcPort)
	}
	slices.Sort(ports)
	return ports, nil
}

// failed is the verdict where something that must work did not.
func failed(err error) Verdict {
	var errno syscall.Errno
	switch {
	case errors.Is(err, os.ErrPermission):
		return Verdict{Unknown, "no permission: " + err.Error()}
	case errors.As(err, &errno) && (errno == syscall.EOPNOTSUPP || errno == syscall.EPROTONOSUPPORT):
		return Verdict{Absent, err.Error()}
	}
	return Verdict{Unknown, err.Error()}
}

// selects is the verdict on a filter that had to select the flows want of all.
func selects(err error, got, want []uint16, all int) Verdict {
	switch {
	case err != nil:
		return failed(err)
	case slices.Equal(got, want):
		return Verdict{State: OK}
	case len(got) == all:
		return Verdict{Absent, "the kernel ignores it and selects everything"}
	}
	return Verdict{Broken, fmt.Sprintf("selects the flows with ports %v instead of %v", got, want)}
}
