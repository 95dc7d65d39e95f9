package nft

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/nft"
)

// What is undone is as it was: what was added goes, what was deleted or got its
// time anew comes back with the time that it would have left.
func TestUndo(t *testing.T) {
	ns := firewall(t)
	netnstest.Run(t, ns, "nft", "add element inet filter synflood { 10.0.0.1 timeout 2h expires 1h, 10.0.0.2, 10.0.0.3 timeout 3h }")
	before := listed(t, ns, "synflood")
	out := must(t, ns, `
		local s = nft.set("inet filter synflood")
		local function left(e) for _, r in ipairs(s:list()) do if r.element == e then return r.expires or "for ever" end end end
		local function near(x, y) return type(x) == "number" and x <= y and x > y - 120 end
		local r = s:add({"10.0.0.1", "10.0.0.2", "10.0.0.9", "192.0.2.1"}, {timeout = "5h"}):apply()
		assert(r.applied == 3 and r.exists == 1 and r.failed == 0, tostring(r))
		assert(near(left("10.0.0.1"), 18000) and left("10.0.0.2") == "for ever" and near(left("10.0.0.9"), 18000) and near(left("192.0.2.1"), 18000))
		r:undo():apply()
		assert(near(left("10.0.0.1"), 3600) and left("10.0.0.2") == "for ever" and left("10.0.0.9") == nil and near(left("192.0.2.1"), 3600))
		r = s:delete{"10.0.0.1", "10.0.0.2", "10.0.0.8", "192.0.2.1"}:apply()
		assert(r.applied == 3 and r.gone == 1 and #s == 1, tostring(r))
		local u = r:undo()
		print(u)
		u:apply()
		assert(near(left("10.0.0.1"), 3600) and left("10.0.0.2") == "for ever" and left("10.0.0.8") == nil and near(left("192.0.2.1"), 3600))
		assert(s:list()[4].comment == "by hand", s:list()[4].comment)
		assert(#s == 4)`)
	if after := listed(t, ns, "synflood"); sorted(after) != sorted(before) {
		t.Errorf("%s\nwas %s\n%s", after, before, out)
	}
}

func sorted(list string) string {
	parts := strings.Split(list, ", ")
	for i := range parts {
		for j := i; j > 0 && parts[j] < parts[j-1]; j-- {
			parts[j], parts[j-1] = parts[j-1], parts[j]
		}
	}
	return strings.Join(parts, ", ")
}

// Plans of sets add up with others and keep to the guard.
func TestPlans(t *testing.T) {
	ns := firewall(t)
	r := run(t, ns, Options{}, seed+`
		local s = nft.set("inet filter synflood")
		local p = s:add("198.51.100.66", {timeout = "10m"}) + flows:where("src == 10.0.0.7"):delete()
		assert(not s:has("198.51.100.66") and #flows == 3)
		local r = p:apply()
		assert(r.applied == 3 and s:has("198.51.100.66") and #flows == 1, tostring(r))
		r:undo():apply()
		assert(not s:has("198.51.100.66") and #flows == 3)
		local many = {}
		for i = 1, 300 do many[i] = "10.1." .. math.floor(i / 100) .. "." .. i % 100 end
		local ok, err = pcall(function() s:add(many):apply{max = 299} end)
		assert(not ok and err.code == "EGUARD" and #s == 1, tostring(err))
		assert(s:add(many):apply{max = 300}.applied == 300 and #s == 301)
		assert(s:delete(many):apply().applied == 300 and #s == 1)`)
	if r.err != nil {
		t.Errorf("%v\n%s%s", r.err, r.stdout, r.stderr)
	}
}

// What is taken back later has less time left, or none.
func TestRevertLater(t *testing.T) {
	ns := firewall(t)
	netnstest.Run(t, ns, "nft", "add element inet filter synflood { 10.0.0.3 timeout 9h, 10.0.0.4 }")
	var out bytes.Buffer
	v, end := open(t, ns, &out, &out, Options{})
	defer func() { v.Tasks.Unlock(); v.Close(); _ = end() }()
	h := &Host{vm: v, client: nft.Open(ns)}
	defer h.client.Close()
	data, err := json.Marshal(note{Set: "inet filter synflood", At: (sinceBoot() - 10*time.Minute).Milliseconds(), Delete: []string{"10.0.0.4", "10.0.0.5"}, Add: []noteEntry{
		{Element: "10.0.0.1", Timeout: 3600e3, Expires: 1800e3, Comment: "back"}, {Element: "10.0.0.2"}, {Element: "10.0.0.3", Timeout: 3600e3, Expires: 300e3}}})
	if err != nil {
		t.Fatal(err)
	}
	act, err := h.Revert(plan.Note{Kind: NoteKind, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	got, err := act.Do(context.Background())
	if err != nil || got.Applied != 4 || got.Gone != 1 || act.N != 5 {
		t.Errorf("%+v of %d, %v", got, act.N, err)
	}
	if got, want := sorted(listed(t, ns, "synflood")), `10.0.0.1 timeout 1h, 10.0.0.2, 192.0.2.1 timeout 1h`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s, err := h.client.Set(context.Background(), "inet filter synflood")
	if err != nil {
		t.Fatal(err)
	}
	err = s.List(context.Background(), func(e nft.Entry) error {
		if e.Element.String() == "10.0.0.1" && (e.Expires > 20*time.Minute || e.Expires < 15*time.Minute || e.Comment != "back") {
			t.Errorf("%+v", e)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]string{"no JSON": "x", "no such set": `{"set":"inet filter x"}`, "no element": `{"set":"inet filter nets","delete":["x"]}`,
		"no timeouts": `{"set":"inet filter nets","at":0,"add":[{"element":"10.0.0.1","timeout":1000000000000,"expires":1000000000000}]}`} {
		if _, err := h.Revert(plan.Note{Kind: NoteKind, Data: json.RawMessage(bad)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
