package doctor

import (
	"fmt"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/probe"
)

// conclude draws the findings from the facts.
func (r *Report) conclude() {
	if r.Verdict == Usable {
		r.concludeTable()
		r.concludeSettings()
	}
	for _, f := range r.Features {
		switch f.State {
		case probe.Broken:
			r.find("", "defect of this kernel: %s: %s", f.Name, f.Detail)
		case probe.Absent:
			r.find("", "missing in this kernel: %s", f.Name)
		}
	}
}

func (r *Report) find(do, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{fmt.Sprintf(format, args...), do})
}

// concludeTable tells why a table is empty, or how full it is.
func (r *Report) concludeTable() {
	t := r.Table
	switch {
	case t.Entries == 0 && t.TrackingRules == 0:
		r.find("nft 'add table inet ctsh; add chain inet ctsh in { type filter hook prerouting priority -300; }; add rule inet ctsh in ct state new'",
			"the table is empty because no nftables rule here uses conntrack (legacy iptables is not looked at): the kernel tracks nothing until one does")
	case t.Entries == 0:
		r.find("", "the table is empty though %d rules track: no packet has passed, or a rule with notrack takes them out", t.TrackingRules)
	case t.Max > 0 && t.Entries*10 >= t.Max*8:
		r.find("sysctl -w net.netfilter.nf_conntrack_max=... in the initial network namespace",
			"the table is %d %% full (%d of %d): new connections are dropped when it is full", t.Entries*100/t.Max, t.Entries, t.Max)
	}
	if t.Buckets > 0 && t.Max > 8*t.Buckets {
		r.find("raise net.netfilter.nf_conntrack_buckets", "nf_conntrack_max is %d times the number of buckets: chains grow long, and look-ups slow", t.Max/t.Buckets)
	}
}

// concludeSettings tells what the sysctls hide.
func (r *Report) concludeSettings() {
	hides := map[string]struct {
		value int64
		text  string
		want  int
	}{
		"net.netfilter.nf_conntrack_acct":      {0, "accounting is off: flows have no bytes and packets", 1},
		"net.netfilter.nf_conntrack_timestamp": {0, "time stamps are off: flows have no start and no age, and a re-created flow cannot be told from the first one", 1},
		"net.netfilter.nf_conntrack_events":    {2, "events are on demand: flows older than the first listener never report an update or their end", 1},
	}
	for _, s := range r.Sysctls {
		if h, ok := hides[s.Name]; ok && s.Error == "" && s.Value == h.value {
			r.find(fmt.Sprintf("sysctl -w %s=%d, which counts for flows born afterwards", s.Name, h.want), "%s", h.text)
		}
		if s.Name == "net.netfilter.nf_conntrack_events" && s.Error == "" && s.Value == 0 {
			r.find("sysctl -w "+s.Name+"=1", "events are off: no flow reports anything")
		}
	}
}
