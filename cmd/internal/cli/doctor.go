package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ctsh/ctsh/bindings/engine/doctor"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/lua/luaerr"
)

func (p *Program) doctorCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "examine what connection tracking can do here, and what stands in the way",
		Long: `doctor examines the kernel, its modules and settings, the privileges of this
process and the table, tries every feature in a network namespace made for
that, and says what is missing or broken and what to do.

It changes nothing and loads no module. Exit codes: 0 usable, 5 no privilege,
1 not usable.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.enter(opt, nil, func() error { return p.doctor(cmd.Context(), opt) })
		},
	}
}

func (p *Program) doctor(ctx context.Context, opt *options) error {
	ctx, _, release := p.interruptible(ctx)
	defer release()
	if opt.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(opt.timeout))
		defer cancel()
	}
	var ns *netns.NS
	if opt.netns != "" {
		var err error
		if ns, err = netns.Open(opt.netns); err != nil {
			return namespaceError(err)
		}
		defer ns.Close()
	}
	report, err := doctor.Examine(ctx, ns)
	if err != nil {
		return luaerr.Interrupted(ctx)
	}
	if opt.json {
		enc := json.NewEncoder(p.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		err = writeReport(p.Stdout, report)
	}
	switch {
	case err != nil:
		return err
	case report.Verdict == doctor.NoPrivilege:
		return &exitStatus{luaerr.ExitNoPrivilege}
	case report.Verdict != doctor.Usable:
		return &exitStatus{luaerr.ExitScript}
	}
	return nil
}

var outcome = map[doctor.Verdict]string{
	doctor.Usable: "can be used", doctor.NoPrivilege: "lacks the privilege", doctor.NotUsable: "cannot be used",
}

// writeReport prints a report for people: first what matters.
func writeReport(out io.Writer, r *doctor.Report) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	line("ctsh %s here: Linux %s, %s, uid %d%s", outcome[r.Verdict], r.Kernel, r.Place.Namespace, r.Place.UID, userNamespace(r.Place))
	if r.Reason != "" {
		line("  %s", r.Reason)
	}
	if r.Verdict == doctor.Usable {
		line("table: %d entries of %d, %d buckets, %d nftables rules that track", r.Table.Entries, r.Table.Max, r.Table.Buckets, r.Table.TrackingRules)
	}
	if len(r.Findings) > 0 {
		line("\nfindings")
	}
	for _, f := range r.Findings {
		line("  * %s", f.What)
		if f.Do != "" {
			line("      %s", f.Do)
		}
	}
	line("\nmodules")
	for _, m := range r.Modules {
		line("  %s\t%s\t%s\t%s", m.Name, m.State, m.For, m.Version)
		for _, q := range m.Parameters {
			if q.Value != nil {
				line("    %s\t%s\t\t", q.Name, *q.Value)
			} else {
				line("    %s\t-\t%s\t", q.Name, q.Note)
			}
		}
	}
	group := ""
	for _, f := range r.Features {
		if f.Group != group {
			group = f.Group
			line("\n%s", group)
		}
		line("  %s\t%s\t%s", f.Name, f.State, remark(f))
	}
	line("\nsysctls")
	for _, s := range r.Sysctls {
		value := fmt.Sprint(s.Value)
		if s.Error != "" {
			value = "?"
		}
		line("  %s\t%s\t%s\t%s", s.Name, value, s.Scope, s.Meaning)
	}
	return w.Flush()
}

// remark is what is said of a feature beside its verdict.
func remark(f doctor.Feature) string {
	if f.Without != "" && f.State.String() != "ok" {
		return f.Detail + "; here: " + f.Without
	}
	return f.Detail
}

func userNamespace(p doctor.Place) string {
	s := ", without CAP_NET_ADMIN"
	if p.NetAdmin {
		s = ", with CAP_NET_ADMIN"
	}
	if p.InitialUserNS {
		return s
	}
	return s + " in a user namespace of its own"
}
