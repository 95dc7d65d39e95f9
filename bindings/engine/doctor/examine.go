package doctor

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/probe"
	"github.com/ctsh/ctsh/bindings/kernel/module"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// modules are those of interest, and what for.
var modules = []struct{ name, purpose string }{
	{"nf_conntrack", "connection tracking"},
	{"nf_conntrack_netlink", "reading and changing it from user space"},
	{"nf_nat", "translation"},
	{"nfnetlink_cttimeout", "timeout policies"},
	{"nfnetlink_cthelper", "helpers in user space"},
	{"nf_flow_table", "offloaded flows"},
	{"nf_tables", "rules, which make the kernel track"},
}

// parameters are the ones of nf_conntrack that change what is seen.
var parameters = []string{"acct", "tstamp", "hashsize", "expect_hashsize", "enable_hooks"}

// Examine looks at a network namespace, nil for that of the process. An error
// is the end of ctx; whatever else fails is part of the report.
func Examine(ctx context.Context, ns *netns.NS) (*Report, error) {
	r := &Report{Verdict: Usable, Kernel: release(), Place: place(ns)}
	r.examineModules()
	table := sysctl.Open(ns)
	r.examineSysctls(table)
	r.examineTable(ctx, ns, table)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, f := range probe.All() {
		r.Features = append(r.Features, Feature{f.ID, f.Group, f.Name, f.Since, f.Needs, f.Without, f.Verdict()})
	}
	r.conclude()
	return r, ctx.Err()
}

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

func place(ns *netns.NS) Place {
	p := Place{Namespace: "this network namespace", UID: os.Getuid(), NetAdmin: netns.HasCap(unix.CAP_NET_ADMIN), InitialUserNS: !netns.InUserNS()}
	if ns != nil {
		p.Namespace = "network namespace " + ns.String()
	}
	return p
}

func (r *Report) examineModules() {
	for _, m := range modules {
		facts := module.Lookup(m.name)
		out := Module{Name: m.name, For: m.purpose, State: facts.State.String(), Evidence: facts.Evidence, Filename: facts.Filename, Version: facts.Version}
		if m.name == "nf_conntrack" {
			for _, name := range parameters {
				out.Parameters = append(out.Parameters, parameter(&facts, name))
			}
		}
		r.Modules = append(r.Modules, out)
	}
}

func parameter(facts *module.Facts, name string) Parameter {
	p, ok := facts.Parameter(name)
	switch {
	case !ok:
		return Parameter{Name: name, Note: "not shown by this kernel"}
	case !p.HasValue:
		return Parameter{Name: name, Note: p.Source}
	}
	return Parameter{Name: name, Value: &p.Value}
}

func (r *Report) examineSysctls(table *sysctl.Table) {
	list, err := table.List()
	if err != nil {
		r.Findings = append(r.Findings, Finding{What: "the sysctls cannot be read: " + err.Error()})
		return
	}
	for _, e := range list {
		if !e.Present {
			continue
		}
		s := Sysctl{Name: e.Name, Value: e.Value, Unit: e.Kind.String(), Scope: e.Scope.String(), Meaning: e.Meaning,
			Default: e.Computed == "" && e.Value == e.Key.Default}
		if e.Err != nil {
			s.Error = e.Err.Error()
		}
		r.Sysctls = append(r.Sysctls, s)
	}
}

// examineTable reads what is in the table, and so finds out whether it can be.
func (r *Report) examineTable(ctx context.Context, ns *netns.NS, table *sysctl.Table) {
	kernel := conntrack.Open(ns)
	defer kernel.Close()
	totals, err := kernel.Count(ctx)
	var privilege *conntrack.PrivilegeError
	switch {
	case errors.As(err, &privilege):
		r.Verdict, r.Reason = NoPrivilege, err.Error()
		return
	case err != nil:
		r.Verdict, r.Reason = NotUsable, err.Error()
		return
	}
	r.Table.Entries = int64(totals.Entries)
	// What an old kernel or a container does not show stays 0.
	r.Table.Max, _ = table.Get("nf_conntrack_max")
	r.Table.Buckets, _ = table.Get("nf_conntrack_buckets")
	if r.Table.TrackingRules, err = probe.TrackingRules(ns); err != nil {
		r.Findings = append(r.Findings, Finding{What: "the nftables rules cannot be read: " + err.Error()})
	}
}
