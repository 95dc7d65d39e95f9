package reliability

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// mutations change in turn the flows that are marked 1, 2 and so on. Those that
// were marked anew by the second step are deleted by the last.
const mutations = `flows:where("mark == 77"):delete():apply() -- nothing, but all is looked up that is looked up once
print("begin")
flows:where("mark == 1"):delete():apply()
flows:where("mark == 2"):mark("0x30/0xf0"):apply()
local made
for i = 1, 12 do
  local one = ct.create{proto = "udp", src = "192.168.0." .. i, dst = "10.99.0.1", sport = i, dport = 53, timeout = "1h", mark = 9}
  made = made and made + one or one
end
made:apply()
local both = flows:where("mark == 3"):delete() + flows:where("mark == 4"):timeout("50m")
both:apply()
sys.set("nf_conntrack_udp_timeout", 44):apply()
flows:where("mark == 0x32"):delete():apply()
`

// steps are what the script does, in its order: how many of each are done.
type steps [7]int

var stepNames = [...]string{"delete 1", "mark 2", "create 9", "delete 3", "timeout 4", "sysctl", "delete 0x32"}

// stepsDone counts what differs between two tables and two values of the sysctl.
func stepsDone(t *testing.T, before, after *table, was, is int64) (s steps) {
	t.Helper()
	for key, b := range before.rows {
		a := after.rows[key]
		switch {
		case b.Mark == 1 && a == nil:
			s[0]++
		case b.Mark == 2 && a == nil:
			s[1]++ // marked, then deleted
			s[6]++
		case b.Mark == 2 && a.Mark == 0x32:
			s[1]++
		case b.Mark == 3 && a == nil:
			s[3]++
		case a == nil || a.Mark != b.Mark:
			t.Fatalf("no step does that: %+v is now %+v", b, a)
		case b.Mark == 4 && a.Timeout <= 3000:
			s[4]++
		}
	}
	for key, a := range after.rows {
		if before.rows[key] != nil {
			continue
		}
		if a.Mark != 9 {
			t.Fatalf("no step makes %+v", a)
		}
		s[2]++
	}
	if was != is {
		s[5] = 1
	}
	return s
}

// outOfOrder tells where a step was begun while one before it was not all done.
func (s steps) outOfOrder(all steps) string {
	for i := 1; i < len(s); i++ {
		if s[i] > 0 && s[i-1] < all[i-1] {
			return fmt.Sprintf("%s: %d of %d, but %s: %d of %d", stepNames[i], s[i], all[i], stepNames[i-1], s[i-1], all[i-1])
		}
	}
	return ""
}

func udpTimeout(t *testing.T, ns *netns.NS) int64 {
	t.Helper()
	v, err := sysctl.Open(ns).Get("nf_conntrack_udp_timeout")
	must(t, err)
	return v
}

// scripted is a namespace in which the script runs and is killed.
type scripted struct {
	ns   *netns.NS
	k    conntrack.Kernel
	ctsh string
	file string
	rng  *rand.Rand
	last *table // what was there at the end of the last point

	whole  time.Duration // from its first word to its end
	all    steps
	in     [len(stepNames) + 1]int // in which step it was killed
	ended  int
	undone int // journals
}

// killedScript kills the script at random instants. Each time the table is as it
// was but for what journals say, step after step; and undoing them all, the
// newest first, gives the first table back.
func killedScript(t *testing.T, ctsh string) {
	points, each := scale(20, 200), scale(320, 640) // whole sixteens of each
	ns, k := lab(t)
	var reqs []*wire.Create
	for i, c := range usual(0, 5*each) {
		c.Entry.Mark, c.Entry.Present, c.Entry.Timeout = uint32(1+i/16%5), c.Entry.Present|wire.HasMark, 7200
		reqs = append(reqs, c)
	}
	restoretest.Make(t, k, reqs)
	s := &scripted{ns: ns, k: k, ctsh: ctsh, file: filepath.Join(t.TempDir(), "mutations.lua"), rng: rand.New(rand.NewPCG(rand.Uint64(), 0))}
	must(t, os.WriteFile(s.file, []byte(mutations), 0o600))

	s.last = read(t, k)
	s.point(t, -1) // to its end
	if s.all[0] < each || s.all[4] < each || s.all[2] != 12 || s.all[5] != 1 || s.all[6] != s.all[1] {
		t.Fatalf("the script does too little: %v", s.all)
	}
	s.ended = 0
	killed := 0
	for tries := 0; killed < points && tries < 5*points; tries++ {
		if s.point(t, time.Duration(s.rng.Int64N(int64(s.whole)))) {
			killed++
		}
	}
	s.last.same(t, read(t, k))
	t.Logf("killed at %d instants within %v, by step %v, %d times too late; %d journals undone", killed, s.whole.Round(time.Millisecond), s.in, s.ended, s.undone)
	middle := 0
	for _, n := range s.in[1:] {
		middle += n
	}
	if killed < points || middle < points/4 {
		t.Errorf("load too small: %d of %d instants, %d behind the first change", killed, points, middle)
	}
}

// point runs the script and kills it some time after its first word, never for
// less than 0. It tells whether it was killed.
func (s *scripted) point(t *testing.T, after time.Duration) bool {
	t.Helper()
	state := t.TempDir()
	store := opened(t, filepath.Join(state, "ctsh", "journal"))
	before, was := s.last, udpTimeout(t, s.ns)
	killed, took := s.run(t, state, after)
	now, is := read(t, s.k), udpTimeout(t, s.ns)
	done := stepsDone(t, before, now, was, is)
	switch {
	case killed:
		step := 0
		for i, n := range done {
			if n > 0 {
				step = i + 1
			}
		}
		s.in[step]++
	case after < 0:
		s.all, s.whole = done, took
	default:
		s.ended++
		s.whole = min(s.whole, took)
	}
	if why := done.outOfOrder(s.all); why != "" {
		t.Fatal(why)
	}
	explained(t, store, before, now, was, is)
	s.undo(t, store, state)
	s.last = before.reread(t, s.k, tuples(now)...)
	before.same(t, s.last)
	if v := udpTimeout(t, s.ns); v != was {
		t.Fatalf("the sysctl is %d, was %d", v, was)
	}
	return killed
}

func (s *scripted) run(t *testing.T, state string, after time.Duration) (killed bool, took time.Duration) {
	t.Helper()
	cmd := exec.Command(s.ctsh, "run", s.file)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, s.ns.Do(cmd.Start))
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "begin\n" {
		t.Fatalf("%q %v", line, err)
	}
	began := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if after < 0 {
		must(t, <-ended)
		return false, time.Since(began)
	}
	select {
	case err := <-ended:
		must(t, err)
		return false, time.Since(began)
	case <-time.After(after):
	}
	return kill(t, cmd, ended), time.Since(began)
}

// explained sees that every difference between two tables is in a journal.
func explained(t *testing.T, store *journal.Store, before, after *table, was, is int64) {
	t.Helper()
	gone, marked, hurried, made, set := map[wire.Tuple]bool{}, map[wire.Tuple]bool{}, map[wire.Tuple]bool{}, map[wire.Tuple]bool{}, false
	list, err := store.List()
	must(t, err)
	for _, entry := range list {
		if entry.Header.ID == "" {
			continue // it died before it had a header
		}
		r, err := store.Read(entry.ID)
		must(t, err)
		must(t, r.Each(func(c journal.Change) error {
			switch c.Kind {
			case journal.Delete:
				gone[changedBy(t, c)] = true
			case journal.Create:
				made[changedBy(t, c)] = true
			case journal.Update:
				parts, err := journal.Unpack(nil, c.Payload)
				must(t, err)
				u, err := wire.ReadUpdate(parts[1])
				must(t, err)
				marked[changedBy(t, c)] = marked[changedBy(t, c)] || u.Mark != nil
				hurried[changedBy(t, c)] = hurried[changedBy(t, c)] || u.Timeout != nil
			case journal.Action:
				set = true
			}
			return nil
		}))
		must(t, r.Close())
	}
	for key, b := range before.rows {
		a := after.rows[key]
		switch {
		case a == nil && !gone[key], a != nil && a.Mark != b.Mark && !marked[key], a != nil && a.Timeout <= 3000 && b.Timeout > 3000 && !hurried[key]:
			t.Fatalf("no journal explains that %+v is now %+v", b, a)
		}
	}
	for key := range after.rows {
		if before.rows[key] == nil && !made[key] {
			t.Fatalf("no journal explains that there is %s", key)
		}
	}
	if was != is && !set {
		t.Fatalf("no journal explains that the sysctl is %d", is)
	}
}

// undo takes every journal back, the newest first: by the command one time in
// five.
func (s *scripted) undo(t *testing.T, store *journal.Store, state string) {
	t.Helper()
	byCommand := s.rng.IntN(5) == 0
	for range 50 {
		var unknown *journal.UnknownError
		r, err := store.Read("")
		if errors.As(err, &unknown) {
			return
		}
		must(t, err)
		id := r.Header().ID
		must(t, r.Close())
		s.undone++
		if byCommand {
			cmd := exec.Command(s.ctsh, "undo", "--yes", id)
			cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := s.ns.Do(cmd.Run); err != nil {
				t.Fatalf("undo: %v\n%s", err, &out)
			}
			continue
		}
		res, err := undo(s.k, store, id, s.revert)
		if err != nil || res.Failed+res.Unknown > 0 {
			t.Fatalf("%v %v", res, err)
		}
	}
	t.Fatal("there is no end of journals")
}

// revert takes back what sys.set has changed.
func (s *scripted) revert(note plan.Note) (plan.Action, error) {
	var was struct {
		Key string
		Was int64
	}
	if err := json.Unmarshal(note.Data, &was); err != nil {
		return plan.Action{}, err
	}
	return setting(s.ns, was.Key, was.Was), nil
}

// setting is the change of a sysctl.
func setting(ns *netns.NS, key string, to int64) plan.Action {
	return plan.Action{N: 1, Do: func(context.Context) (plan.Counts, error) {
		_, err := sysctl.Open(ns).Set(key, strconv.FormatInt(to, 10))
		return plan.Counts{Applied: 1}, err
	}}
}
