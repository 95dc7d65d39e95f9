package restore

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// numbered is flow n, the child of flow master unless that is negative.
func numbered(n, master int) wire.Entry {
	at := func(n int) wire.Tuple {
		return restoretest.Tuple(wire.ProtoUDP, "10.0.0.1", "10.0.0.2", uint16(n), uint16(n>>16))
	}
	e := restoretest.New(at(n)).Entry
	if master >= 0 {
		e.Master, e.Present = at(master), e.Present|wire.HasMaster
	}
	return e
}

// source gives a list, and counts how often.
func source(list []wire.Entry, times *int) func(func(*wire.Entry) error) error {
	return func(fn func(*wire.Entry) error) error {
		*times++
		for _, e := range list { // a copy each: it is good during the call only
			if err := fn(&e); err != nil {
				return err
			}
			e = wire.Entry{}
		}
		return nil
	}
}

func TestMastersFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const absent = 60000 // the number of a flow that is not there
		n := rapid.IntRange(0, 30).Draw(t, "flows")
		masters := make([]int, n)
		list := make([]wire.Entry, n)
		for i := range list {
			masters[i] = rapid.IntRange(-1, n).Draw(t, "master")
			if masters[i] == n {
				masters[i] = absent
			}
			list[i] = numbered(i, masters[i])
		}
		looped := func(i int) bool { // whether the masters of i lead nowhere
			for range n + 1 {
				if i < 0 || i == absent {
					return false
				}
				i = masters[i]
			}
			return true
		}
		times, done := 0, map[int]bool{}
		if err := Ordered(source(list, &times), func(e *wire.Entry, problem *MasterError) error {
			i := int(e.Orig.SrcPort)
			if done[i] {
				t.Fatalf("flow %d comes twice", i)
			}
			done[i] = true
			switch {
			case looped(i):
				if problem == nil || !problem.Cycle {
					t.Fatalf("flow %d of a cycle: %v", i, problem)
				}
			case masters[i] == absent:
				if problem == nil || problem.Cycle || problem.Flow != e.Orig || problem.Master != e.Master {
					t.Fatalf("flow %d without its master: %+v", i, problem)
				}
			case problem != nil:
				t.Fatalf("flow %d: %v", i, problem)
			case masters[i] >= 0 && !done[masters[i]]:
				t.Fatalf("flow %d comes before its master %d", i, masters[i])
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(done) != n {
			t.Fatalf("%d of %d flows came", len(done), n)
		}
		if times > 3 {
			t.Fatalf("the source was read %d times", times)
		}
	})
}

func TestPassesOverTheSource(t *testing.T) {
	nothing := func(*wire.Entry, *MasterError) error { return nil }
	for _, c := range []struct {
		list []wire.Entry
		want int
	}{
		{nil, 2},
		{[]wire.Entry{numbered(1, -1), numbered(2, -1)}, 2},
		{[]wire.Entry{numbered(1, -1), numbered(2, 1)}, 3},
		{[]wire.Entry{numbered(1, -1), numbered(2, 1), numbered(3, 2), numbered(4, 3)}, 3},
	} {
		times := 0
		if err := Ordered(source(c.list, &times), nothing); err != nil || times != c.want {
			t.Errorf("%d flows: read %d times, want %d (%v)", len(c.list), times, c.want, err)
		}
	}
}

// A chain as long as nobody has takes no time.
func TestLongChain(t *testing.T) {
	list := make([]wire.Entry, 50000)
	for i := range list {
		list[i] = numbered(i, i+1)
	}
	list[len(list)-1] = numbered(len(list)-1, -1)
	times, next := 0, len(list)-1
	if err := Ordered(source(list, &times), func(e *wire.Entry, problem *MasterError) error {
		if int(e.Orig.SrcPort) != next || problem != nil {
			t.Fatalf("flow %d comes where %d should (%v)", e.Orig.SrcPort, next, problem)
		}
		next--
		return nil
	}); err != nil || next != -1 {
		t.Errorf("%v, %d are missing", err, next+1)
	}
}

func TestZonesOfMasters(t *testing.T) {
	master, child := numbered(1, -1), numbered(2, 1)
	master.Orig.Zone, master.Reply.Zone = 7, 7
	times := 0
	var problems []*MasterError
	keep := func(e *wire.Entry, problem *MasterError) error {
		problems = append(problems, problem)
		return nil
	}
	if err := Ordered(source([]wire.Entry{child, master}, &times), keep); err != nil || problems[1] == nil {
		t.Errorf("a master in another zone is none: %v %v", problems, err)
	}
	// A dump tells no zone of the master where that of the child is split.
	child.Orig.Zone, problems = 7, nil
	if err := Ordered(source([]wire.Entry{child, master}, &times), keep); err != nil || problems[1] != nil {
		t.Errorf("the master in the zone of the direction is one: %v %v", problems, err)
	}
}

func TestOrderedErrors(t *testing.T) {
	bad := errors.New("bad")
	times := 0
	list := []wire.Entry{numbered(1, -1), numbered(2, 1), numbered(3, 2)}
	for fail := range 3 {
		n := 0
		err := Ordered(source(list, &times), func(*wire.Entry, *MasterError) error {
			if n++; n > fail {
				return bad
			}
			return nil
		})
		if !errors.Is(err, bad) || n != fail+1 {
			t.Errorf("an error at flow %d: %v after %d", fail, err, n)
		}
	}
	for fail := range 3 {
		pass := -1
		err := Ordered(func(fn func(*wire.Entry) error) error {
			if pass++; pass == fail {
				return bad
			}
			return source(list, &times)(fn)
		}, func(*wire.Entry, *MasterError) error { return nil })
		if !errors.Is(err, bad) {
			t.Errorf("an error of reading %d: %v", fail, err)
		}
	}
	for when := 1; when < 3; when++ {
		pass := -1
		var changed *ChangedError
		err := Ordered(func(fn func(*wire.Entry) error) error {
			more := list
			if pass++; pass == when {
				more = append(more[:3:3], numbered(9, 1))
			}
			return source(more, &times)(fn)
		}, func(*wire.Entry, *MasterError) error { return nil })
		if !errors.As(err, &changed) {
			t.Errorf("another flow in reading %d: %v", when, err)
		}
	}
}
