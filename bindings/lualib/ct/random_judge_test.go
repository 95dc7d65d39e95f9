package ct

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// guarded tells whether something is protected: unless each protection is known to
// be of others.
func (w *watched) guarded(e *wire.Entry) bool {
	for _, is := range w.protected {
		if is(e) != no {
			return true
		}
	}
	return false
}

// judge compares what a statement did with what it may do.
func (x *trial) judge(i int, w *watched, msg string, ok bool, after *seen) {
	s := x.steps[i-1]
	touched, made := difference(w.now, after)
	fmt.Fprintf(&x.log, "  %d %s\n    -> %v %s; %d touched, %d made\n", i, s.text, ok, msg, len(touched), len(made))
	fault := func(format string, args ...any) { x.fault("statement %d: "+format, append([]any{i}, args...)...) }
	still := s.wrong || x.opt.DryRun || x.opt.ReadOnly
	if s.wrong {
		if x.told++; ok {
			fault("a mistake was not told")
		}
	}
	may := s.reach(w)
	for tup := range touched {
		e := w.now.flows[tup]
		now, there := after.flows[tup]
		switch {
		case still || !may.touch[tup]:
			fault("%s was touched: %s became %s (there %v)", tup, brief(&e), brief(&now), there)
		case w.guarded(&e):
			fault("%s is protected and was touched", tup)
		}
	}
	for tup := range made {
		if still || !may.make[tup] {
			fault("%s was made", tup)
		}
	}
	n := len(touched) + len(made)
	if n > may.most {
		fault("%d flows were changed, at most %d may be", n, may.most)
	}
	if may.share > 0 && float64(len(touched)) > may.share*float64(len(w.now.flows)) {
		fault("%d of %d flows were changed, at most %v of them may be", len(touched), len(w.now.flows), may.share)
	}
	x.exactly(s, w, may, touched, msg, ok, fault)
	x.others(s, w, touched, after, still, fault)
	if w.left >= 0 && s.deed {
		if w.left -= n; w.left < 0 {
			fault("the breaker let %d changes too many through", -w.left)
		}
	}
	if n > 0 {
		x.deeds++
	}
	w.note(i, s, ok, touched, made, after)
}

// brief is what may change of a flow.
func brief(e *wire.Entry) string {
	return fmt.Sprintf("mark=%d labels=%x status=%s timeout=%d helper=%s state=%d start=%d", e.Mark, e.Labels, e.Status, e.Timeout, e.Helper, e.State, e.Start)
}

// exactly tests that a deletion left nothing out that it should have reached.
func (x *trial) exactly(s *statement, w *watched, may reach, touched map[wire.Tuple]bool, msg string, ok bool, fault func(string, ...any)) {
	// A condition that no flow could meet is refused, also where it leaves others.
	refusal := strings.Contains(msg, "no flow could match") || strings.Contains(msg, "it cannot be told which flows are your own")
	if !s.deletes || x.opt.DryRun || x.opt.ReadOnly || w.left >= 0 || refusal {
		return
	}
	due := 0
	for tup := range may.touch {
		if e := w.now.flows[tup]; !w.guarded(&e) {
			due++
		}
	}
	switch refused := due > may.most || may.share > 0 && float64(due) > may.share*float64(len(w.now.flows)); {
	case refused && ok:
		fault("%d flows go beyond a guard, which said nothing", due)
	case refused && len(touched) > 0:
		fault("%d flows go beyond a guard, and %d were touched", due, len(touched))
	case !refused && due > 0 && (!ok || len(touched) != due):
		fault("%d flows were deleted of %d: %s", len(touched), due, msg)
	}
	x.exact++
}

// others judges what became of anything but flows.
func (x *trial) others(s *statement, w *watched, touched map[wire.Tuple]bool, after *seen, still bool, fault func(string, ...any)) {
	masters := map[string]bool{}
	for tup := range touched {
		masters[tup.String()] = true
	}
	for e := range w.now.expects {
		_, master, _ := strings.Cut(e, " of ")
		if !after.expects[e] && (still || !s.expects && !s.undoes && !masters[master]) {
			fault("expectation %s went", e)
		}
	}
	may := s.expects || s.undoes && w.expects
	for e := range after.expects {
		if !w.now.expects[e] && (still || !may) {
			fault("expectation %s came", e)
		}
	}
	may = s.policy || s.undoes && w.policies
	if after.policies != w.now.policies && (still || !may) {
		fault("policies were %s, are %s", w.now.policies, after.policies)
	}
	for key, v := range after.sysctls {
		may = s.sysctl == key || s.undoes && w.sysctls[key]
		if v != w.now.sysctls[key] && (still || !may) {
			fault("%s was %d, is %d", key, w.now.sysctls[key], v)
		}
	}
}

// note takes in what a statement did.
func (w *watched) note(i int, s *statement, ok bool, touched, made map[wire.Tuple]bool, after *seen) {
	w.by[i] = map[wire.Tuple]bool{}
	for _, set := range []map[wire.Tuple]bool{touched, made} {
		for tup := range set {
			w.by[i][tup], w.ever[tup] = true, true
			if s.taints {
				w.tainted[tup] = true
			}
		}
	}
	for key, v := range after.sysctls {
		w.sysctls[key] = w.sysctls[key] || v != w.now.sysctls[key]
	}
	w.policies = w.policies || after.policies != w.now.policies
	w.expects = w.expects || s.expects
	if ok && s.saves != nil {
		w.saved = map[wire.Tuple]bool{}
		for tup, e := range after.flows {
			if s.saves(&e) == yes {
				w.saved[tup] = true
			}
		}
	}
	if ok && s.protect != nil {
		w.protected = append(w.protected, s.protect)
	}
	if ok && s.breaker > 0 {
		w.left = s.breaker
	}
	w.now = after
}

// mode is how a script was run.
func (x *trial) mode() string {
	return fmt.Sprintf("dry run %v, read-only %v, guard %v", x.opt.DryRun, x.opt.ReadOnly, !x.opt.NoGuard)
}

// number reads a number from the environment.
func numberFrom(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// soon is run once more for a script that took so long that flows have gone by
// themselves: what became of it is nobody's fault.
func (a *arena) soon(t *testing.T, seed uint64) *trial {
	t.Helper()
	for range 3 {
		began := time.Now()
		if x := a.run(t, seed); time.Since(began) < slack*time.Second/2 {
			return x
		}
	}
	t.Skipf("this machine is too slow: a script takes more than %d s", slack/2)
	return nil
}

// TestRandomScripts runs random scripts over all that changes anything, and works
// out for every statement what it may do at most: mistakes change nothing, guards
// hold, what is protected stays, dry runs and read-only runs change nothing at all,
// and what was done can be taken back. CTSH_SCRIPTS is how many, CTSH_SEED the
// number of the first.
func TestRandomScripts(t *testing.T) {
	count := 300
	if os.Getenv("CTSH_FULL") == "1" {
		count = 10000
	}
	count = numberFrom("CTSH_SCRIPTS", count)
	seed := numberFrom("CTSH_SEED", int(time.Now().UnixNano()%1_000_000_000))
	t.Logf("CTSH_SEED=%d", seed)
	for _, c := range []struct {
		name    string
		machine bool
		count   int
	}{{"in memory", false, count}, {"on the kernel", true, count / 20}} {
		t.Run(c.name, func(t *testing.T) {
			a := newArena(t, c.machine)
			began := time.Now()
			modes := map[string]int{}
			var total trial
			statements, failed := 0, 0
			for i := range c.count {
				x := a.soon(t, uint64(seed+i))
				modes[x.mode()]++
				statements += len(x.steps)
				total.deeds, total.told, total.exact = total.deeds+x.deeds, total.told+x.told, total.exact+x.exact
				if len(x.faults) > 0 {
					failed++
					t.Errorf("CTSH_SEED=%d CTSH_SCRIPTS=1 (%s)\n%s%s", x.seed, x.mode(), x.log.String(), strings.Join(x.faults[:min(len(x.faults), 4)], "\n"))
				}
				if failed > 10 {
					break
				}
			}
			t.Logf("%d scripts of %d statements in %v: %d changed something, %d were mistakes that were told, %d deletions were exact; %v",
				c.count, statements, time.Since(began).Round(time.Millisecond), total.deeds, total.told, total.exact, modes)
			if c.count >= 20 && (total.deeds < c.count/2 || total.told < c.count/2 || total.exact < c.count/10) {
				t.Error("the scripts do too little")
			}
		})
	}
}
