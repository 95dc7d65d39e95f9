package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// World is one kernel with an empty table, for one subtest.
type World struct {
	// Transport reaches the kernel, Kernel does so through the client.
	Transport conntrack.Transport
	Kernel    conntrack.Kernel
	// Sysctl sets a key of net.netfilter without its prefix, such as
	// nf_conntrack_acct.
	Sysctl func(key, value string)
	// LabelRule adds a rule that uses labels.
	LabelRule func()
	// AttachPolicy adds a rule that uses a timeout policy for TCP, nil where
	// that cannot be done.
	AttachPolicy func(policy string)
	// Pass lets time pass.
	Pass func(d time.Duration)
	// UDP passes one datagram with a tuple through a tracking rule, and with
	// answer one back; TCP passes a whole connection, from SYN to the last
	// ACK. Both return the tuple of the first packet.
	UDP func(answer bool) wire.Tuple
	TCP func() wire.Tuple
}

// Run runs the suite. open gives each subtest a world of its own and clears it
// away when the subtest ends.
func Run(t *testing.T, open func(t *testing.T) World) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"message", messageTests}, {"create", createTests}, {"update", updateTests}, {"status", statusTests},
		{"proto", protoTests}, {"nat", natTests}, {"zone", zoneTests}, {"label", labelTests},
		{"helper", helperTests}, {"filter", filterTests}, {"flush", flushTests}, {"id", idTests},
		{"dump", dumpTests}, {"expect", expectTests}, {"send", sendTests}, {"event", eventTests},
		{"fetch", fetchTests}, {"flush that tells", echoTests},
		{"policy", policyTests}, {"packet", packetTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.tests {
				t.Run(c.name, func(t *testing.T) {
					c.run(&harness{t: t, w: open(t), ctx: t.Context()})
				})
			}
		})
	}
}

// test is one fact.
type test struct {
	name string
	run  func(h *harness)
}

// harness is what a test works with.
type harness struct {
	t   *testing.T
	w   World
	ctx context.Context
}

// addr parses an address.
func addr(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }

// flowOf is a tuple of the given protocol over the address family of src.
func flowOf(proto uint8, src, dst string, sport, dport uint16) wire.Tuple {
	t := wire.Tuple{Src: addr(src), Dst: addr(dst), SrcPort: sport, DstPort: dport, Proto: proto, Family: wire.FamilyIPv4}
	if !t.Src.Is4() {
		t.Family = wire.FamilyIPv6
	}
	return t
}

func tcp(sport, dport uint16) wire.Tuple {
	return flowOf(wire.ProtoTCP, "10.1.0.1", "10.1.0.2", sport, dport)
}

func udp(sport, dport uint16) wire.Tuple {
	return flowOf(wire.ProtoUDP, "10.1.0.1", "10.1.0.2", sport, dport)
}

// back is the reply of an untranslated flow.
func back(t wire.Tuple) wire.Tuple { inv, _ := t.Invert(); return inv }

// entry is a flow to create, with a timeout of 100 s and CONFIRMED, changed by
// the given functions.
func entry(t wire.Tuple, change ...func(*wire.Entry)) *wire.Create {
	c := &wire.Create{}
	c.Entry.Orig, c.Entry.Reply = t, back(t)
	c.Entry.Timeout = 100
	c.Entry.Present = wire.HasTimeout | wire.HasReply
	for _, f := range change {
		f(&c.Entry)
	}
	return c
}

// errno is the number that the kernel gave.
func errno(err error) syscall.Errno {
	var n syscall.Errno
	if errors.As(err, &n) {
		return n
	}
	return 0
}

// do sends a request that must succeed.
func (h *harness) do(req wire.Request) {
	h.t.Helper()
	if err := h.w.Kernel.Do(h.ctx, req); err != nil {
		h.t.Fatalf("%s: %v", req.Op(), err)
	}
}

// refuse sends a request that the kernel must refuse with an errno.
func (h *harness) refuse(want syscall.Errno, req wire.Request) {
	h.t.Helper()
	err := h.w.Kernel.Do(h.ctx, req)
	if err == nil || errno(err) != want {
		h.t.Errorf("%s: %v, want %v", req.Op(), err, want)
	}
}

// create makes a flow and reads it back.
func (h *harness) create(t wire.Tuple, change ...func(*wire.Entry)) *wire.Entry {
	h.t.Helper()
	h.do(entry(t, change...))
	return h.get(t)
}

// look reads a flow, if it is there.
func (h *harness) look(key wire.Key) (e *wire.Entry, ok bool) {
	h.t.Helper()
	e = &wire.Entry{}
	ok, err := h.w.Kernel.Get(h.ctx, wire.Get{Key: key}, e)
	if err != nil {
		h.t.Fatal(err)
	}
	return e, ok
}

// get reads a flow that must be there.
func (h *harness) get(t wire.Tuple) *wire.Entry {
	h.t.Helper()
	e, ok := h.look(wire.Key{Tuple: t})
	if !ok {
		h.t.Fatalf("%s is not there", t)
	}
	return e
}

// gone fails the test if the flow is there.
func (h *harness) gone(t wire.Tuple) {
	h.t.Helper()
	if _, ok := h.look(wire.Key{Tuple: t}); ok {
		h.t.Errorf("%s is there", t)
	}
}

// update changes a flow and reads it back.
func (h *harness) update(u *wire.Update) *wire.Entry {
	h.t.Helper()
	h.do(u)
	e, ok := h.look(u.Key)
	if !ok {
		h.t.Fatalf("%s is gone after an update", u.Key.Tuple)
	}
	return e
}

// dump reads the table.
func (h *harness) dump(req *wire.Dump) (list []wire.Entry, res conntrack.DumpResult) {
	h.t.Helper()
	res, err := h.w.Kernel.Dump(h.ctx, req, conntrack.DumpOptions{}, func(v *wire.View) error {
		var e wire.Entry
		v.Entry(&e)
		list = append(list, e)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return list, res
}

// ports lists the original source ports in the table, sorted: how the filter
// tests name their flows.
func (h *harness) ports() []uint16 {
	h.t.Helper()
	list, _ := h.dump(&wire.Dump{})
	return portsOf(list)
}

func portsOf(list []wire.Entry) (ports []uint16) {
	for i := range list {
		ports = append(ports, list[i].Orig.SrcPort)
	}
	slices.Sort(ports)
	return ports
}

func (h *harness) wantPorts(got []uint16, what string, want ...uint16) {
	h.t.Helper()
	if !slices.Equal(got, want) {
		h.t.Errorf("%s: flows %v, want %v", what, got, want)
	}
}

func (h *harness) equal(what string, got, want any) {
	h.t.Helper()
	if got != want {
		h.t.Errorf("%s is %v, want %v", what, show(got), show(want))
	}
}

func show(v any) string {
	switch v := v.(type) {
	case wire.Status:
		return fmt.Sprintf("%#x (%s)", uint32(v), v)
	case uint32:
		return fmt.Sprintf("%#x", v)
	case string:
		return strings.TrimSpace(v)
	}
	return fmt.Sprint(v)
}
