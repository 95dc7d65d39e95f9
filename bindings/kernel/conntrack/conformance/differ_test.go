package conformance_test

import (
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// The tests of this file compare what our client reads, flow by flow and
// field by field, with what the installed conntrack command prints.

// differFlows is how many flows each comparison makes.
const differFlows = 300

func TestDifferential(t *testing.T) {
	for _, on := range []bool{false, true} {
		for _, maker := range []string{"client", "command"} {
			t.Run(fmt.Sprintf("flows by the %s, accounting and timestamps %v", maker, on), func(t *testing.T) {
				d := newDiffer(t, on)
				seed := rand.Uint64()
				t.Logf("seed %#x", seed)
				r := rand.New(rand.NewPCG(seed, 1))
				var asked []*wire.Create
				for i := range differFlows {
					asked = append(asked, randomFlow(r, i, maker == "client"))
				}
				if maker == "client" {
					d.byClient(asked)
				} else {
					d.byCommand(asked)
				}
				d.compare(asked)
			})
		}
	}
}

type differ struct {
	t      *testing.T
	ns     *netns.NS
	client conntrack.Kernel
	etc    string // stands in for /etc, where the command looks for label names
}

func newDiffer(t *testing.T, on bool) *differ {
	t.Helper()
	netnstest.Command(t, "conntrack")
	netnstest.Command(t, "unshare")
	d := &differ{t: t, ns: netnstest.New(t), etc: t.TempDir()}
	client := conntrack.Open(d.ns)
	t.Cleanup(func() { _ = client.Close() })
	d.client = client
	netnstest.Feed(t, d.ns, "table inet labels { chain c { ct label set 1; }; }", "nft", "-f", "-")
	var names strings.Builder
	for bit := range 128 {
		fmt.Fprintf(&names, "%d l%d\n", bit, bit)
	}
	if err := os.Mkdir(filepath.Join(d.etc, "xtables"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.etc, "xtables", "connlabel.conf"), []byte(names.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if on {
		for _, key := range []string{"nf_conntrack_acct", "nf_conntrack_timestamp"} {
			if err := d.ns.Do(func() error { return os.WriteFile("/proc/sys/net/netfilter/"+key, []byte("1"), 0) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	return d
}

// run runs the command where /etc holds nothing but the names of labels.
func (d *differ) run(stdin string, args ...string) string {
	d.t.Helper()
	path := netnstest.Command(d.t, "conntrack").Path
	script := `mount --bind "$1" /etc && shift && exec "$@"`
	return netnstest.Feed(d.t, d.ns, stdin, "unshare", append([]string{"-m", "sh", "-c", script, "sh", d.etc, path}, args...)...)
}

// randomFlow is the i-th flow to make. Its source address is its own. What
// the command cannot make is left to the client: it takes no helper, reads no
// protocol that it has no module for, and -R with labels crashes it (1.4.7).
func randomFlow(r *rand.Rand, i int, all bool) *wire.Create {
	protos := []uint8{wire.ProtoTCP, wire.ProtoTCP, wire.ProtoUDP, wire.ProtoUDP, wire.ProtoICMP, wire.ProtoSCTP,
		wire.ProtoGRE, wire.ProtoUDPLite, wire.ProtoICMPv6}
	if all {
		protos = append(protos, 253, 50)
	}
	c := &wire.Create{}
	e := &c.Entry
	t := &e.Orig
	t.Proto = protos[r.IntN(len(protos))]
	t.Family = wire.FamilyIPv4
	if t.Proto == wire.ProtoICMPv6 || t.Proto != wire.ProtoICMP && r.IntN(3) == 0 {
		t.Family = wire.FamilyIPv6
	}
	address := func(net, host int) (a wire.Addr) {
		if t.Family == wire.FamilyIPv4 {
			return wire.Addr{10: 0xff, 11: 0xff, 12: 10, 13: byte(net), 14: byte(host >> 8), 15: byte(host)}
		}
		return wire.Addr{0: 0xfd, 7: byte(net), 14: byte(host >> 8), 15: byte(host)}
	}
	t.Src, t.Dst = address(1, i+1), address(2, r.IntN(1000)+1)
	switch {
	case t.Proto == wire.ProtoICMP:
		t.SetICMP([]uint8{8, 13, 17}[r.IntN(3)], uint8(r.IntN(2)), uint16(r.Uint32()))
	case t.Proto == wire.ProtoICMPv6:
		t.SetICMP(128, 0, uint16(r.Uint32()))
	case wire.HasPorts(t.Proto) || t.Proto == wire.ProtoGRE:
		t.SrcPort, t.DstPort = uint16(1+r.IntN(65535)), uint16(1+r.IntN(65535))
	}
	e.Timeout = uint32(1000 + r.IntN(1_000_000))
	e.Present |= wire.HasTimeout | wire.HasStatus
	e.Status = []wire.Status{0, wire.StatusSeenReply, wire.StatusSeenReply | wire.StatusAssured}[r.IntN(3)] | wire.StatusConfirmed
	if r.IntN(2) == 0 {
		e.Mark, e.Present = r.Uint32(), e.Present|wire.HasMark
	}
	switch t.Proto {
	case wire.ProtoTCP:
		e.State, e.Present = uint8(1+r.IntN(8)), e.Present|wire.HasState
	case wire.ProtoSCTP:
		e.State, e.Present = uint8(1+r.IntN(7)), e.Present|wire.HasState
		e.SetVTags([2]uint32{r.Uint32(), r.Uint32()})
	}
	if all && r.IntN(3) == 0 {
		e.Labels[r.IntN(2)] = r.Uint64() & r.Uint64() & r.Uint64()
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
	if !all {
		return c
	}
	switch {
	case r.IntN(4) != 0:
	case t.Proto == wire.ProtoTCP:
		e.Helper = "ftp"
	case t.Proto == wire.ProtoUDP:
		e.Helper = "sip"
	}
	if e.Helper != "" {
		e.Present |= wire.HasHelper
	}
	if r.IntN(4) == 0 {
		// Without ports the kernel has nothing to tell two flows apart that it
		// translates to one address, and refuses the second.
		c.SrcNAT = &wire.NAT{Min: address(3, i+1), Max: address(3, i+1)}
		if wire.HasPorts(t.Proto) {
			c.SrcNAT = &wire.NAT{Min: address(3, 1), Max: address(3, 200), MinPort: 20000, MaxPort: 60000}
		}
	}
	if r.IntN(4) == 0 {
		c.DstNAT = &wire.NAT{Min: address(4, 1), Max: address(4, 1)}
	}
	return c
}

func (d *differ) byClient(asked []*wire.Create) {
	d.t.Helper()
	b, err := d.client.Batch(d.t.Context(), conntrack.BatchOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, c := range asked {
		if err := b.Add(c); err != nil {
			d.t.Fatal(err)
		}
	}
	if res, err := b.Close(); err != nil || res.Applied != len(asked) {
		d.t.Fatalf("%+v %v", res, err)
	}
}

// byCommand makes the flows by one conntrack -R.
func (d *differ) byCommand(asked []*wire.Create) {
	d.t.Helper()
	var lines strings.Builder
	for _, c := range asked {
		e := &c.Entry
		t := &e.Orig
		fmt.Fprintf(&lines, "-I -p %s -s %s -d %s -t %d", wire.ProtoName(t.Proto), t.Src, t.Dst, e.Timeout)
		typ, code, id := t.ICMP()
		switch t.Proto {
		case wire.ProtoICMP, wire.ProtoICMPv6:
			name := wire.ProtoName(t.Proto)
			fmt.Fprintf(&lines, " --%s-type %d --%s-code %d --%s-id %d", name, typ, name, code, name, id)
		case wire.ProtoGRE:
			fmt.Fprintf(&lines, " --srckey %d --dstkey %d", t.SrcPort, t.DstPort)
		default:
			fmt.Fprintf(&lines, " --orig-port-src %d --orig-port-dst %d", t.SrcPort, t.DstPort)
		}
		if e.Has(wire.HasState) {
			fmt.Fprintf(&lines, " --state %s", wire.StateName(t.Proto, e.State))
		}
		if t.Proto == wire.ProtoSCTP {
			// The command swaps the bytes of the tags.
			tags := e.VTags()
			fmt.Fprintf(&lines, " --orig-vtag %d --reply-vtag %d", swapped(tags[0]), swapped(tags[1]))
		}
		if e.Status&wire.StatusSeenReply != 0 {
			lines.WriteString(" -u SEEN_REPLY")
			if e.Status&wire.StatusAssured != 0 {
				lines.WriteString(",ASSURED")
			}
		}
		// After -u, which would put the status in the place of the mark.
		if e.Has(wire.HasMark) {
			fmt.Fprintf(&lines, " -m %d", e.Mark)
		}
		switch {
		case t.Zone != 0 && t.Zone == e.Reply.Zone:
			fmt.Fprintf(&lines, " -w %d", t.Zone)
		case t.Zone != 0:
			fmt.Fprintf(&lines, " --orig-zone %d", t.Zone)
		case e.Reply.Zone != 0:
			fmt.Fprintf(&lines, " --reply-zone %d", e.Reply.Zone)
		}
		lines.WriteByte('\n')
	}
	file := filepath.Join(d.t.TempDir(), "flows")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.run("", "-R", file)
}

// swapped is a number in the order of the network, read as one of the host.
func swapped(v uint32) uint32 {
	return binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, v))
}

func labelNames(l wire.Labels) (names []string) {
	for bit := range 128 {
		if l.Bit(bit) {
			names = append(names, "l"+strconv.Itoa(bit))
		}
	}
	return names
}

// compare reads the table in all three ways.
func (d *differ) compare(asked []*wire.Create) {
	ours := map[string]*wire.Entry{}
	bySource := map[wire.Addr]*wire.Entry{}
	if _, err := d.client.Dump(d.t.Context(), &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		e := &wire.Entry{}
		v.Entry(e)
		ours[strconv.FormatUint(uint64(e.ID), 10)] = e
		bySource[e.Orig.Src] = e
		return nil
	}); err != nil {
		d.t.Fatal(err)
	}
	if len(ours) != len(asked) {
		d.t.Errorf("%d flows are there, %d were made", len(ours), len(asked))
	}
	for _, c := range asked {
		if e := bySource[c.Entry.Orig.Src]; e == nil {
			d.t.Errorf("%s is not there", c.Entry.Orig)
		} else {
			d.asAsked(c, e)
		}
	}
	text := d.run("", "-L", "-o", "extended,id,ktimestamp,labels")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != len(ours) {
		d.t.Errorf("the command lists %d flows, want %d", len(lines), len(ours))
	}
	for _, line := range lines {
		printed := parseLine(line)
		e := ours[printed["id"]]
		if e == nil {
			d.t.Errorf("not in our dump: %s", line)
			continue
		}
		d.same("text "+line, printed, expectLine(e))
	}
	d.compareXML(ours)
}

// asAsked compares what was made with what was asked for.
func (d *differ) asAsked(c *wire.Create, e *wire.Entry) {
	want := &c.Entry
	nat := c.SrcNAT != nil || c.DstNAT != nil
	for what, ok := range map[string]bool{
		"original tuple": e.Orig == want.Orig,
		"reply tuple":    nat || e.Reply == want.Reply,
		"mark":           e.Mark == want.Mark,
		"labels":         e.Labels == want.Labels,
		"helper":         e.Helper == want.Helper,
		"state":          e.State == want.State,
		"tags":           e.Orig.Proto != wire.ProtoSCTP || e.VTags() == want.VTags(),
		"timeout":        near(e.Timeout, want.Timeout),
		"status":         e.Status&(wire.StatusSeenReply|wire.StatusAssured|wire.StatusConfirmed) == want.Status,
		"source nat":     c.SrcNAT == nil || e.Status&wire.StatusSrcNAT != 0,
		"target nat":     c.DstNAT == nil || e.Status&wire.StatusDstNAT != 0 && e.Reply.Src == c.DstNAT.Min,
	} {
		if !ok {
			d.t.Errorf("%s: %s differs: asked for %+v, got %+v", want.Orig, what, want.Flow, e.Flow)
		}
	}
}

// near tells whether two readings of a timeout may be of one flow: a minute
// may lie between them.
func near(a, b uint32) bool { return max(a, b)-min(a, b) < 60 }

// same compares fields by name.
func (d *differ) same(what string, got, want map[string]string) {
	d.t.Helper()
	for key, value := range want {
		g, ok := got[key]
		switch {
		case key == "timeout":
			a, _ := strconv.ParseUint(g, 10, 32)
			b, _ := strconv.ParseUint(value, 10, 32)
			if !ok || !near(uint32(a), uint32(b)) {
				d.t.Errorf("%s: %s is %q, we read %q", what, key, g, value)
			}
		case !ok || g != value:
			d.t.Errorf("%s: %s is %q, we read %q", what, key, g, value)
		}
	}
	for key, value := range got {
		if _, ok := want[key]; !ok {
			d.t.Errorf("%s: %s is %q, we read none", what, key, value)
		}
	}
}

var startField = regexp.MustCompile(` \[start=([^\]]*)\]`)

// parseLine takes a line of the extended format apart. Fields of the reply
// direction have an r before their names.
func parseLine(line string) map[string]string {
	f := map[string]string{}
	if m := startField.FindStringSubmatch(line); m != nil {
		f["start"] = m[1]
		line = startField.ReplaceAllString(line, "")
	}
	words := strings.Fields(line)
	f["family"], f["proto"], f["timeout"] = words[1], words[3], words[4]
	seen, prefix := false, ""
	for _, w := range words[5:] {
		key, value, pair := strings.Cut(w, "=")
		switch {
		case key == "delta-time": // of the moment
		case pair:
			if key == "src" && seen {
				prefix = "r"
			}
			seen = seen || key == "src"
			if slices.Contains([]string{"mark", "use", "id", "zone", "helper", "labels"}, key) {
				f[key] = value
			} else {
				f[prefix+key] = value
			}
		case strings.HasPrefix(w, "["):
			f[strings.Trim(w, "[]")] = ""
		default:
			f["state"] = w
		}
	}
	return f
}

// expectLine is what the command prints of a flow, as far as it prints it.
func expectLine(e *wire.Entry) map[string]string {
	f := common(e)
	f["family"], f["proto"] = strconv.Itoa(int(e.Orig.Family)), strconv.Itoa(int(e.Orig.Proto))
	for dir, t := range []*wire.Tuple{&e.Orig, &e.Reply} {
		prefix := []string{"", "r"}[dir]
		f[prefix+"src"], f[prefix+"dst"] = t.Src.String(), t.Dst.String()
		typ, code, id := t.ICMP()
		switch {
		case t.Proto == wire.ProtoICMP || t.Proto == wire.ProtoICMPv6:
			f[prefix+"type"], f[prefix+"code"], f[prefix+"id"] = strconv.Itoa(int(typ)), strconv.Itoa(int(code)), strconv.Itoa(int(id))
		case t.Proto == wire.ProtoGRE:
			f[prefix+"srckey"], f[prefix+"dstkey"] = fmt.Sprintf("%#x", t.SrcPort), fmt.Sprintf("%#x", t.DstPort)
		case wire.HasPorts(t.Proto):
			f[prefix+"sport"], f[prefix+"dport"] = strconv.Itoa(int(t.SrcPort)), strconv.Itoa(int(t.DstPort))
		}
		if e.SplitZone() && t.Zone != 0 {
			f[prefix+[]string{"zone-orig", "zone-reply"}[dir]] = strconv.Itoa(int(t.Zone))
		}
		if e.Has(wire.HasCounters) {
			f[prefix+"packets"], f[prefix+"bytes"] = "0", "0"
		}
	}
	delete(f, "rid") // an ICMP id and the id of the flow share a name
	f["id"] = strconv.FormatUint(uint64(e.ID), 10)
	if e.Status&wire.StatusSeenReply == 0 {
		f["UNREPLIED"] = ""
	}
	if e.Status&wire.StatusAssured != 0 {
		f["ASSURED"] = ""
	}
	if e.Has(wire.HasState) {
		f["state"] = wire.StateName(e.Orig.Proto, e.State)
	}
	if e.Has(wire.HasStart) {
		f["start"] = time.Unix(0, int64(e.Start)).Format("Mon Jan _2 15:04:05 2006")
	}
	return f
}

// common is what text and XML call alike.
func common(e *wire.Entry) map[string]string {
	f := map[string]string{"timeout": strconv.Itoa(int(e.Timeout)), "mark": strconv.FormatUint(uint64(e.Mark), 10),
		"use": strconv.Itoa(int(e.Use))}
	if e.Orig.Zone != 0 && !e.SplitZone() {
		f["zone"] = strconv.Itoa(int(e.Orig.Zone))
	}
	if e.Helper != "" {
		f["helper"] = e.Helper
	}
	if e.Has(wire.HasLabels) {
		f["labels"] = strings.Join(labelNames(e.Labels), ",")
	}
	return f
}

// xmlFlow is a flow as the command prints it in XML.
type xmlFlow struct {
	Meta []struct {
		Direction string `xml:"direction,attr"`
		Layer3    struct {
			Num string `xml:"protonum,attr"`
			Src string `xml:"src"`
			Dst string `xml:"dst"`
		} `xml:"layer3"`
		Layer4 struct {
			Num    string `xml:"protonum,attr"`
			Sport  string `xml:"sport"`
			Dport  string `xml:"dport"`
			SrcKey string `xml:"srckey"`
			DstKey string `xml:"dstkey"`
		} `xml:"layer4"`
		Counters *struct {
			Packets string `xml:"packets"`
			Bytes   string `xml:"bytes"`
		} `xml:"counters"`
		Zone      string    `xml:"zone"`
		State     string    `xml:"state"`
		Timeout   string    `xml:"timeout"`
		Mark      string    `xml:"mark"`
		Use       string    `xml:"use"`
		ID        string    `xml:"id"`
		Helper    string    `xml:"helper"`
		Unreplied *struct{} `xml:"unreplied"`
		Assured   *struct{} `xml:"assured"`
		Start     string    `xml:"timestamp>start"`
		Labels    []string  `xml:"labels>label"`
	} `xml:"meta"`
}

func (d *differ) compareXML(ours map[string]*wire.Entry) {
	d.t.Helper()
	var doc struct {
		Flows []xmlFlow `xml:"flow"`
	}
	if err := xml.Unmarshal([]byte(d.run("", "-L", "-o", "xml,id,ktimestamp,labels")), &doc); err != nil {
		d.t.Fatal(err)
	}
	if len(doc.Flows) != len(ours) {
		d.t.Errorf("the command lists %d flows in XML, want %d", len(doc.Flows), len(ours))
	}
	for _, x := range doc.Flows {
		printed := x.fields()
		e := ours[printed["id"]]
		if e == nil {
			d.t.Errorf("not in our dump: %v", printed)
			continue
		}
		d.same(fmt.Sprintf("xml %v", printed), printed, expectXML(e))
	}
}

// fields are the fields that are there, by the names of parseLine.
func (x *xmlFlow) fields() map[string]string {
	f := map[string]string{}
	put := func(key, value string) {
		if value != "" {
			f[key] = value
		}
	}
	for _, m := range x.Meta {
		prefix := ""
		if m.Direction == "reply" {
			prefix = "r"
		}
		put(prefix+"family", m.Layer3.Num)
		put(prefix+"proto", m.Layer4.Num)
		put(prefix+"src", m.Layer3.Src)
		put(prefix+"dst", m.Layer3.Dst)
		put(prefix+"sport", m.Layer4.Sport)
		put(prefix+"dport", m.Layer4.Dport)
		put(prefix+"srckey", m.Layer4.SrcKey)
		put(prefix+"dstkey", m.Layer4.DstKey)
		if m.Counters != nil {
			put(prefix+"packets", m.Counters.Packets)
			put(prefix+"bytes", m.Counters.Bytes)
		}
		if m.Direction != "independent" {
			put(prefix+"zone-"+m.Direction, m.Zone)
			continue
		}
		put("zone", m.Zone)
		put("state", m.State)
		put("timeout", m.Timeout)
		put("mark", m.Mark)
		put("use", m.Use)
		put("id", m.ID)
		put("helper", m.Helper)
		put("start", m.Start)
		put("labels", strings.Join(m.Labels, ","))
		if m.Unreplied != nil {
			f["UNREPLIED"] = ""
		}
		if m.Assured != nil {
			f["ASSURED"] = ""
		}
	}
	return f
}

// expectXML is what the command prints of a flow in XML: no ICMP types, no
// helper, and the states of SCTP by the names that their numbers have for TCP.
func expectXML(e *wire.Entry) map[string]string {
	f := expectLine(e)
	f["rfamily"], f["rproto"] = f["family"], f["proto"]
	for _, key := range []string{"type", "code", "rtype", "rcode", "helper"} {
		delete(f, key)
	}
	for _, dir := range []string{"zone-orig", "rzone-reply"} {
		if z, ok := f[dir]; ok {
			delete(f, dir)
			f[strings.Replace(dir, "zone-orig", "zone-original", 1)] = z
		}
	}
	if e.Has(wire.HasState) {
		f["state"] = wire.StateName(wire.ProtoTCP, e.State)
	}
	if e.Has(wire.HasStart) {
		f["start"] = strconv.FormatUint(e.Start, 10)
	}
	return f
}
