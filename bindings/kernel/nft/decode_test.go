package nft

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// listed renders entries for comparisons.
func listed(list []Entry) string {
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = e.Element.String()
		if e.Timeout > 0 {
			words[i] += fmt.Sprintf(" timeout %v expires %v", e.Timeout, e.Expires)
		}
		if e.Comment != "" {
			words[i] += fmt.Sprintf(" comment %q", e.Comment)
		}
	}
	return strings.Join(words, ", ")
}

// pointsOf is what the kernel holds of entries.
func pointsOf(t interface{ Fatal(...any) }, list []Entry) []point {
	b, at := openNest(nil, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
	for i := range list {
		b = list[i].append(b)
	}
	closeNest(b, at)
	points, err := appendPoints(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	return points
}

func TestEntries(t *testing.T) {
	k := func(n byte) string { return string([]byte{10, 0, 0, n}) }
	end := func(key string) point { return point{key: key, flags: unix.NFT_SET_ELEM_INTERVAL_END} }
	for _, c := range []struct {
		name     string
		typ      string
		interval bool
		in       []point
		want     string
	}{
		{"nothing", "ipv4_addr", true, nil, ""},
		{"single ones", "ipv4_addr", false, []point{{key: k(2)}, {key: k(1)}}, "10.0.0.1, 10.0.0.2"},
		{"backwards, as the kernel lists them", "ipv4_addr", true, []point{end(k(9)), {key: k(5)}, end(k(3)), {key: k(1)}, end("\x00\x00\x00\x00")}, "10.0.0.1-10.0.0.2, 10.0.0.5-10.0.0.8"},
		{"adjacent", "ipv4_addr", true, []point{{key: k(4)}, end(k(4)), {key: k(0)}, end(k(8))}, "10.0.0.0/30, 10.0.0.4/30"},
		{"adjacent with one end", "ipv4_addr", true, []point{{key: k(4)}, {key: k(0)}, end(k(8))}, "10.0.0.0/30, 10.0.0.4/30"},
		{"to the last of all", "ipv4_addr", true, []point{{key: "\xf0\x00\x00\x00"}}, "240.0.0.0/4"},
		{"an end of what has expired", "ipv4_addr", true, []point{end(k(8)), {key: k(10)}, end(k(11))}, "10.0.0.10"},
		{"both ends in one", "ipv4_addr . inet_service", true, []point{{key: k(0) + "\x00\x50\x00\x00", end: k(3) + "\x00\x5a\x00\x00"}}, "10.0.0.0/30 . 80-90"},
		{"one value in one", "ipv4_addr . inet_service", true, []point{{key: k(0) + "\x00\x50\x00\x00"}}, "10.0.0.0 . 80"},
		{"all others", "ipv4_addr", true, []point{{flags: elemCatchall}, {key: k(0)}, end(k(1))}, "*, 10.0.0.0"},
	} {
		got, err := fields(c.typ, c.interval).entries(c.in)
		if err != nil || listed(got) != c.want {
			t.Errorf("%s: %s, %v, want %s", c.name, listed(got), err, c.want)
		}
	}
	if _, err := fields("ipv6_addr", false).entries([]point{{key: k(1)}}); err == nil {
		t.Error("a key of 4 bytes in a set of 16")
	}
	unknown := &layout{fields: []Field{{Type: "unknown"}}}
	if got, err := unknown.entries([]point{{key: k(1)}}); err != nil || listed(got) != "0x0a000001" {
		t.Errorf("unknown type: %s, %v", listed(got), err)
	}
}

func TestComment(t *testing.T) {
	for in, want := range map[string]string{
		"\x00\x03hi\x00": "hi", "\x01\x04\x01\x00\x00\x00\x00\x02x\x00": "x", "\x00\x02hi": "hi",
		"": "", "\x00": "", "\x00\x09hi": "", "\x05\x00": "", "\x01\xff": "",
	} {
		if got := comment([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Elements that do not overlap come back from the messages that add them.
func TestEntriesOfWhatIsAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom([]string{"ipv4_addr", "ipv6_addr", "inet_service", "ipv4_addr . inet_service", "mark"}).Draw(t, "type")
		l := fields(typ, rapid.Bool().Draw(t, "interval"))
		var list []Entry
		for range rapid.IntRange(0, 6).Draw(t, "elements") {
			from := string(rapid.SliceOfN(rapid.Byte(), l.size, l.size).Draw(t, "from"))
			to := from
			if l.interval {
				to = string(rapid.SliceOfN(rapid.Byte(), l.size, l.size).Draw(t, "to"))
			}
			if to < from {
				from, to = to, from
			}
			e := Entry{Element: Element{layout: l, from: from, to: to}, Comment: rapid.SampledFrom([]string{"", "x"}).Draw(t, "comment")}
			if rapid.Bool().Draw(t, "temporary") {
				e.Timeout = time.Duration(rapid.IntRange(1, 1e6).Draw(t, "timeout")) * time.Millisecond
				e.Expires = e.Timeout / 2 / time.Millisecond * time.Millisecond
			}
			if !slices.ContainsFunc(list, func(x Entry) bool { return x.Element.from <= to && from <= x.Element.to }) {
				list = append(list, e)
			}
		}
		got, err := l.entries(pointsOf(t, list))
		slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Element.from, b.Element.from) })
		if err != nil || listed(got) != listed(list) {
			t.Fatalf("%s: %s, %v, want %s", typ, listed(got), err, listed(list))
		}
	})
}
