package output

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// TestAgainstCommand lists a table of every protocol with the installed
// conntrack command and with ours, line for line and byte for byte.
func TestAgainstCommand(t *testing.T) {
	for _, on := range []bool{false, true} {
		t.Run(fmt.Sprintf("accounting and timestamps %v", on), func(t *testing.T) {
			p := newPeer(t, on)
			p.makeFlows()
			p.makeTraffic()
			for _, c := range []struct {
				args []string
				line Line
			}{
				{nil, Line{}},
				{[]string{"-o", "extended"}, Line{Extended: true}},
				{[]string{"-o", "id"}, Line{ID: true}},
				{[]string{"-o", "extended,id,ktimestamp,labels"}, Line{Extended: true, ID: true, Times: true, Labels: evenLabels}},
			} {
				for _, family := range []uint8{wire.FamilyIPv4, wire.FamilyIPv6} {
					p.compare(family, c.args, c.line)
				}
			}
			p.compareWriter()
		})
	}
}

// evenLabels names every second label, as the file that the command reads.
func evenLabels(bit int) (string, bool) { return fmt.Sprintf("l%d", bit), bit%2 == 0 }

type peer struct {
	t      *testing.T
	ns     *netns.NS
	client conntrack.Kernel
	etc    string // stands in for /etc, where the command looks for names
}

func newPeer(t *testing.T, on bool) *peer {
	t.Helper()
	netnstest.Command(t, "conntrack")
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
	p := &peer{t: t, ns: netnstest.New(t), etc: t.TempDir()}
	p.client = conntrack.Open(p.ns)
	t.Cleanup(func() { _ = p.client.Close() })
	// Flows have room for labels only where a rule uses them.
	netnstest.Feed(t, p.ns, "table inet labels { chain c { ct label set 1; }; }", "nft", "-f", "-")
	var names strings.Builder
	for bit := range 128 {
		if name, ok := evenLabels(bit); ok {
			fmt.Fprintf(&names, "%d %s\n", bit, name)
		}
	}
	if err := os.Mkdir(filepath.Join(p.etc, "xtables"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.etc, "xtables", "connlabel.conf"), []byte(names.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if on {
		for _, name := range []string{"nf_conntrack_acct", "nf_conntrack_timestamp"} {
			if _, err := sysctl.Open(p.ns).SetInt(name, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p
}

// makeFlows makes a few flows of each protocol and state, and of all kinds of
// addresses, zones, translations and extras.
func (p *peer) makeFlows() {
	p.t.Helper()
	r := rand.New(rand.NewPCG(7, 7))
	var asked []*wire.Create
	add := func(proto, family uint8, set func(*wire.Create)) {
		c := randomCreate(r, len(asked)+1, proto, family)
		if set != nil {
			set(c)
		}
		asked = append(asked, c)
	}
	for proto := range 256 {
		family := uint8(wire.FamilyIPv4)
		switch {
		case proto == wire.ProtoICMP:
			continue // below: its type must be one that is tracked
		case proto == wire.ProtoICMPv6 || proto%2 == 1:
			family = wire.FamilyIPv6
		}
		add(uint8(proto), family, nil)
	}
	for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoSCTP, wire.ProtoUDPLite, wire.ProtoGRE, wire.ProtoDCCP, 253} {
		for range 12 {
			add(proto, wire.FamilyIPv4, nil)
			add(proto, wire.FamilyIPv6, nil)
		}
	}
	for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoSCTP} {
		for state := range wire.States(proto) {
			add(proto, wire.FamilyIPv4, func(c *wire.Create) { c.Entry.State = uint8(state) })
		}
	}
	for range 12 {
		add(wire.ProtoICMP, wire.FamilyIPv4, nil)
		add(wire.ProtoICMPv6, wire.FamilyIPv6, nil)
	}
	for i, a := range []string{"::1.2.3.4", "::1", "::", "::1:2", "1:0:0:2::3", "1::2:0:0:3", "2001:db8:0:1:1:1:1:1",
		"fe80::1", "0:1::", "1:2:3:4:5:6:7:8", "::1.0.0.0", "64:ff9b::1.2.3.4", "::fffe:1.2.3.4"} {
		add(wire.ProtoUDP, wire.FamilyIPv6, func(c *wire.Create) {
			t := &c.Entry.Orig
			t.Src, t.SrcPort = addrOf(a), uint16(i+1)
			zone := c.Entry.Reply.Zone
			c.Entry.Reply, _ = t.Invert()
			c.Entry.Reply.Zone, c.SrcNAT = zone, nil
		})
	}
	p.batch(asked)
}

// batch sends what was asked for. The kernel may know fewer states than we do.
func (p *peer) batch(asked []*wire.Create) {
	p.t.Helper()
	b, err := p.client.Batch(p.t.Context(), conntrack.BatchOptions{Failed: func(n int, err *conntrack.Error) {
		p.t.Logf("%s, state %d: %v", asked[n].Entry.Orig, asked[n].Entry.State, err)
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range asked {
		if err := b.Add(c); err != nil {
			p.t.Fatalf("%s: %v", c.Entry.Orig, err)
		}
	}
	if res, err := b.Close(); err != nil || res.Applied < len(asked)*95/100 {
		p.t.Fatalf("%d asked for, %+v %v", len(asked), res, err)
	}
}

// randomCreate is the i-th flow to make. Its source address is its own.
func randomCreate(r *rand.Rand, i int, proto, family uint8) *wire.Create {
	c := &wire.Create{}
	e := &c.Entry
	t := &e.Orig
	t.Proto, t.Family = proto, family
	address := func(net, host int) (a wire.Addr) {
		if family == wire.FamilyIPv4 {
			return wire.Addr{10: 0xff, 11: 0xff, 12: 10, 13: byte(net), 14: byte(host >> 8), 15: byte(host)}
		}
		return wire.Addr{0: 0xfd, 7: byte(net), 14: byte(host >> 8), 15: byte(host)}
	}
	t.Src, t.Dst = address(1, i), address(2, 1+r.IntN(1000))
	switch {
	case proto == wire.ProtoICMP:
		t.SetICMP([]uint8{8, 13, 15, 17}[r.IntN(4)], uint8(r.IntN(2)), uint16(r.Uint32()))
	case proto == wire.ProtoICMPv6:
		t.SetICMP([]uint8{128, 139}[r.IntN(2)], 0, uint16(r.Uint32()))
	case wire.HasPorts(proto) || proto == wire.ProtoGRE:
		t.SrcPort, t.DstPort = uint16(1+r.IntN(65535)), uint16(1+r.IntN(65535))
	}
	e.Timeout = uint32(1000 + r.IntN(1_000_000))
	e.Present |= wire.HasTimeout | wire.HasStatus
	e.Status = []wire.Status{0, wire.StatusSeenReply, wire.StatusSeenReply | wire.StatusAssured}[r.IntN(3)] | wire.StatusConfirmed
	if r.IntN(2) == 0 {
		e.Mark, e.Present = r.Uint32(), e.Present|wire.HasMark
	}
	switch proto {
	case wire.ProtoTCP:
		e.State, e.Present = uint8(1+r.IntN(8)), e.Present|wire.HasState
	case wire.ProtoSCTP:
		e.State, e.Present = uint8(1+r.IntN(7)), e.Present|wire.HasState
		e.SetVTags([2]uint32{r.Uint32(), r.Uint32()})
	}
	if r.IntN(3) == 0 {
		e.Labels = wire.Labels{}.Set(r.IntN(128)).Set(r.IntN(128))
		e.Present |= wire.HasLabels
	}
	e.Reply, _ = t.Invert()
	switch r.IntN(6) {
	case 0:
		t.Zone = uint16(1 + r.IntN(65535))
		e.Reply.Zone = t.Zone
	case 1:
		t.Zone = uint16(1 + r.IntN(65535))
	case 2:
		e.Reply.Zone = uint16(1 + r.IntN(65535))
	}
	switch {
	case r.IntN(4) != 0:
	case proto == wire.ProtoTCP:
		e.Helper, e.Present = "ftp", e.Present|wire.HasHelper
	case proto == wire.ProtoUDP:
		e.Helper, e.Present = "sip", e.Present|wire.HasHelper
	}
	// Without ports the kernel has nothing to tell two flows apart that it
	// translates to one address, so each gets its own.
	if r.IntN(4) == 0 {
		c.SrcNAT = &wire.NAT{Min: address(3, i), Max: address(3, i)}
	}
	if r.IntN(4) == 0 {
		c.DstNAT = &wire.NAT{Min: address(4, i), Max: address(4, i)}
	}
	return c
}

// makeTraffic sends packets over the loopback, so that some flows have counted
// and have a state that the kernel chose.
func (p *peer) makeTraffic() {
	p.t.Helper()
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		var heard net.Listener
		if err := p.ns.Do(func() (err error) { heard, err = net.Listen("tcp", at); return err }); err != nil {
			p.t.Fatal(err)
		}
		var conn net.Conn
		if err := p.ns.Do(func() (err error) { conn, err = net.Dial("tcp", heard.Addr().String()); return err }); err != nil {
			p.t.Fatal(err)
		}
		if _, err := conn.Write([]byte("hello")); err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { _, _ = conn.Close(), heard.Close() })
		if err := p.ns.Do(func() error {
			c, err := net.Dial("udp", heard.Addr().String())
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write([]byte("hello"))
			return err
		}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// listed runs conntrack -L where /etc holds nothing but the names of labels,
// which leaves the time zone to TZ.
func (p *peer) listed(args ...string) []string {
	p.t.Helper()
	path := netnstest.Command(p.t, "conntrack").Path
	script := `mount --bind "$1" /etc && shift && TZ=UTC exec "$@"`
	return sortedLines(netnstest.Run(p.t, p.ns, "unshare",
		append([]string{"-m", "sh", "-c", script, "sh", p.etc, path, "-L"}, args...)...))
}

func sortedLines(text string) []string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	slices.Sort(lines)
	return lines
}

// ours lists the flows of a family.
func (p *peer) ours(family uint8, line Line) []string {
	p.t.Helper()
	var text []byte
	var e wire.Entry
	if _, err := p.client.Dump(p.t.Context(), &wire.Dump{Filter: wire.Filter{Family: family}}, conntrack.DumpOptions{}, func(v *wire.View) error {
		v.Entry(&e)
		text = append(line.Append(text, &e), '\n')
		return nil
	}); err != nil {
		p.t.Fatal(err)
	}
	return sortedLines(string(text))
}

// sameLines compares two listings that cannot be of one moment: each flow loses
// a second of its timeout at a time of its own. It reads again until none did
// between.
func (p *peer) sameLines(what string, ours, theirs func() []string) {
	p.t.Helper()
	var a, b []string
	for range 50 {
		a, b = ours(), theirs()
		if slices.Equal(a, b) {
			if len(a) < 100 {
				p.t.Errorf("%s: only %d flows", what, len(a))
			}
			return
		}
	}
	p.t.Errorf("%s: %d lines of ours, %d of the command", what, len(a), len(b))
	shown := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] && shown < 5 {
			p.t.Errorf("\nours    %s\ncommand %s", a[i], b[i])
			shown++
		}
	}
}

func (p *peer) compare(family uint8, args []string, line Line) {
	p.t.Helper()
	name := map[uint8]string{wire.FamilyIPv4: "ipv4", wire.FamilyIPv6: "ipv6"}[family]
	all := append([]string{"-f", name}, args...)
	p.sameLines(strings.Join(all, " "), func() []string { return p.ours(family, line) }, func() []string { return p.listed(all...) })
}

// compareWriter lists both families through a Writer.
func (p *peer) compareWriter() {
	p.t.Helper()
	p.sameLines("writer", func() []string {
		var out strings.Builder
		w, err := New(&out, Options{Format: "conntrack"})
		if err != nil {
			p.t.Fatal(err)
		}
		var row field.Row
		row.In(&field.World{Now: uint64(time.Now().UnixNano())})
		if _, err := p.client.Dump(p.t.Context(), &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
			row.Reset(v)
			return w.Row(&row)
		}); err != nil {
			p.t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			p.t.Fatal(err)
		}
		return sortedLines(out.String())
	}, func() []string { return p.listed() })
}
