package nft

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// load makes rules and a client for them in a namespace of their own.
func load(t testing.TB, rules string) (*netns.NS, *Client) {
	t.Helper()
	ns := netnstest.New(t)
	feed(t, ns, rules)
	c := Open(ns)
	t.Cleanup(func() { _ = c.Close() })
	return ns, c
}

// feed runs commands of nft.
func feed(t testing.TB, ns *netns.NS, rules string) {
	t.Helper()
	netnstest.Feed(t, ns, rules, "nft", "-f", "-")
}

func set(t testing.TB, c *Client, name string) *Set {
	t.Helper()
	s, err := c.Set(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parse(t testing.TB, s *Set, texts ...string) []Element {
	t.Helper()
	var list []Element
	for _, text := range texts {
		e, err := s.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// add adds elements and fails unless all of them are new or renewed.
func add(t testing.TB, s *Set, timeout time.Duration, texts ...string) {
	t.Helper()
	res, err := s.Add(context.Background(), parse(t, s, texts...), timeout)
	if err != nil || res != (Result{Applied: len(texts)}) {
		t.Fatalf("add %v to %s: %+v, %v", texts, s, res, err)
	}
}

// ours lists the elements of a set as we see them.
func ours(t testing.TB, s *Set) []string {
	t.Helper()
	var list []string
	err := s.List(context.Background(), func(e Entry) error {
		list = append(list, e.Element.String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(list)
	return list
}

// listing is an element as the nft command sees it.
type listing struct {
	text             string
	timeout, expires int // seconds
	comment          string
}

// theirs lists the elements of a set as the nft command sees them.
func theirs(t testing.TB, ns *netns.NS, s *Set) (texts []string, all map[string]listing) {
	t.Helper()
	var doc struct {
		Nftables []struct {
			Set struct{ Elem []json.RawMessage }
			Map struct{ Elem []json.RawMessage }
		}
	}
	out := netnstest.Run(t, ns, "nft", "-j", "list", "set", s.Family.String(), s.Table, s.Name)
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	all = map[string]listing{}
	for _, x := range doc.Nftables {
		for _, raw := range x.Set.Elem {
			l := readListing(t, raw)
			e := parse(t, s, l.text)[0]
			texts, all[e.String()] = append(texts, e.String()), l
		}
	}
	sort.Strings(texts)
	return texts, all
}

func readListing(t testing.TB, raw json.RawMessage) (l listing) {
	t.Helper()
	var outer struct {
		Elem *struct {
			Val              json.RawMessage
			Timeout, Expires int
			Comment          string
		}
	}
	if json.Unmarshal(raw, &outer) == nil && outer.Elem != nil {
		l.timeout, l.expires, l.comment = outer.Elem.Timeout, outer.Elem.Expires, outer.Elem.Comment
		raw = outer.Elem.Val
	}
	l.text = readValue(t, raw)
	return l
}

func readValue(t testing.TB, raw json.RawMessage) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return valueText(v)
}

func valueText(v any) string {
	switch v := v.(type) {
	case float64:
		return fmt.Sprintf("%.0f", v)
	case string:
		return v
	case map[string]any:
		if p, ok := v["prefix"].(map[string]any); ok {
			return fmt.Sprintf("%s/%.0f", p["addr"], p["len"])
		}
		if r, ok := v["range"].([]any); ok {
			return valueText(r[0]) + "-" + valueText(r[1])
		}
		if c, ok := v["concat"].([]any); ok {
			parts := make([]string, len(c))
			for i := range c {
				parts[i] = valueText(c[i])
			}
			return strings.Join(parts, " . ")
		}
	}
	return fmt.Sprint(v)
}

// agree fails unless the nft command and we see the same elements.
func agree(t testing.TB, ns *netns.NS, s *Set, want ...string) {
	t.Helper()
	for i, e := range parse(t, s, want...) {
		want[i] = e.String()
	}
	sort.Strings(want)
	list, _ := theirs(t, ns, s)
	for who, got := range map[string][]string{"we": ours(t, s), "nft": list} {
		if !slices.Equal(got, want) {
			more := slices.DeleteFunc(slices.Clone(got), func(e string) bool { return slices.Contains(want, e) })
			less := slices.DeleteFunc(slices.Clone(want), func(e string) bool { return slices.Contains(got, e) })
			t.Errorf("%s: %s list %d elements, want %d; too many: %v, missing: %v", s, who, len(got), len(want), more[:min(len(more), 9)], less[:min(len(less), 9)])
		}
	}
}
