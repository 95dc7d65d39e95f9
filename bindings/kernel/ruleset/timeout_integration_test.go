package ruleset

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// policy is a ct timeout object for a table; l3 is "" for that of the table.
func policy(name, proto, l3 string) string {
	if l3 != "" {
		l3 = "\t\tl3proto " + l3 + "\n"
	}
	state := "replied"
	if proto == "tcp" {
		state = "established"
	}
	return fmt.Sprintf("\tct timeout %s {\n\t\tprotocol %s\n%s\t\tpolicy = { %s : 77 }\n\t}\n", name, proto, l3, state)
}

func timeouts(t *testing.T, ns *netns.NS) []Timeout {
	t.Helper()
	list, err := Timeouts(ns)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTimeouts(t *testing.T) {
	ns, other := netnstest.New(t), netnstest.New(t)
	check := func(name string, want ...Timeout) {
		t.Helper()
		if got := timeouts(t, ns); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	check("without a table")
	netnstest.Feed(t, ns, "table ip a {\n\tcounter c { }\n\tquota q { over 10 mbytes }\n}\n", "nft", "-f", "-")
	check("objects of other types")
	netnstest.Feed(t, ns, "table ip a {\n"+policy("x", "tcp", "")+policy("y", "tcp", "")+"}\n", "nft", "-f", "-")
	check("in a table of ip", Timeout{four, 6})
	netnstest.Feed(t, ns, "table ip6 a {\n"+policy("x", "udp", "")+"}\n", "nft", "-f", "-")
	check("and one of ip6", Timeout{four, 6}, Timeout{six, 17})
	netnstest.Feed(t, ns, "table inet b {\n"+policy("x", "udp", "ip6")+"}\n", "nft", "-f", "-")
	check("and one of inet", Timeout{four, 6}, Timeout{four, 17}, Timeout{six, 17})
	if got := timeouts(t, other); len(got) != 0 {
		t.Errorf("in the other namespace: %v", got)
	}
	err := ns.Do(func() error {
		if got := timeouts(t, nil); len(got) != 3 {
			t.Errorf("in the current namespace: %v", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	netnstest.Run(t, ns, "nft", "delete", "table", "inet", "b")
	netnstest.Run(t, ns, "nft", "delete", "ct", "timeout", "ip", "a", "x")
	check("less", Timeout{four, 6}, Timeout{six, 17})
	netnstest.Run(t, ns, "nft", "flush", "ruleset")
	check("in the end")
}

// The list takes many pieces, and the rules change under it: what is there all
// the time is never missed.
func TestTimeoutsWhileRulesChange(t *testing.T) {
	ns := netnstest.New(t)
	many := make([]string, 1000)
	for i := range many {
		many[i] = policy(fmt.Sprintf("x%d", i), "tcp", "")
	}
	// Table z stands behind table a, whose objects come and go: where they go
	// between two pieces, those of z move to places that were passed by.
	full := "table ip a {\n" + strings.Join(many, "") + "}\n"
	netnstest.Feed(t, ns, full+"table ip z {\n"+policy("last", "udp", "")+"}\n", "nft", "-f", "-")
	last := Timeout{four, 17}
	if got := timeouts(t, ns); !slices.Equal(got, []Timeout{{four, 6}, last}) {
		t.Fatalf("%v", got)
	}
	var stop atomic.Bool
	changes := make(chan error, 1)
	go func() {
		changes <- ns.Do(func() error {
			for !stop.Load() {
				for _, text := range []string{"delete table ip a\n", full} {
					cmd := exec.Command("nft", "-f", "-")
					cmd.Stdin = strings.NewReader(text)
					if out, err := cmd.CombinedOutput(); err != nil {
						return fmt.Errorf("%w: %s", err, out)
					}
				}
			}
			return nil
		})
	}()
	short := 0
	for range 3000 {
		got, err := Timeouts(ns)
		switch {
		case errors.Is(err, ErrBusy):
		case err != nil:
			t.Error(err)
		case !slices.Contains(got, last):
			t.Errorf("%v misses %v", got, last)
		case len(got) == 1:
			short++
		}
	}
	stop.Store(true)
	if err := <-changes; err != nil {
		t.Fatal(err)
	}
	if short == 0 {
		t.Error("the rules did not change")
	}
}

func BenchmarkTimeouts(b *testing.B) {
	for _, n := range []int{0, 1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ns := netnstest.New(b)
			var rules strings.Builder
			for i := range n {
				rules.WriteString(policy(fmt.Sprintf("x%d", i), "udp", ""))
			}
			netnstest.Feed(b, ns, "table inet a {\n"+rules.String()+"}\n", "nft", "-f", "-")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Timeouts(ns); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
