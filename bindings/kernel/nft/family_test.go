package nft

import (
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	long := strings.Repeat("x", 256)
	for text, want := range map[string]Name{
		"inet filter synflood":   {Inet, "filter", "synflood"},
		"  ip   nat\tbad ":       {IPv4, "nat", "bad"},
		"ip6 a b":                {IPv6, "a", "b"},
		"netdev a b":             {Netdev, "a", "b"},
		"filter synflood":        {0, "filter", "synflood"},
		"inet ip inet":           {Inet, "ip", "inet"},
		"filter " + long[:255]:   {0, "filter", long[:255]},
		"bridge filter-1 a.b_c/": {Bridge, "filter-1", "a.b_c/"},
	} {
		got, err := ParseName(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if back, err := ParseName(got.String()); err != nil || back != got {
			t.Errorf("%q: %q reads as %+v, %v", text, got, back, err)
		}
	}
	for text, want := range map[string]string{
		"":                "want family, table and set",
		"synflood":        "want family, table and set",
		"a b c d":         "want family, table and set",
		"int filter x":    `unknown family "int"; did you mean "inet"?`,
		"inet filter":     "inet is a family; the table or the set is missing",
		"filter " + long:  "longer than 255 bytes",
		"inet a\x00b c":   "NUL",
		"filter synf\x00": "NUL",
	} {
		if n, err := ParseName(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v, want %q", text, n, err, want)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("inet filter synflood")
	f.Add("filter x")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseName(text)
		if err != nil {
			return
		}
		if back, err := ParseName(n.String()); err != nil || back != n {
			t.Errorf("%q is %+v, which reads as %+v, %v", text, n, back, err)
		}
	})
}
