package sysctl

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// plain lays sysctls out as files.
func plain(t *testing.T, values map[string]string) (*Table, string) {
	t.Helper()
	root := t.TempDir()
	for name, v := range values {
		path := filepath.Join(root, strings.ReplaceAll(name, ".", "/"))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(v), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return OpenRoot(root), root
}

// TestReplace sets only what has the value that is named.
func TestReplace(t *testing.T) {
	table, _ := plain(t, map[string]string{"net.netfilter.nf_conntrack_udp_timeout": "30\n", "net.netfilter.nf_conntrack_buckets": "1024\n"})
	change, had, err := table.Replace("udp_timeout", 30, 60)
	if err != nil || !had || change.Was != 30 || change.Now != 60 {
		t.Errorf("%+v %v, %v", change, had, err)
	}
	change, had, err = table.Replace("udp_timeout", 30, 90)
	if err != nil || had || change.Was != 60 || change.Now != 60 {
		t.Errorf("another value: %+v %v, %v", change, had, err)
	}
	if v, err := table.Get("udp_timeout"); v != 60 || err != nil {
		t.Errorf("it is %d now, %v", v, err)
	}
	if change, had, err = table.Replace("buckets", 1000, 512); err != nil || !had || change.Now != 512 {
		t.Errorf("a value that is rounded: %+v %v, %v", change, had, err)
	}
	for _, name := range []string{"udp_timout", "count", "acct"} {
		if _, had, err := table.Replace(name, 0, 1); err == nil || had {
			t.Errorf("%s: %v", name, had)
		}
	}
	if _, had, err := table.Replace("udp_timeout", 60, -1); err == nil || had {
		t.Errorf("a value that does not fit: %v", had)
	}
}

func TestDeclarations(t *testing.T) {
	seen := map[string]string{}
	for _, k := range Keys() {
		for _, name := range []string{k.Name, k.Alias, k.file()} {
			if other, ok := seen[name]; ok && other != k.Name {
				t.Errorf("%q means both %s and %s", name, other, k.Name)
			}
			seen[name] = k.Name
		}
		if alias, ok := strings.CutPrefix(k.Name, conntrack); ok && alias != k.Alias {
			t.Errorf("%s has the alias %q", k.Name, k.Alias)
		}
		if k.Meaning == "" || strings.ContainsAny(k.Meaning+k.Hides+k.Optional+k.Computed, "\n") {
			t.Errorf("%s: meaning and remarks are one line each", k.Name)
		}
		if k.Max <= k.Min {
			t.Errorf("%s: bounds %d to %d", k.Name, k.Min, k.Max)
		}
		if k.Computed == "" && !k.ReadOnly && (k.Default < k.Min || k.Default > k.Max) {
			t.Errorf("%s: default %d is out of bounds", k.Name, k.Default)
		}
		if k.Computed != "" && k.Default != 0 {
			t.Errorf("%s: a computed default and %d", k.Name, k.Default)
		}
	}
}

func TestLookup(t *testing.T) {
	for name, want := range map[string]string{
		"acct": "acct", "nf_conntrack_acct": "acct", "net.netfilter.nf_conntrack_acct": "acct",
		"net/netfilter/nf_conntrack_acct": "acct", "/proc/sys/net/netfilter/nf_conntrack_acct": "acct",
		"max": "max", "nf_conntrack_max": "max", "net.nf_conntrack_max": "net_max", "net_max": "net_max",
		"rmem_max": "rmem_max", "net.core.rmem_max": "rmem_max", "flowtable_tcp_timeout": "flowtable_tcp_timeout",
	} {
		if k, err := Lookup(name); err != nil || k.Alias != want {
			t.Errorf("Lookup(%q) = %s, %v", name, k.Name, err)
		}
	}
	for name, nearest := range map[string]string{
		"acc": "acct", "tcp_timeout_estabished": "tcp_timeout_established", "nf_conntrack_timestmp": "nf_conntrack_timestamp",
		"": "", "kernel.hostname": "", "../../kernel/hostname": "",
	} {
		_, err := Lookup(name)
		var unknown *UnknownKeyError
		if !errors.As(err, &unknown) || unknown.Nearest != nearest {
			t.Errorf("Lookup(%q): %v, want %q", name, err, nearest)
		}
	}
}

func TestPlainFiles(t *testing.T) {
	table, root := plain(t, map[string]string{
		"net.netfilter.nf_conntrack_count": "12\n", "net.netfilter.nf_conntrack_acct": "0\n",
		"net.netfilter.nf_conntrack_udp_timeout": "30\n", "net.netfilter.nf_conntrack_checksum": "odd\n",
		"net.netfilter.nf_conntrack_tcp_timeout_established": "432000\n",
		"net.netfilter.nf_conntrack_sctp_timeout_closed":     "10\n",
	})
	if v, err := table.Get("count"); v != 12 || err != nil {
		t.Errorf("count: %d, %v", v, err)
	}
	change, err := table.Set("udp_timeout", "1m30s")
	if err != nil || change.Was != 30 || change.Now != 90 || change.Key.Alias != "udp_timeout" {
		t.Errorf("%+v, %v", change, err)
	}
	if raw, _ := os.ReadFile(filepath.Join(root, "net/netfilter/nf_conntrack_udp_timeout")); string(raw) != "90\n" {
		t.Errorf("the file holds %q", raw)
	}
	if _, err := table.Get("checksum"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an odd file: %v", err)
	}
	var absent *AbsentError
	if _, err := table.Get("helper"); !errors.As(err, &absent) || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "Linux 6.0") {
		t.Errorf("an absent key: %v", err)
	}
	if _, err := table.SetInt("tcp_loose", 1); !errors.As(err, &absent) {
		t.Errorf("set of an absent key: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "net/netfilter/nf_conntrack_tcp_loose")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("an absent key was made")
	}
	var readOnly *ReadOnlyError
	if _, err := table.Set("count", "0"); !errors.As(err, &readOnly) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("set of count: %v", err)
	}
	timeouts, err := table.Timeouts()
	if err != nil || timeouts.UDP != 90*time.Second || timeouts.TCP[3] != 120*time.Hour || timeouts.SCTP[1] != 10*time.Second || timeouts.ICMP != 0 {
		t.Errorf("%+v, %v", timeouts, err)
	}
	entries, err := table.List()
	if err != nil || len(entries) != len(Keys()) {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	present := 0
	for _, e := range entries {
		if e.Present {
			present++
		}
		if e.Alias == "checksum" && e.Err == nil || e.Alias != "checksum" && e.Err != nil {
			t.Errorf("%s: %v", e.Alias, e.Err)
		}
	}
	if present != 6 {
		t.Errorf("%d present keys", present)
	}
	empty, _ := plain(t, nil)
	if _, err := empty.Get("acct"); err == nil || !strings.Contains(err.Error(), "not loaded") {
		t.Errorf("without the module: %v", err)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		key, text string
		want      int64
		ok        bool
	}{
		{"acct", "1", 1, true}, {"acct", "on", 1, true}, {"acct", "off", 0, true}, {"acct", "true", 1, true},
		{"acct", "2", 0, false}, {"acct", "On", 0, false}, {"acct", "", 0, false}, {"acct", "-1", 0, false},
		{"events", "2", 2, true}, {"events", "3", 0, false}, {"events", "on", 0, false},
		{"udp_timeout", "30", 30, true}, {"udp_timeout", "5m", 300, true}, {"udp_timeout", "1h30m", 5400, true}, {"udp_timeout", "5d", 432000, true},
		{"udp_timeout", "0", 0, true}, {"udp_timeout", "-1", 0, false}, {"udp_timeout", "+1", 0, false}, {"udp_timeout", " 1", 0, false},
		{"udp_timeout", "1.5m", 0, false}, {"udp_timeout", "30m1h", 0, false}, {"udp_timeout", "1m1m", 0, false}, {"udp_timeout", "m", 0, false},
		{"udp_timeout", "1m30", 0, false}, {"udp_timeout", "010", 0, false}, {"udp_timeout", "0x10", 0, false}, {"udp_timeout", "5 m", 0, false},
		{"udp_timeout", "2147483647", math.MaxInt32, true}, {"udp_timeout", "2147483648", 0, false}, {"udp_timeout", "99999999999999999999", 0, false},
		{"udp_timeout", "106751991167301d", 0, false},
		{"frag6_high_thresh", "4MiB", 4 << 20, true}, {"frag6_high_thresh", "4MB", 4e6, true}, {"frag6_high_thresh", "64k", 64000, true},
		{"frag6_high_thresh", "9223372036854775807GiB", 0, false}, {"frag6_high_thresh", "4MiB1", 0, false}, {"frag6_high_thresh", "1MB1kB", 0, false},
		{"max", "250k", 250000, true}, {"max", "1M", 1000000, true}, {"max", "1MiB", 0, false}, {"buckets", "0", 0, false},
		{"log_invalid", "tcp", 6, true}, {"log_invalid", "all", 255, true}, {"log_invalid", "off", 0, true}, {"log_invalid", "47", 47, true},
		{"log_invalid", "256", 0, false}, {"log_invalid", "tpc", 0, false},
	} {
		k, err := Lookup(c.key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.Parse(c.text)
		var bad *ValueError
		if c.ok && (err != nil || got != c.want) || !c.ok && !errors.As(err, &bad) {
			t.Errorf("%s = %q: %d, %v", c.key, c.text, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0", "5m", "1h30m", "4MiB", "on", "tcp", "all", "9223372036854775807", "-1", "106751991167301d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range Keys() {
			v, err := k.Parse(text)
			if err != nil {
				continue
			}
			if text == "" || strings.ContainsAny(text, " \t\n+-.") {
				t.Errorf("%s: %q passed", k.Name, text)
			}
			if v < k.Min || v > k.Max {
				t.Errorf("%s: %q is %d, out of bounds", k.Name, text, v)
			}
			if back, err := k.Parse(k.Format(v)); back != v || err != nil {
				t.Errorf("%s: %d is written %q and read as %d, %v", k.Name, v, k.Format(v), back, err)
			}
		}
	})
}

func TestTimeoutsOf(t *testing.T) {
	timeouts := Timeouts{Generic: 1, ICMP: 2, ICMPv6: 3, UDP: 4, UDPStream: 5, GRE: 6, GREStream: 7}
	timeouts.TCP[3], timeouts.SCTP[8] = 8, 9
	for _, c := range []struct {
		proto, state uint8
		stream       bool
		want         time.Duration
	}{
		{1, 0, false, 2}, {58, 0, false, 3}, {17, 0, false, 4}, {17, 0, true, 5}, {136, 0, true, 5}, {47, 0, false, 6}, {47, 0, true, 7},
		{6, 3, true, 8}, {6, 9, true, 0}, {6, 200, true, 0}, {132, 8, false, 9}, {132, 9, false, 0}, {33, 1, false, 0}, {99, 0, false, 1},
	} {
		if got, ok := timeouts.Of(c.proto, c.state, c.stream); got != c.want || ok != (c.want > 0) {
			t.Errorf("protocol %d state %d: %v, %v", c.proto, c.state, got, ok)
		}
	}
}
