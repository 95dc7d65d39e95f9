package reliability

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// rules use labels and translate.
const rules = `table inet labels { chain c { ct label set 1; }; }
table inet nat {
	chain in { type nat hook prerouting priority -100; }
	chain out { type nat hook postrouting priority 100; }
}
`

// lab is a namespace with rules, accounting and timestamps, and its connection
// tracking.
func lab(t *testing.T) (*netns.NS, conntrack.Kernel) {
	t.Helper()
	ns := netnstest.New(t)
	netnstest.Feed(t, ns, rules, "nft", "-f", "-")
	for _, name := range []string{"nf_conntrack_acct", "nf_conntrack_timestamp"} {
		_, err := sysctl.Open(ns).SetInt(name, 1)
		must(t, err)
	}
	k := conntrack.Open(ns)
	t.Cleanup(func() { _ = k.Close() })
	return ns, k
}

// fill makes n flows, those of [restoretest.Every] and [restoretest.Mixed] among
// them. Each has an hour left at least.
func fill(t *testing.T, k conntrack.Kernel, n int) {
	t.Helper()
	if room, err := k.Count(t.Context()); err == nil && room.HasMax && int(room.Max) < n {
		t.Skipf("needs room for %d flows, the table holds %d: sysctl net.netfilter.nf_conntrack_max", n, room.Max)
	}
	reqs := append(restoretest.Every(), restoretest.Mixed()...)
	if n < len(reqs) {
		t.Fatalf("%d flows are less than the %d of restoretest", n, len(reqs))
	}
	reqs = append(reqs, usual(0, n-len(reqs))...)
	for _, c := range reqs {
		if c.Entry.Timeout < 3600 {
			c.Entry.Timeout += 3600
		}
	}
	restoretest.Make(t, k, reqs)
}

// usual are n flows as gateways have them, those from the first-th on.
func usual(first, n int) []*wire.Create {
	list := make([]*wire.Create, n)
	for i := range list {
		list[i] = usualFlow(first + i)
	}
	return list
}

// usualFlow is one of eight sorts.
func usualFlow(i int) *wire.Create {
	rest := fmt.Sprintf("%d.%d.%d", 16+i>>16&0xf, i>>8&0xff, i&0xff)
	four, six := "172."+rest, fmt.Sprintf("fd72::%x:%x", i>>16, i&0xffff)
	proto, src, dst := uint8(wire.ProtoUDP), four, "198.18.0.1"
	switch i % 8 {
	case 1, 3, 7:
		proto = wire.ProtoTCP
	case 2:
		proto, src, dst = wire.ProtoTCP, six, "fd18::1"
	case 5:
		proto = wire.ProtoSCTP
	}
	c := restoretest.New(restoretest.Tuple(proto, src, dst, uint16(1024+i%50_000), 443))
	e := &c.Entry
	e.Timeout = 3600 + uint32(i%1000)
	state := func(name string) {
		e.State, _ = wire.ParseState(proto, name)
		e.Present |= wire.HasState
	}
	scaled := func() {
		e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, uint8(i % 15)}, Flags: [2]wire.TCPFlags{wire.TCPWindowScale | wire.TCPSACKPerm, wire.TCPWindowScale}})
		c.TCPMask = [2]wire.TCPFlags{0xff, 0xff}
	}
	switch i % 8 {
	case 0: // marked
		e.Mark, e.Present = uint32(i)|1<<31, e.Present|wire.HasMark
	case 1:
		state("ESTABLISHED")
		scaled()
	case 2: // IPv6 in the states of TCP
		states := wire.States(wire.ProtoTCP)
		state(states[i/8%len(states)])
	case 3: // masqueraded
		state("ESTABLISHED")
		scaled()
		c.SrcNAT = restoretest.To("11."+rest, 0)
	case 4: // forwarded
		c.DstNAT = restoretest.To("12."+rest, 5353)
	case 5:
		state("ESTABLISHED")
		e.SetVTags([2]uint32{uint32(i) + 1, ^uint32(i)})
	case 6: // in a zone, labelled
		e.Orig.Zone, e.Reply.Zone = 7, 7
		e.Labels, e.Present = wire.Labels{}.Set(i/8%128), e.Present|wire.HasLabels
	case 7: // every other one is the data connection of the one before
		state("ESTABLISHED")
		if i%16 == 7 {
			e.Helper, e.Present = "ftp", e.Present|wire.HasHelper
			break
		}
		e.Master, e.Present = usualFlow(i-8).Entry.Orig, e.Present|wire.HasMaster
	}
	return c
}

// table is what the kernel had at a time.
type table struct {
	rows         map[wire.Tuple]*wire.Entry // by original tuple
	began, ended time.Time                  // the reading of it
}

func read(t testing.TB, k conntrack.Kernel) *table {
	t.Helper()
	now := &table{rows: map[wire.Tuple]*wire.Entry{}, began: time.Now()}
	res, err := k.Dump(t.Context(), &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		e := &wire.Entry{}
		v.Entry(e)
		now.rows[e.Orig] = e
		return nil
	})
	must(t, err)
	if now.ended = time.Now(); res.Flows != len(now.rows) {
		t.Fatalf("%d flows have %d tuples", res.Flows, len(now.rows))
	}
	return now
}

// reread reads the flows of b again, and others, by their names: a dump walks the
// hash table of the whole machine.
func (b *table) reread(t testing.TB, k conntrack.Kernel, others ...wire.Tuple) *table {
	t.Helper()
	keys := make([]wire.Key, 0, len(b.rows)+len(others))
	for _, e := range b.rows {
		keys = append(keys, e.Key())
	}
	for _, orig := range others {
		if b.rows[orig] == nil {
			keys = append(keys, wire.Key{Tuple: orig})
		}
	}
	now := &table{rows: map[wire.Tuple]*wire.Entry{}, began: time.Now()}
	must(t, k.Fetch(t.Context(), keys, false, func(_ int, v *wire.View) error {
		if v != nil {
			e := &wire.Entry{}
			v.Entry(e)
			now.rows[e.Orig] = e
		}
		return nil
	}))
	now.ended = time.Now()
	return now
}

// tuples are the names of the flows of a table.
func tuples(b *table) []wire.Tuple { return slices.Collect(maps.Keys(b.rows)) }

// missing are the flows of b that are not in after, and how many of after are
// not in b.
func (b *table) missing(after *table) (gone []*wire.Entry, more int) {
	for key, e := range b.rows {
		if after.rows[key] == nil {
			gone = append(gone, e)
		}
	}
	return gone, len(after.rows) - len(b.rows) + len(gone)
}

// same fails for every flow that is not what it was, but for its age, and what
// nobody can bring back.
func (b *table) same(t testing.TB, after *table) {
	t.Helper()
	gone, more := b.missing(after)
	wrong := len(gone) + more
	for key, is := range after.rows {
		was := b.rows[key]
		if was == nil {
			continue
		}
		if names := differences(was, is, after.began.Sub(b.ended), after.ended.Sub(b.began)); len(names) > 0 {
			if wrong++; wrong < 3 {
				t.Errorf("%s differs in %s\nwas %+v\nis  %+v", is.Orig, strings.Join(names, ", "), *was, *is)
			}
		}
	}
	if wrong > 0 {
		if len(gone) > 0 {
			t.Errorf("%s is not there", gone[0].Orig)
		}
		t.Fatalf("of %d flows %d are not there, %d are new, %d differ", len(b.rows), len(gone), more, wrong-len(gone)-more)
	}
}

// untouched fails where a flow is gone, new or made anew.
func (b *table) untouched(t testing.TB, after *table) {
	t.Helper()
	gone, more := b.missing(after)
	anew := 0
	for key, is := range after.rows {
		if was := b.rows[key]; was != nil && (was.ID != is.ID || was.Start != is.Start) {
			anew++
		}
	}
	if len(gone)+more+anew > 0 {
		t.Fatalf("of %d flows %d are gone, %d are new, %d were made anew", len(b.rows), len(gone), more, anew)
	}
}

// slack is what timeouts may differ by, in seconds: each is rounded.
const slack = 2

// differences names what of a flow is not as it was, after a time between least
// and most.
func differences(was, is *wire.Entry, least, most time.Duration) (names []string) {
	for name, equal := range map[string]bool{
		"original tuple": was.Orig == is.Orig,
		"reply tuple":    was.Reply == is.Reply,
		"mark":           was.Mark == is.Mark,
		"labels":         was.Labels == is.Labels,
		"state":          was.State == is.State && was.Has(wire.HasState) == is.Has(wire.HasState),
		"vtags":          was.Orig.Proto != wire.ProtoSCTP || was.VTags() == is.VTags(),
		"helper":         was.Helper == is.Helper,
		"master":         was.Master == is.Master && was.Has(wire.HasMaster) == is.Has(wire.HasMaster),
		"seq_adjust":     was.SeqAdj == is.SeqAdj,
		"synproxy":       was.SynProxy == is.SynProxy,
		"status":         sameStatus(was.Status, is.Status),
		"tcp":            sameTCP(was, is),
		"timeout": int64(is.Timeout) <= int64(was.Timeout)-int64(least/time.Second)+slack &&
			int64(is.Timeout) >= int64(was.Timeout)-int64(most/time.Second)-slack,
	} {
		if !equal {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// sameStatus compares all bits. A flow that is made with a helper has HELPER, and
// one that NAT has looked at both DONE bits: these may be more than they were.
func sameStatus(was, is wire.Status) bool {
	const more = wire.StatusHelper | wire.StatusSrcNATDone | wire.StatusDstNATDone
	return was&^is == 0 && is&^was&^more == 0
}

// sameTCP compares flags and window scales. BE_LIBERAL may be more than it was,
// MAXACK_SET comes with packets, and scales are stored for both directions only.
func sameTCP(was, is *wire.Entry) bool {
	if was.Orig.Proto != wire.ProtoTCP {
		return true
	}
	w, i := was.TCP(), is.TCP()
	for dir := range w.Flags {
		w.Flags[dir] &^= wire.TCPMaxAck
		i.Flags[dir] &^= wire.TCPMaxAck | wire.TCPBeLiberal&^w.Flags[dir]
	}
	scaled := w.Flags[0]&w.Flags[1]&wire.TCPWindowScale != 0
	return w.Flags == i.Flags && (!scaled || w.WScale == i.WScale)
}
