package scripttest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/gateway"
)

// interrupt deletes every TCP flow and takes that back at once.
const interrupt = `
	local r = flows:where("tcp and dport == $1", tonumber(arg[1])):delete():apply()
	assert(r.applied == r.matched and r.applied > 0, tostring(r))
	local back = r:undo():apply()
	assert(back.applied == r.applied, tostring(back))
	print(back.applied)`

// portOf is the port of the server that a stream talks to.
func portOf(s *gateway.Stream) string { return strconv.Itoa(int(s.Tuple().DstPort)) }

// TestUndoUnderStreams deletes the flows of live streams through a masquerading
// router with strict rules and takes it back: every stream goes on, whole.
func TestUndoUnderStreams(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	g := gateway.New(t, gateway.Strict)
	var streams []*gateway.Stream
	for i := range 20 {
		s, err := g.Stream(t.Context(), gateway.Talk{Rate: 100, IPv6: i%4 >= 2, First: gateway.Side(i % 2)})
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
	}
	for i, s := range streams {
		if !s.Await(20) {
			t.Fatalf("stream %d before anything was deleted: %s", i, s.Stats())
		}
		r := ctsh(t, g.Tracked(), "-e", interrupt, portOf(s))
		if r.code != 0 || r.out != "1\n" {
			t.Fatalf("%+v", r)
		}
		if strings.Contains(r.errors, "no rule at") {
			t.Errorf("rules that drop what is invalid are called open: %s", r.errors)
		}
	}
	for i, s := range streams {
		s.Await(100)
		st := s.Close()
		if t.Logf("stream %d: %s", i, st); st.End != gateway.Alive || st.Blocks < 100 {
			t.Errorf("stream %d did not go on", i)
		}
	}
}

// TestUndoWarns on a router that lets packets of unknown connections through,
// before anything is undone.
func TestUndoWarns(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	g := gateway.New(t, gateway.Open)
	s, err := g.Stream(t.Context(), gateway.Talk{Rate: 100})
	if err != nil || !s.Await(20) {
		t.Fatal(err)
	}
	const warning = "no rule at forward drops ct state invalid"
	r := ctsh(t, g.Tracked(), "-e", `print(flows:where("tcp"):delete():preview(0))`)
	if !strings.Contains(r.out, "1 flow moved packets in the last 10 s") || !strings.Contains(r.out, warning) {
		t.Errorf("the preview of a deletion does not warn: %+v", r)
	}
	ctsh(t, g.Tracked(), "-e", `flows:where("tcp"):delete():apply()`).want(t, 0, "", "")
	r = ctsh(t, g.Tracked(), "undo")
	if !strings.Contains(r.out, "1 moved packets in the 10 s before they were deleted and may be reset") || !strings.Contains(r.out, warning) {
		t.Errorf("the preview of an undo does not warn: %+v", r)
	}
	if r = ctsh(t, g.Tracked(), "undo", "--yes"); !strings.Contains(r.errors, warning) {
		t.Errorf("an undo does not warn: %+v", r)
	}
}
