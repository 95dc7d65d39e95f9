package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/doctor"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/probe"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// Here, without a scratch namespace: what the doctor says agrees with what the
// process may do.
func TestDoctorHere(t *testing.T) {
	code, stdout, stderr := run(t, "", "--json", "doctor")
	var r doctor.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	want := map[doctor.Verdict]int{doctor.Usable: 0, doctor.NoPrivilege: 5, doctor.NotUsable: 1}[r.Verdict]
	if code != want {
		t.Errorf("%s ends with %d, want %d", r.Verdict, code, want)
	}
	if !netns.HasCap(unix.CAP_NET_ADMIN) && (r.Verdict != doctor.NoPrivilege || !strings.Contains(r.Reason, "CAP_NET_ADMIN")) {
		t.Errorf("without the capability the verdict is %s: %s", r.Verdict, r.Reason)
	}
	if len(r.Features) < 20 || len(r.Sysctls) < 20 || len(r.Modules) < 5 || r.Kernel == "" {
		t.Errorf("%d features, %d sysctls, %d modules of kernel %q", len(r.Features), len(r.Sysctls), len(r.Modules), r.Kernel)
	}
}

// A report that has everything in it is printed with the defects first.
func TestWriteReport(t *testing.T) {
	yes := "Y"
	r := &doctor.Report{
		Verdict: doctor.NotUsable, Reason: "no conntrack", Kernel: "6.1", Place: doctor.Place{Namespace: "blue", NetAdmin: true},
		Findings: []doctor.Finding{{What: "it is broken", Do: "mend it"}},
		Modules:  []doctor.Module{{Name: "nf_conntrack", State: "absent", Parameters: []doctor.Parameter{{Name: "acct", Value: &yes}, {Name: "x", Note: "not shown"}}}},
		Features: []doctor.Feature{{Group: "filters", Name: "one", Without: "in Go", Verdict: probe.Verdict{State: probe.Broken, Detail: "inverted"}}},
		Sysctls:  []doctor.Sysctl{{Name: "a", Value: 5, Scope: "global"}, {Name: "b", Error: "no"}},
	}
	var out bytes.Buffer
	if err := writeReport(&out, r); err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, part := range []string{"ctsh cannot be used here", "in a user namespace of its own", "no conntrack", "* it is broken", "mend it",
		"nf_conntrack", "acct", "Y", "not shown", "filters", "broken", "inverted; here: in Go", "sysctls", "5", "?"} {
		i := strings.Index(out.String()[at:], part)
		if i < 0 {
			t.Fatalf("no %q behind\n%s", part, out.String()[:at])
		}
		at += i
	}
}
