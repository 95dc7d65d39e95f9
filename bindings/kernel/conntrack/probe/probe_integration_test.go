package probe

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// Every feature gets a verdict, and one that is not plainly good says why.
func TestAll(t *testing.T) {
	netnstest.New(t) // skips where nothing can be tried
	ids := map[string]bool{}
	for _, f := range All() {
		v := f.Verdict()
		t.Logf("%-22s %-8s %s", f.ID, v.State, v.Detail)
		if ids[f.ID] {
			t.Errorf("%s stands twice in the table", f.ID)
		}
		ids[f.ID] = true
		if v.State == Unknown && !strings.Contains(v.Detail, "not loaded") {
			t.Errorf("%s could not be tried: %s", f.ID, v.Detail)
		}
		if v.State != OK && v.Detail == "" {
			t.Errorf("%s is %s and does not say why", f.ID, v.State)
		}
		if v.State != OK && f.Without == "" {
			t.Errorf("%s is %s and does not say what is done without it", f.ID, v.State)
		}
		if again := f.Verdict(); again != v {
			t.Errorf("%s is %v, and then %v", f.ID, v, again)
		}
	}
}

// What the conformance suite shows of a kernel since 6.14 by its own
// experiments must be what the probes say of it.
func TestAgreesWithConformance(t *testing.T) {
	netnstest.New(t)
	if v := Lookup("event-time").Verdict(); v.State != OK {
		t.Logf("a kernel before 6.14: %s", v.Detail)
		return
	}
	want := map[string]State{
		FilterFamily: OK, FilterMark: OK, FilterStatus: OK, FilterZone: OK, FilterTuple: OK,
		"filter-other-ports": Broken, "filter-tuple-zone": Broken, "dump-filtered": OK, "dump-zero": OK, "dump-dying": OK,
		"flush-family": OK, "delete-id": OK, "nat": OK, "expectations": OK, "labels": OK,
		"events": OK, "event-bpf": OK, "event-reliable": OK, "event-all-namespaces": OK,
	}
	for id, state := range want {
		if v := Lookup(id).Verdict(); v.State != state {
			t.Errorf("%s is %s (%s), want %s", id, v.State, v.Detail, state)
		}
	}
	if v := Lookup("filter-ipv6").Verdict(); v.State == Broken && !strings.Contains(v.Detail, "inverted") {
		t.Errorf("the defect of IPv6 filters is not named: %s", v.Detail)
	}
	force := Lookup("event-buffer").Verdict()
	if inInitial := !netns.InUserNS() && netns.HasCap(unix.CAP_NET_ADMIN); (force.State == OK) != inInitial {
		t.Errorf("a big buffer is %s (%s), in the initial user namespace: %v", force.State, force.Detail, inInitial)
	}
}

// The configuration of the kernel, where it can be read, agrees with what was
// found by trying.
func TestAgreesWithConfig(t *testing.T) {
	netnstest.New(t)
	f, err := os.Open("/proc/config.gz")
	if err != nil {
		t.Logf("this kernel does not tell its configuration: %v", err)
		return
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	config, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	option := regexp.MustCompile(`CONFIG_[A-Z0-9_]+`)
	checked := 0
	for _, f := range features {
		name := option.FindString(f.Needs)
		if name == "" || f.ID == "secctx" || f.ID == "dccp" {
			continue // more than one option decides
		}
		builtIn := strings.Contains(string(config), "\n"+name+"=y\n")
		set := builtIn || strings.Contains(string(config), "\n"+name+"=m\n")
		v := f.Verdict()
		if builtIn && v.State == Absent || !set && v.State == OK {
			t.Errorf("%s is %s (%s), and %s is set: %v", f.ID, v.State, v.Detail, name, set)
		}
		checked++
	}
	if checked < 5 {
		t.Errorf("only %d features were checked", checked)
	}
}

func TestVerdictJSON(t *testing.T) {
	b, err := json.Marshal(Verdict{Broken, "inverted"})
	if err != nil || string(b) != `{"state":"broken","detail":"inverted"}` {
		t.Errorf("%s, %v", b, err)
	}
	var v Verdict
	if err := json.Unmarshal(b, &v); err != nil || v != (Verdict{Broken, "inverted"}) {
		t.Errorf("read back as %v, %v", v, err)
	}
	if err := json.Unmarshal([]byte(`{"state":"fine"}`), &v); err == nil {
		t.Error("a state that does not exist was read")
	}
}

func TestLookupPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an id that does not exist was found")
		}
	}()
	Lookup("no-such-feature")
}

func TestTrackingRules(t *testing.T) {
	ns := netnstest.New(t)
	for _, step := range []struct {
		rules string
		want  int
	}{
		{"", 0},
		{"add table inet a; add chain inet a c { type filter hook input priority 0; }; add rule inet a c tcp dport 22 accept", 0},
		{"add rule inet a c ct state established accept", 1},
		{"add table ip n; add chain ip n c { type nat hook postrouting priority 100; }; add rule ip n c masquerade", 2},
	} {
		if step.rules != "" {
			netnstest.Run(t, ns, "nft", step.rules)
		}
		if n, err := TrackingRules(ns); err != nil || n != step.want {
			t.Errorf("after %q: %d rules track, %v; want %d", step.rules, n, err, step.want)
		}
	}
}
