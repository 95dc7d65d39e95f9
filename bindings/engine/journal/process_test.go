package journal

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dirVar tells a role where to keep journals.
const dirVar = "JOURNAL_TEST_DIR"

// play starts a role in a process of its own. It is dead when the test ends.
func play(t *testing.T, role, dir string) (cmd *exec.Cmd, in io.WriteCloser, out *bufio.Reader) {
	t.Helper()
	cmd = exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"="+role, dirVar+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	pipe, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	return cmd, in, bufio.NewReader(pipe)
}

// writeForEver writes batches, and says of each that it may be sent.
func writeForEver() error {
	w, err := Open(os.Getenv(dirVar)).Begin(some("delete"), 1000)
	if err != nil {
		return err
	}
	for number := 0; ; number++ {
		if err := w.Intend(Delete, payloads(number, batchSize(number))); err != nil {
			return err
		}
		fmt.Println(number)
		if err := w.Settle(nil); err != nil {
			return err
		}
	}
}

// batchSize is how many changes batch number has.
func batchSize(number int) int { return 1 + number*277%maxBatch }

// Whenever a writer is killed, all that it was allowed to send is in the
// journal, and at most one batch more.
func TestKilled(t *testing.T) {
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	after := map[string]int{}
	for range 20 {
		s := at(t)
		cmd, _, out := play(t, "write", s.dir)
		allowed := 0
		next := func() error {
			line, err := out.ReadString('\n')
			if err != nil {
				return err
			}
			if line != strconv.Itoa(allowed)+"\n" {
				t.Fatalf("batch %q after %d", line, allowed)
			}
			allowed++
			return nil
		}
		for range rng.IntN(60) {
			must(t, next())
		}
		within := time.Duration(rng.IntN(2_000_000)) // about two batches
		for began := time.Now(); time.Since(began) < within; {
		}
		must(t, cmd.Process.Kill())
		for next() == nil { // what it said before it died
		}
		_ = cmd.Wait() // and its lock is free
		if allowed == 0 {
			if list, err := s.List(); err != nil || len(list) > 1 {
				t.Fatalf("%v %v", list, err)
			}
			continue
		}
		var want []string
		for number := range allowed + 1 {
			for _, p := range payloads(number, batchSize(number)) {
				want = append(want, string(p))
			}
		}
		promised := len(want) - batchSize(allowed)
		r := read(t, s, "")
		got := all(t, r)
		if len(got) < promised || len(got) > len(want) {
			t.Fatalf("%d changes, %d were allowed, %d with the next batch", len(got), promised, len(want))
		}
		for i, c := range got {
			if c.text != want[i] {
				t.Fatalf("change %d is %.20q, want %.20q", i, c.text, want[i])
			}
			if number, _ := strconv.Atoi(c.text[:strings.IndexByte(c.text, '/')]); !c.settled && number < allowed-1 {
				t.Fatalf("change %d of batch %d of %d is not settled", i, number, allowed)
			}
		}
		if _, ended := r.Outcome(); ended {
			t.Error("a writer that was killed ended its journal")
		}
		switch {
		case len(got) == promised:
			after["between batches"]++
		case len(got) == len(want):
			after["before its answer"]++
		default:
			after["within a write"]++
		}
	}
	t.Logf("killed %v", after)
}

// beginOne waits for a word and writes a journal.
func beginOne() error {
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	w, err := Open(os.Getenv(dirVar)).Begin(some("delete"), 1000)
	if err != nil {
		return err
	}
	if err := w.Intend(Delete, payloads(os.Getpid(), 10)); err != nil {
		return err
	}
	fmt.Println(w.Header().ID)
	return w.End(Outcome{Applied: 10})
}

// Eight processes begin at once where not even the directory is there: each has
// its own journal, in three rounds, and the oldest go.
func TestConcurrentBegin(t *testing.T) {
	s := at(t)
	var ids []string
	for range 3 {
		var ins []io.Writer
		var outs []*bufio.Reader
		var cmds []*exec.Cmd
		for range 8 {
			cmd, in, out := play(t, "begin", s.dir)
			if line, err := out.ReadString('\n'); line != "ready\n" {
				t.Fatalf("%q %v", line, err)
			}
			cmds, ins, outs = append(cmds, cmd), append(ins, in), append(outs, out)
		}
		for _, in := range ins {
			_, err := io.WriteString(in, "go\n")
			must(t, err)
		}
		for i, out := range outs {
			line, err := out.ReadString('\n')
			must(t, err)
			ids = append(ids, strings.TrimSuffix(line, "\n"))
			must(t, cmds[i].Wait())
			r := read(t, s, ids[len(ids)-1])
			if all := all(t, r); len(all) != 10 || all[0].text != string(payload(cmds[i].Process.Pid, 0)) || r.Header().PID != cmds[i].Process.Pid {
				t.Fatalf("%d changes of process %d, started was %d", len(all), r.Header().PID, cmds[i].Process.Pid)
			}
			must(t, r.Close())
		}
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 24 {
		t.Fatalf("an ID was given twice: %q", ids)
	}
	slices.Reverse(ids)
	if got := there(t, s); len(got) < 20 || len(got) > 24 || !slices.Equal(got, ids[:len(got)]) {
		t.Errorf("%d of 24 journals: %q", len(got), got)
	}
}

// holdOne writes a journal and waits to be killed.
func holdOne() error {
	w, err := Open(os.Getenv(dirVar)).Begin(some("delete"), 1000)
	if err != nil {
		return err
	}
	if err := w.Intend(Delete, payloads(0, 5)); err != nil {
		return err
	}
	fmt.Println(w.Header().ID)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// What a live process writes is neither read nor removed; once it is dead both
// is done.
func TestWriterOfAnotherProcess(t *testing.T) {
	s := at(t)
	cmd, _, out := play(t, "hold", s.dir)
	id, err := out.ReadString('\n')
	must(t, err)
	id = strings.TrimSuffix(id, "\n")
	if _, err := s.Read(id); !is[*BusyError](err) || !strings.Contains(err.Error(), fmt.Sprintf("process %d;", cmd.Process.Pid)) {
		t.Error(err)
	}
	if e := entry(t, s, id); !e.Live {
		t.Errorf("%+v", e)
	}
	s.keep = 1
	written(t, s, some("delete"), 1)
	last := written(t, s, some("delete"), 1)
	if got := there(t, s); !slices.Contains(got, id) {
		t.Errorf("a live journal was removed: %q", got)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	if r := read(t, s, id); len(all(t, r)) != 5 || r.Close() != nil {
		t.Error("what a dead process wrote is not there")
	}
	if e := entry(t, s, id); e.Live || e.Outcome != nil || e.Err != nil {
		t.Errorf("%+v", e)
	}
	begin(t, s, some("delete")).Abort()
	if got := there(t, s); !slices.Equal(got, []string{last.ID}) {
		t.Errorf("%q, want %s", got, last.ID)
	}
	if _, err := os.Stat(filepath.Join(s.dir, id+suffix)); !os.IsNotExist(err) {
		t.Error(err)
	}
}
