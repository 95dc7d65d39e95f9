package ct

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/label"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestLabelNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connlabel.conf")
	if err := os.WriteFile(path, []byte("3 web\n5 eth0-in\n9 a b\nbad line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(label.Replace(label.Open(path)))
	ns := netnstest.New(t)
	netnstest.Feed(t, ns, "table inet labels { chain c { ct label set 1; }; }", "nft", "-f", "-")
	out := must(t, ns, `
		local function make(sport, labels)
			ct.create{proto = "udp", src = "10.0.0.1", dst = "10.0.0.2", sport = sport, dport = 53, timeout = 600, labels = labels}:apply()
		end
		make(1, {"web", "eth0-in"})
		make(2, {"3", 64})
		make(3, {"a b"})
		local function ports(q)
			local list = {}
			for f in q:sort("sport"):iter() do list[#list + 1] = f.sport end
			return table.concat(list, " ")
		end
		print(ports(flows:where("label == web")), ports(flows:where("label == 3")), ports(flows:where{label = "web"}))
		print(ports(flows:where("label in {'eth0-in', 64}")), ports(flows:where("label == $1", "a b")), ports(flows:where("not label == web")))
		local f = flows:where("sport == 2"):first()
		print(f.labels.web, f.labels["64"], f.labels["3"])
		print(tostring(flows:where("sport == 2"):label("+eth0-in", "-web", "-64")))
		flows:where("sport == 2"):label("+eth0-in", "-web", "-64"):apply()
		flows:where("sport == 3"):update{labels = {"web", 7}}:apply()
		flows:sort("sport"):select("sport, labels"):print{format = "csv"}
		flows:where("sport == 3"):select("labels"):print{format = "ndjson"}
		print(flows:where("label == web"):by("labels"):count():sort("labels"):first().labels.web)`)
	want := `1 2	1 2	1 2
1 2	3	3
true	true	nil
plan: update labels=-web,+eth0-in,-64 flows:where("sport == 2")
sport,labels
1,"web,eth0-in"
2,eth0-in
3,"web,7"
{"labels":["web","7"]}
true
`
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	for _, c := range []struct{ source, want string }{
		{`flows:where("label == wob"):count()`, `did you mean "web"?; ` + path + `:4: "bad" is not the number of a bit`},
		{`flows:where{label = "Web"}:count()`, `did you mean "web"?`},
		{`flows:where(ct.all):label("+wbe"):apply()`, `bad argument "change" of query:label: unknown label "wbe"; did you mean "web"?`},
		{`flows:where(ct.all):update{labels = {"web", "none"}}:apply()`, `unknown label "none"`},
	} {
		r := run(t, ns, Options{}, c.source)
		if r.err == nil || !strings.Contains(r.err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.source, r.err, c.want)
		}
	}
	if out := must(t, ns, `print(flows:where("label == web"):count())`); out != "2\n" {
		t.Errorf("afterwards %s", out)
	}
}
