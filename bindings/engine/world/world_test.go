package world

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/address"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/ruleset"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

func addr(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }

// plain makes a root of sysctls that holds the given files.
func plain(t testing.TB, values map[string]string) *sysctl.Table {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "net", "netfilter")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, v := range values {
		if err := os.WriteFile(filepath.Join(dir, "nf_conntrack_"+name), []byte(v+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return sysctl.OpenRoot(strings.TrimSuffix(dir, "/net/netfilter"))
}

// defaults are the timeouts of a new namespace that the tests ask for.
func defaults() map[string]string {
	return map[string]string{"udp_timeout": "30", "udp_timeout_stream": "120", "icmp_timeout": "30", "generic_timeout": "600",
		"tcp_timeout_syn_sent": "120", "tcp_timeout_syn_recv": "60", "tcp_timeout_established": "432000", "tcp_timeout_close": "10",
		"tcp_timeout_max_retrans": "300", "tcp_timeout_unacknowledged": "300"}
}

// on makes a source of a fake kernel and of sysctls.
func on(t testing.TB, k conntrack.Kernel, values map[string]string) *Source {
	s := Of(nil, k, func() time.Time { return time.Unix(100, 5) })
	s.timeouts = plain(t, values).Timeouts
	s.objects = func() ([]ruleset.Timeout, error) { return nil, nil }
	return s
}

func client(t testing.TB, opt fake.Options) conntrack.Kernel {
	k := fake.New(opt).Client()
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func TestLook(t *testing.T) {
	s := on(t, client(t, fake.Options{}), defaults())
	if s.Err() != nil {
		t.Errorf("before the first look: %v", s.Err())
	}
	w := s.Look()
	if w.Now != 100_000_000_005 || w.Netns != "" {
		t.Errorf("%+v", w)
	}
	if sec, ok := w.Timeout(flow(wire.ProtoUDP, 0, assured, 1)); sec != 120 || !ok {
		t.Errorf("UDP stream: %d %v", sec, ok)
	}
	if sec, ok := w.Timeout(flow(wire.ProtoTCP, tcpEstablished, assured, 400000)); sec != 432000 || !ok {
		t.Errorf("ESTABLISHED: %d %v", sec, ok)
	}
	for text, want := range map[string]bool{"127.0.0.1": true, "203.0.113.77": false} {
		if local, known := w.Local(addr(text)); local != want || !known {
			t.Errorf("%s: local %v, known %v", text, local, known)
		}
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

// The field idle is full less left less the second that the kernel may have cut
// off, and absent where more is left than full.
func TestIdle(t *testing.T) {
	s := on(t, client(t, fake.Options{}), defaults())
	idle, _ := field.Flow.Lookup("idle")
	for _, c := range []struct {
		left uint32
		want float64
		ok   bool
	}{{30, 0, true}, {29, 0, true}, {12, 17, true}, {0, 29, true}, {31, 0, false}, {86400, 0, false}} {
		var r field.Row
		r.In(s.Look())
		r.ResetFlow(flow(wire.ProtoUDP, 0, 0, c.left))
		if v, ok := idle.Of(&r); v.Num != c.want || ok != c.ok {
			t.Errorf("%d s left: idle %v %v", c.left, v.Num, ok)
		}
	}
}

// Settings are read when a flow asks, once a look, and anew by the next.
func TestLookReadsLazilyAndOnce(t *testing.T) {
	s := on(t, client(t, fake.Options{}), defaults())
	var sysctls, objects, addrs atomic.Int32
	readTimeouts, readAddrs := s.timeouts, s.addrs
	s.objects = func() ([]ruleset.Timeout, error) { objects.Add(1); return nil, nil }
	s.timeouts = func() (sysctl.Timeouts, error) { sysctls.Add(1); return readTimeouts() }
	s.addrs = func() (address.Set, error) { addrs.Add(1); return readAddrs() }
	w := s.Look()
	if sysctls.Load() != 0 || objects.Load() != 0 || addrs.Load() != 0 {
		t.Fatal("read before anything asked")
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				w.Timeout(flow(wire.ProtoUDP, 0, 0, 1))
				w.Local(addr("10.0.0.1"))
			}
		})
	}
	wg.Wait()
	if sysctls.Load() != 1 || objects.Load() != 1 || addrs.Load() != 1 {
		t.Errorf("read %d, %d and %d times", sysctls.Load(), objects.Load(), addrs.Load())
	}
	s.Look().Timeout(flow(wire.ProtoUDP, 0, 0, 1))
	if sysctls.Load() != 2 || objects.Load() != 2 || addrs.Load() != 1 {
		t.Errorf("after another look: %d, %d and %d times", sysctls.Load(), objects.Load(), addrs.Load())
	}
}

func TestPoliciesOfTheKernel(t *testing.T) {
	k := client(t, fake.Options{})
	s := on(t, k, defaults())
	add := &wire.TimeoutAdd{Timeout: wire.Timeout{Name: "short", Family: wire.FamilyIPv4, Proto: wire.ProtoUDP}}
	if err := add.Timeout.Set("replied", 5); err != nil {
		t.Fatal(err)
	}
	before := s.Look()
	if _, ok := before.Timeout(flow(wire.ProtoUDP, 0, 0, 1)); !ok {
		t.Error("UDP is unknown without a policy")
	}
	if err := k.Do(t.Context(), add); err != nil {
		t.Fatal(err)
	}
	w := s.Look()
	if _, ok := w.Timeout(flow(wire.ProtoUDP, 0, 0, 1)); ok {
		t.Error("UDP is known with a policy")
	}
	if _, ok := w.Timeout(flow(wire.ProtoICMP, 0, 0, 1)); !ok || s.Err() != nil {
		t.Errorf("ICMP is unknown: %v", s.Err())
	}
}

// An object of nftables counts as a policy, whether the kernel has policies or
// not, and where objects cannot be listed every timeout is unknown.
func TestObjectsOfTheRules(t *testing.T) {
	udp, tcp := flow(wire.ProtoUDP, 0, 0, 1), flow(wire.ProtoTCP, tcpSynSent2, replied, 1)
	udp6 := *udp
	udp6.Orig.Family = wire.FamilyIPv6
	for name, opt := range map[string]fake.Options{"with policies": {}, "without": {WithoutTimeouts: true}} {
		s := on(t, client(t, opt), defaults())
		s.objects = func() ([]ruleset.Timeout, error) {
			return []ruleset.Timeout{{Family: wire.FamilyIPv4, Proto: wire.ProtoUDP}}, nil
		}
		w := s.Look()
		for f, want := range map[*wire.Flow]bool{udp: false, &udp6: true, tcp: true} {
			if _, ok := w.Timeout(f); ok != want || s.Err() != nil {
				t.Errorf("%s: %s of family %d: known %v, %v", name, f.Orig, f.Orig.Family, ok, s.Err())
			}
		}
		s.objects = func() ([]ruleset.Timeout, error) { return nil, ruleset.ErrBusy }
		if _, ok := s.Look().Timeout(tcp); ok || !errors.Is(s.Err(), ruleset.ErrBusy) {
			t.Errorf("%s: known %v without the objects, %v", name, ok, s.Err())
		}
	}
}

// SYN_SENT2 has no sysctl: the kernel's own default counts, whatever that of
// SYN_SENT is.
func TestSynSent2(t *testing.T) {
	values := defaults()
	values["tcp_timeout_syn_sent"] = "7"
	f := flow(wire.ProtoTCP, tcpSynSent2, replied, 1)

	for name, opt := range map[string]fake.Options{"with policies": {}, "without": {WithoutTimeouts: true}} {
		s := on(t, client(t, opt), values)
		if sec, ok := s.Look().Timeout(f); sec != 120 || !ok || s.Err() != nil {
			t.Errorf("%s: %d %v, %v", name, sec, ok, s.Err())
		}
	}
	k := client(t, fake.Options{})
	set := &wire.TimeoutDefaultSet{Timeout: wire.Timeout{Family: wire.FamilyIPv4, Proto: wire.ProtoTCP}}
	if err := set.Timeout.Set("syn_sent2", 44); err != nil {
		t.Fatal(err)
	}
	if err := k.Do(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	if sec, ok := on(t, k, values).Look().Timeout(f); sec != 44 || !ok {
		t.Errorf("set: %d %v, want 44", sec, ok)
	}
	s := on(t, mute{k}, values)
	if _, ok := s.Look().Timeout(f); ok || s.Err() != nil {
		t.Errorf("of a kernel that does not tell: %v, %v", ok, s.Err())
	}
}

// mute is a kernel that knows policies and does not tell defaults.
type mute struct{ conntrack.Kernel }

func (mute) GetTimeout(context.Context, wire.Request, *wire.Timeout) (bool, error) {
	return false, &conntrack.Error{Op: "get default timeouts", Reason: "not known"}
}

func TestFailures(t *testing.T) {
	f := flow(wire.ProtoUDP, 0, 0, 1)
	powerless := client(t, fake.Options{Unprivileged: true})
	s := on(t, powerless, defaults())
	var privilege *conntrack.PrivilegeError
	if _, ok := s.Look().Timeout(f); ok || !errors.As(s.Err(), &privilege) {
		t.Errorf("known %v, %v, want a PrivilegeError", ok, s.Err())
	}
	s.Look()
	if s.Err() != nil {
		t.Errorf("a look that read nothing has failed: %v", s.Err())
	}

	values := defaults()
	values["udp_timeout"] = "odd"
	s = on(t, client(t, fake.Options{}), values)
	noAddrs := errors.New("no addresses today")
	s.addrs = func() (address.Set, error) { return address.Set{}, noAddrs }
	w := s.Look()
	if _, ok := w.Timeout(f); ok || s.Err() == nil {
		t.Errorf("with an odd sysctl: known %v, %v", ok, s.Err())
	}
	for _, text := range []string{"10.0.0.1", "127.0.0.1"} {
		if local, known := w.Local(addr(text)); local || known {
			t.Errorf("%s: local %v, known %v", text, local, known)
		}
	}
	if err := s.Err(); !errors.Is(err, noAddrs) || !strings.Contains(err.Error(), "udp_timeout") || !strings.Contains(err.Error(), "local addresses") {
		t.Errorf("%v, want both failures", err)
	}
}

func TestWorldAllocatesNothingPerFlow(t *testing.T) {
	w := on(t, client(t, fake.Options{}), defaults()).Look()
	flows := manyFlows()
	if n := testing.AllocsPerRun(100, func() {
		for _, f := range flows {
			w.Timeout(f)
			w.Local(f.Orig.Src)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
