package doctor

import (
	"context"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/probe"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

func said(r *Report, what string) bool {
	for _, f := range r.Findings {
		if strings.Contains(f.What, what) {
			return true
		}
	}
	return false
}

// The findings follow what is done to a namespace.
func TestExamine(t *testing.T) {
	ns := netnstest.New(t)
	examine := func() *Report {
		r, err := Examine(context.Background(), ns)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := examine()
	if r.Verdict != Usable || r.Table.Entries != 0 || r.Table.Buckets == 0 {
		t.Errorf("a fresh namespace is %s (%s) with %+v", r.Verdict, r.Reason, r.Table)
	}
	hidden := []string{"no nftables rule here uses conntrack", "accounting is off", "time stamps are off", "events are on demand"}
	for _, what := range hidden {
		if !said(r, what) {
			t.Errorf("not said of a fresh namespace: %s", what)
		}
	}

	netnstest.Track(t, ns)
	settings := sysctl.Open(ns)
	for key, v := range map[string]int64{"acct": 1, "timestamp": 1, "events": 0} {
		if _, err := settings.SetInt(key, v); err != nil {
			t.Fatal(err)
		}
	}
	r = examine()
	for _, what := range hidden {
		if said(r, what) {
			t.Errorf("still said: %s", what)
		}
	}
	if !said(r, "rules track: no packet has passed") || !said(r, "events are off") || r.Table.TrackingRules == 0 {
		t.Errorf("not said of a namespace with a rule and without events: %v", r.Findings)
	}
}

// Every probe that is not plainly good is named among the findings.
func TestFeaturesAreNamed(t *testing.T) {
	r, err := Examine(context.Background(), netnstest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Features {
		bad := f.State == probe.Broken || f.State == probe.Absent
		named := said(r, "missing in this kernel: "+f.Name) || said(r, "defect of this kernel: "+f.Name+": ")
		if bad != named {
			t.Errorf("%s is %s, and among the findings: %v", f.Name, f.State, named)
		}
	}
}

func TestConcludeFull(t *testing.T) {
	r := &Report{Verdict: Usable, Table: Table{Entries: 900, Max: 1000, Buckets: 100, TrackingRules: 1}}
	r.conclude()
	if !said(r, "90 % full") || !said(r, "10 times the number of buckets") {
		t.Errorf("said of a nearly full table: %v", r.Findings)
	}
}

func TestExamineEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, err := Examine(ctx, nil); err == nil {
		t.Errorf("a cancelled examination says %v", r.Verdict)
	}
}
