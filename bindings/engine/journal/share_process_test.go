package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// shareForEver makes changes of one flow, and says of each by its ID when it may
// be sent.
func shareForEver() error {
	s := Open(os.Getenv(dirVar))
	s.most = 50
	for number := 0; ; number++ {
		w, err := s.Begin(some("delete"), 1000)
		if err != nil {
			return err
		}
		if err := w.Intend(Delete, payloads(number, 1)); err != nil {
			return err
		}
		fmt.Println(w.Header().ID)
		if err := errors.Join(w.Settle(nil), w.End(Outcome{Applied: 1})); err != nil {
			return err
		}
	}
}

// Whenever a process is killed, each change that it was allowed to send is a
// journal, all but the last have ended, and at most one more was begun.
func TestKilledSharing(t *testing.T) {
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 2))
	after := map[string]int{}
	for range 15 {
		s := at(t)
		cmd, _, out := play(t, "share", s.dir)
		var ids []string // that were allowed
		next := func() error {
			line, err := out.ReadString('\n')
			if err == nil {
				ids = append(ids, strings.TrimSuffix(line, "\n"))
			}
			return err
		}
		for range rng.IntN(120) {
			must(t, next())
		}
		within := time.Duration(rng.IntN(2_000_000)) // about one change
		for began := time.Now(); time.Since(began) < within; {
		}
		must(t, cmd.Process.Kill())
		for next() == nil { // what it said before it died
		}
		_ = cmd.Wait() // and its lock is free
		list, err := s.List()
		must(t, err)
		if len(list) < len(ids) || len(list) > len(ids)+1 || len(filesOf(t, s)) != (len(list)+49)/50 {
			t.Fatalf("%d journals in %d files, %d changes were allowed", len(list), len(filesOf(t, s)), len(ids))
		}
		slices.Reverse(list)
		for n, e := range list {
			known, last := n < len(ids), n == len(list)-1
			if e.Err != nil && !last || e.Live || e.Outcome == nil && n < len(ids)-1 || known && (e.ID != ids[n] || e.Counts[Delete] != 1) {
				t.Fatalf("%d of %d changes that were allowed: %+v", n, len(ids), e)
			}
			if known && e.Outcome != nil {
				holds(t, s, e.ID, n)
			}
		}
		switch last := len(list) - 1; {
		case last >= len(ids):
			after["before its answer"]++
		case last >= 0 && list[last].Outcome == nil:
			after["before the end"]++
		default:
			after["between changes"]++
		}
		if len(ids) > 0 { // and all is free for others
			h := one(t, s, 999)
			holds(t, s, "", 999)
			if len(filesOf(t, s)) != (len(list)+49)/50+1 || h.ID <= list[len(list)-1].ID {
				t.Errorf("%s is in %q", h.ID, filesOf(t, s))
			}
		}
	}
	t.Logf("killed %v", after)
}

// serve makes a change for each line, and says its ID; with "begin" it is not
// ended.
func serve() error {
	s := Open(os.Getenv(dirVar))
	in := bufio.NewScanner(os.Stdin)
	for number := 0; in.Scan(); number++ {
		w, err := s.Begin(some("delete"), 1000)
		if err == nil {
			err = w.Intend(Delete, payloads(number, 1))
		}
		if err == nil && in.Text() != "begin" {
			err = w.End(Outcome{Applied: 1})
		}
		if err != nil {
			return err
		}
		fmt.Println(w.Header().ID)
	}
	return s.Close()
}

// While another process keeps its file open, what has ended in it is read and
// undone, and others have files of their own.
func TestTwoProcesses(t *testing.T) {
	s := at(t)
	cmd, in, out := play(t, "serve", s.dir)
	ask := func(word string) string {
		t.Helper()
		_, err := io.WriteString(in, word+"\n")
		must(t, err)
		line, err := out.ReadString('\n')
		must(t, err)
		return strings.TrimSuffix(line, "\n")
	}
	var want []string // newest first
	for n := range 10 {
		theirs := ask("change")
		holds(t, s, theirs, n)
		holds(t, s, "", n)
		ours := one(t, s, 100+n).ID
		holds(t, s, "", 100+n)
		want = slices.Insert(want, 0, ours, theirs)
	}
	if got := there(t, s); !slices.Equal(got, want) || len(filesOf(t, s)) != 2 {
		t.Errorf("%q, want %q", got, want)
	}

	// An undo of what the other did last, while it goes on.
	r := read(t, s, want[1])
	h := some("undo")
	h.Undoes = want[1]
	undo := small(t, s, h, payloads(9, 1))
	ask("change")
	must(t, s.MarkUndone(want[1], undo.ID))
	must(t, r.Close())
	if e := entry(t, s, want[1]); e.Undone == nil || e.Undone.By != undo.ID || e.Live {
		t.Errorf("%+v", e)
	}

	busy := ask("begin")
	for _, id := range []string{busy, ""} {
		if _, err := s.Read(id); !is[*BusyError](err) || !strings.Contains(err.Error(), fmt.Sprintf("%s is still being written by process %d;", busy, cmd.Process.Pid)) {
			t.Errorf("%q: %v", id, err)
		}
	}
	holds(t, s, want[3], 8)
	next := ask("change") // in another file
	holds(t, s, next, 12)
	holds(t, s, "", 12)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	if r := read(t, s, busy); len(all(t, r)) != 1 || r.Damage() != nil {
		t.Errorf("%v", r.Damage())
	}
	if e := entry(t, s, busy); e.Live || e.Outcome != nil || e.Err != nil {
		t.Errorf("%+v", e)
	}
	if got := filesOf(t, s); len(got) != 3 {
		t.Errorf("%q", got)
	}
}
