package filter

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/label"
	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// flow is a translated, replied TCP flow with every common field but counters.
func flow() *wire.Entry {
	e := &wire.Entry{}
	e.Orig = wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoTCP, SrcPort: 4000, DstPort: 443,
		Src: wire.AddrFrom(netip.MustParseAddr("10.0.0.1")), Dst: wire.AddrFrom(netip.MustParseAddr("192.0.2.1"))}
	e.Reply, _ = e.Orig.Invert()
	e.Reply.Dst = wire.AddrFrom(netip.MustParseAddr("203.0.113.9"))
	e.Reply.DstPort = 61000
	e.Status = wire.StatusSeenReply | wire.StatusAssured | wire.StatusConfirmed | wire.StatusSrcNAT
	e.Mark, e.State, e.Timeout, e.Labels = 0x2a, 3, 300, e.Labels.Set(5)
	e.Flow.Helper, e.Helper = wire.InternHelper([]byte("ftp")), "ftp"
	e.Present = wire.HasReply | wire.HasStatus | wire.HasMark | wire.HasState | wire.HasTimeout | wire.HasLabels | wire.HasHelper
	return e
}

var env = &Env{
	Label: func(name string) (int, error) {
		if name == "web" {
			return 5, nil
		}
		return 0, &label.UnknownError{Name: name, Nearest: suggest.Nearest(name, []string{"web"}), Path: "connlabel.conf"}
	},
	Service: func(name string) (uint16, bool) {
		p, ok := map[string]uint16{"https": 443, "ssh": 22}[name]
		return p, ok
	},
	Services: func() []string {
		return []string{"https", "ssh"}
	},
	ServiceName: func(p uint16) (string, bool) { return "https", p == 443 },
}

var params = Params{"1": "10.0.0.1", "net": "10.0.0.0/8", "list": []any{"192.0.2.1", "fd00::/8"}, "map": map[string]any{"443": true}, "n": 443.0, "proto": "tcp"}

func match(t *testing.T, text string) Tri {
	t.Helper()
	used := Params{}
	for name, v := range params {
		if strings.HasSuffix(text, "$"+name) {
			used[name] = v
		}
	}
	f, err := Compile(text, used, env)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var r field.Row
	r.ResetEntry(flow())
	again, err := Compile(f.String(), nil, env)
	if err != nil || again.String() != f.String() || again.Match(&r) != f.Match(&r) {
		t.Errorf("%s prints as %s, which reads as %s (%v)", text, f, again, err)
	}
	return f.Match(&r)
}

func TestMatch(t *testing.T) {
	for want, texts := range map[Tri][]string{
		True: {
			"tcp", "TCP", "proto == tcp", "proto = 6", "protonum == 6", "not udp", "!udp", "tcp and dport == https", "dport == 443 && sport > 1023",
			"src == 10.0.0.1", "src in 10.0.0.0/8", "src in {1.2.3.4, 10.0.0.0/24}", "src in 9.0.0.0..10.0.0.1", "src not in 192.168.0.0/16", "10.0.0.1 == src",
			"host == 203.0.113.9", "net in 203.0.113.0/24", "host in {203.0.113.9}", "port == 61000", "host != 9.9.9.9", "port in 60000..62000",
			"nat", "snat and not dnat", "assured", "assured == true", "dnat == false", "nat_src == 203.0.113.9", "state == ESTABLISHED", "state == established",
			"state in {SYN_SENT, ESTABLISHED}", "mark == 42", "mark == 0x2a", "mark == 0xa/0xf", "mark != 0xb/0xf", "mark & 0xf == 10", "timeout > 4m", "timeout <= 5m", "timeout == 300",
			"label == web", "label == 5", "labels == web", "label in {web}", "label != 6", "helper == ftp", "helper ~ \"F*\"", "helper ~ '?tp'", "lower(helper) == ftp",
			"dport in {80, 443}", "dport in 400..500", "dport in {22, 400 .. 500}", "net(src, 24) == 10.0.0.0", "svc(dport) == https", "dport - sport < 0", "abs(dport - sport) == 3557",
			"min(dport, sport) == 443", "max(dport, sport, 5) == 4000", "(dport + 1) * 2 == 888", "dport == 443 or udp and udp", "(udp or tcp) and dport == 443",
			"src == $1", "src in $net", "dst in $list", "dport in $map", "dport == $n", "proto == $proto", "has(mark)", "not has(bytes)", "zone == 0", "family == 4", "dport == 443 or bytes > 1",
		},
		False: {
			"udp", "dport == 80", "src == 10.0.0.2", "src in 11.0.0.0/8", "state != ESTABLISHED", "mark == 0xb/0xf", "label == 6", "has(bytes)", "not (tcp)", "dport not in {443}",
			"host == 9.9.9.9", "helper ~ \"s*\"", "unreplied", "dport == 80 and bytes > 1", "src == fd00::1", "net(src, 8) == 11.0.0.0",
		},
		Unknown: {
			"bytes > 10MB", "not bytes > 10MB", "not (bytes > 10MB)", "bytes in 1..5", "icmp_id == 1", "nat_dst == 10.0.0.1", "not nat_dst == 10.0.0.1", "bytes / packets > 1", "tcp and bytes > 1",
			"udp or bytes > 1", "secctx ~ \"a*\"", "start > 0", "dport / 0 > 1", "nat_dst in 10.0.0.0/8", "nat_dst not in 10.0.0.0/8", "min(dport, bytes) < 5", "bytes == packets",
		},
	} {
		for _, text := range texts {
			if got := match(t, text); got != want {
				t.Errorf("%s: %d, want %d", text, got, want)
			}
		}
	}
}

// TestErrors checks what is said of mistakes, and where.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		pos  int
		want string
	}{
		{"", 0, "empty; say ct.all"}, {"   ", 0, "empty"}, {"dport == htps", 9, `unknown service "htps"; did you mean "https"?`},
		{"dprot == 53", 0, `unknown field "dprot"; did you mean "dport"?`}, {"src > 5m", 0, "an address is compared with == and != only"},
		{"tcp and", 7, "want a field or value, got the end"}, {"tcp dport", 4, `want "and", "or" or the end, got "dport"`}, {"dport == ", 9, "want a field or value"},
		{"dport == 99999", 9, "dport: 99999 is out of range 0 to 65535"}, {"dport == 1.5.5", 9, "is not an IPv4 or IPv6 address"}, {"dport == 10.0.0.1", 9, "want a number, got an address"},
		{"src == 10.0.0.0/8", 7, `a network is matched with "in"`}, {"src in 10.0.0.1/8", 7, `did you mean "10.0.0.0/8"?`}, {"src == 5", 7, "want an address, got a number"},
		{"src == 300.1.1.1", 7, "is not an IPv4 or IPv6 address"}, {"src == ::1%eth0", 11, `want "and", "or" or the end, got "eth0"`}, {"bytes > 5m", 8, "a duration is compared with a size"},
		{"timeout > 5MB", 10, "a size is compared with a duration"}, {"bytes + timeout > 1", 6, "a size and a duration do not add up"}, {"state == ESTABLISHD", 9, `did you mean "ESTABLISHED"?`},
		{"proto == tpc", 9, `unknown protocol "tpc"; did you mean "tcp"?`}, {"tpc", 0, `unknown word "tpc"; did you mean "tcp"?`}, {"asured", 0, `did you mean "assured"?`},
		{"label == wob", 9, `unknown label "wob"; did you mean "web"?`}, {"dport", 0, "dport is a number and is compared, as in dport > 10"}, {"host", 0, "host is compared"},
		{"host > 1", 0, "compared with == and != only"}, {"1 == 1", 0, "two constants"}, {"src in {}", 8, "empty set"}, {"src in {10.0.0.1", 16, `want "," or "}"`}, {"src in", 6, "want a field or value"},
		{"mark == 0x10/0x1", 8, "bits outside its mask"}, {"dport == 0x1/0x1", 9, "a mask goes with mark and status"}, {"helper ~ 5", 9, "want a pattern in quotes"}, {"dport ~ \"5*\"", 0, "a pattern is matched against a text, not a number"},
		{"has(byts)", 4, `did you mean "bytes"?`}, {"has bytes", 4, `want "(" behind has`}, {"foo(src) == 1", 0, "unknown function"}, {"net(src) == 10.0.0.0", 0, "is called as in net(src, 24)"}, {"net(src, 33) == 10.0.0.0", 9, "prefix length from 0 to 32"},
		{"src == $9", 7, "parameter $9 was not given"}, {"src == $", 7, "a parameter is written"}, {`helper == "ftp`, 10, "closing quote"}, {"src == 10.0.0.1 # x", 16, "unexpected"}, {"((tcp)", 6, `want ")"`},
		{"src == 10.0.0.1 and dst == fd00::1", 20, "family of dst differs from that of src"}, {"tcp and udp", 8, "proto cannot be tcp and udp"}, {"dport == 1 and dport == 2", 15, "no flow could match"},
		{"dport in 9..1", 9, "is empty"}, {"dport in 1..10.0.0.1", 9, "its ends differ in kind"}, {"dport == 010", 9, "is not a number"}, {"dport == 5x", 9, "is no number"}, {"assured > true", 0, "compared with == and != only"},
		{"assured == 5", 11, "want true or false"}, {"mark & 5MB == 1", 5, "bits are those of plain numbers"}, {strings.Repeat("(", 200) + "tcp", 99, "nested deeper"}, {strings.Repeat("not ", 200) + "tcp", 396, "nested deeper"},
		{"dport" + strings.Repeat(" + 1", 200) + " > 1", 405, "operators in a row"}, {"mark == $x and tcp", 8, "parameter $x is nil"}, {"helper == $e", 10, "parameter $e is an empty string"}, {"src in $none", 7, "an empty set"},
	} {
		given := Params{}
		for name, v := range map[string]any{"x": nil, "e": "", "none": []any{}} {
			if strings.Contains(c.text, "$"+name) {
				given[name] = v
			}
		}
		_, err := Compile(c.text, given, env)
		e, ok := err.(*Error) //nolint:errorlint // Compile returns it as it is
		if !ok || !strings.Contains(e.Error(), c.want) || e.Pos != c.pos && len(c.text) < 60 || e.Text != c.text {
			t.Errorf("%.60s: %v at %v, want %q at %d", c.text, err, e, c.want, c.pos)
		}
	}
	if _, err := Compile("tcp", Params{"typo": 1.0}, env); err == nil || !strings.Contains(err.Error(), "$typo was given") {
		t.Error(err)
	}
}

func TestExcerpt(t *testing.T) {
	_, err := Compile("tcp and\n\tdprot == 5", nil, nil)
	if got := err.(*Error).Excerpt(); got != " dprot == 5\n ^" { //nolint:errorlint // Compile returns it as it is
		t.Errorf("%q", got)
	}
}

func TestTables(t *testing.T) {
	var r field.Row
	r.ResetEntry(flow())
	for _, c := range []struct {
		table map[string]any
		want  string // the filter as it prints, or the error
		match Tri
	}{
		{map[string]any{"proto": "tcp", "dport": []any{80.0, "https"}}, `dport in {80, https} and proto == tcp`, True},
		{map[string]any{"net": "10.0.0.0/8", "bytes": ">1MB"}, "bytes > 1MB and net in 10.0.0.0/8", Unknown},
		{map[string]any{"state": "!ESTABLISHED"}, `state != ESTABLISHED`, False}, {map[string]any{"mark": "0xa/0xf", "assured": true, "dnat": false}, "assured and not dnat and mark == 0xa/0xf", True},
		{map[string]any{"dport": "400..500", "label": "web"}, `dport in 400..500 and label == web`, True}, {map[string]any{"timeout": "<1h"}, "timeout < 1h", True},
		{map[string]any{"dport": "!1..5"}, "dport not in 1..5", True}, {map[string]any{"src": []any{"10.0.0.0/8", "fd00::1"}}, "src in {10.0.0.0/8, fd00::1}", True},
		{map[string]any{}, "empty; say ct.all", 0}, {map[string]any{"dport": ""}, "dport: empty string", 0}, {map[string]any{"dport": []any{}}, "dport: empty list", 0}, {map[string]any{"dport": []any{"", 1.0}}, "item 1 of the list is empty", 0},
		{map[string]any{"dprot": 5.0}, `unknown field "dprot"; did you mean "dport"?`, 0}, {map[string]any{"dport": "htps"}, `dport: unknown service "htps"; did you mean "https"?`, 0},
		{map[string]any{"dport": true}, "dport: want a value, got true", 0}, {map[string]any{"src": "10.0.0.1/33"}, "src: ", 0}, {map[string]any{"dport": ">"}, "an operator without a value", 0},
		{map[string]any{"src": "10.0.0.1", "dst": "fd00::1"}, "no flow could match", 0}, {map[string]any{"dst": "src"}, "dst: want an address, got a text", 0},
		{map[string]any{"assured": "yes"}, "assured: want true or false", 0}, {map[string]any{"dport": ">1..5"}, "> does not go with", 0}, {map[string]any{"bytes": "<5m"}, "bytes: a duration is compared with a size", 0},
	} {
		f, err := CompileTable(c.table, env)
		switch {
		case err != nil && !strings.Contains(err.Error(), c.want):
			t.Errorf("%v: %v, want %s", c.table, err, c.want)
		case err == nil && (f.String() != c.want || f.Match(&r) != c.match):
			t.Errorf("%v: %s matches %d, want %s %d", c.table, f, f.Match(&r), c.want, c.match)
		}
	}
}

func TestCombined(t *testing.T) {
	var r field.Row
	r.ResetEntry(flow())
	tcp, _ := Compile("tcp", nil, nil)
	big, _ := Compile("bytes > 5 or udp", nil, nil)
	both, err := tcp.And(big)
	if err != nil || both.String() != "tcp and (bytes > 5 or udp)" || both.Match(&r) != Unknown {
		t.Errorf("%s %v %v", both, both.Match(&r), err)
	}
	but, err := tcp.Unless(big)
	if err != nil || but.String() != "tcp and not (bytes > 5 or udp)" || but.Match(&r) != Unknown {
		t.Errorf("%s %v %v", but, but.Match(&r), err)
	}
	if _, err := tcp.Unless(Filter{}); err == nil {
		t.Error("unless everything was accepted")
	}
	var all Filter
	if same, err := all.And(tcp); err != nil || same.String() != "tcp" || !all.IsAll() || all.Match(&r) != True {
		t.Errorf("%s %v", same, err)
	}
}
