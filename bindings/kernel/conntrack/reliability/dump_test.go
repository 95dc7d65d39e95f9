package reliability_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// residentKiB is the memory of this process.
func residentKiB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	n, err := strconv.Atoi(strings.Fields(string(rest))[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// makeRoom raises the limit of the table for the test; where that is not
// allowed it must do as it is.
func makeRoom(t *testing.T, flows int) {
	t.Helper()
	const file = "/proc/sys/net/netfilter/nf_conntrack_max"
	old, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("needs %s: %v", file, err)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(old))); err != nil || n == 0 || n >= flows {
		return
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(flows)), 0); err != nil {
		t.Skipf("needs room for %d flows: %v", flows, err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(file, old, 0); err != nil {
			t.Error(err)
		}
	})
}

// Dumps of a table in motion have every flow that stands still.
func TestReliabilityDumpUnderChurn(t *testing.T) {
	stable, dumps, atLeast := scale(30_000, 500_000), scale(3, 20), scale(5_000, 100_000)
	makeRoom(t, stable+100_000)
	ctx := context.Background()
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	b, err := k.Batch(ctx, conntrack.BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range stable {
		if err := b.Add(reliability.Flow(i)); err != nil {
			t.Fatal(err)
		}
	}
	if res, err := b.Close(); err != nil || res.Applied != stable {
		t.Fatalf("%+v %v", res, err)
	}

	stop, cancel := context.WithCancel(ctx)
	var churn reliability.Result
	churned := make(chan error, 1)
	go func() {
		var err error
		churn, err = reliability.Churn{Kernel: k, First: stable, Live: 20_000}.Run(stop, 0)
		churned <- err
	}()
	runtime.GC()
	seen := make([]uint8, stable)
	missed, twice, rows, most := 0, 0, 0, 0
	start := time.Now()
	for range dumps {
		clear(seen)
		at := 0
		res, err := k.Dump(ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
			var orig wire.Tuple
			v.Tuple(wire.Original, &orig)
			if n := reliability.Number(&orig); n < stable {
				seen[n]++
			}
			if at++; at%50_000 == 1 {
				most = max(most, residentKiB(t))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		rows += res.Flows
		for _, n := range seen {
			switch n {
			case 0:
				missed++
			case 1:
			default:
				twice++
			}
		}
	}
	took := time.Since(start)
	cancel()
	if err := <-churned; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d dumps of %d rows in %v beside %d changes/s: %d stable rows missed, %d seen twice, %d MiB resident",
		dumps, rows/dumps, took.Round(time.Millisecond), churn.Rate(), missed, twice, most>>10)
	if reliability.Full() && churn.Rate() < atLeast {
		t.Errorf("load too small: %d changes/s, want %d", churn.Rate(), atLeast)
	}
	if missed > 0 {
		t.Errorf("%d stable rows missed", missed)
	}
	if reliability.Full() && most > 64<<10 {
		t.Errorf("%d MiB resident, want 64 at most", most>>10)
	}
}

// filled is a fake kernel with so many flows, and a client.
func filled(t *testing.T, flows int) (*fake.Kernel, *conntrack.Client) {
	t.Helper()
	k := fake.New(fake.Options{})
	c := k.Client()
	t.Cleanup(func() { _ = c.Close() })
	b, err := c.Batch(context.Background(), conntrack.BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range flows {
		if err := b.Add(reliability.Flow(i)); err != nil {
			t.Fatal(err)
		}
	}
	if res, err := b.Close(); err != nil || res.Applied != flows {
		t.Fatalf("%+v %v", res, err)
	}
	return k, c
}

// An answer that is cut short is asked for once more where nothing of it was
// passed on, and else ends in an IncompleteError after what there was.
func TestReliabilityTypedIncompleteness(t *testing.T) {
	const flows = 2000
	dump := func(c *conntrack.Client) (conntrack.DumpResult, int, error) {
		n := 0
		res, err := c.Dump(context.Background(), &wire.Dump{}, conntrack.DumpOptions{}, func(*wire.View) error { n++; return nil })
		return res, n, err
	}
	incomplete := func(t *testing.T, n int, err error) {
		t.Helper()
		var inc *conntrack.IncompleteError
		if !errors.As(err, &inc) {
			t.Fatalf("%v, want an IncompleteError", err)
		}
		t.Log(err)
		if inc.Flows != n || n == 0 || inc.Reason == "" {
			t.Errorf("says %d flows, %d were passed on: %v", inc.Flows, n, err)
		}
	}
	t.Run("at the start, once", func(t *testing.T) {
		for name, fault := range map[string]func(*fake.Kernel){
			"enobufs":   func(k *fake.Kernel) { k.FailDump(1) },
			"truncated": func(k *fake.Kernel) { k.CutDatagrams(1) },
		} {
			k, c := filled(t, flows)
			fault(k)
			res, n, err := dump(c)
			if err != nil || n != flows || !res.Retried {
				t.Errorf("%s: %d flows, %+v, %v", name, n, res, err)
			}
			again, n, err := dump(c)
			if err != nil || n != flows || again.Retried {
				t.Errorf("%s, the next: %d flows, %+v, %v", name, n, again, err)
			}
		}
	})
	t.Run("always", func(t *testing.T) {
		k, c := filled(t, flows)
		k.CutDatagrams(1000)
		var inc *conntrack.IncompleteError
		if res, n, err := dump(c); !errors.As(err, &inc) || !res.Retried || n != 0 {
			t.Errorf("%d flows, %+v, %v", n, res, err)
		}
	})
	t.Run("enobufs in the middle", func(t *testing.T) {
		k, c := filled(t, flows)
		k.FailDump(3)
		_, n, err := dump(c)
		incomplete(t, n, err)
	})
	t.Run("delayed answer", func(t *testing.T) {
		k, c := filled(t, flows)
		k.DelayAnswers(1)
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if _, err := c.Count(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the deadline", err)
		}
		// The late answer is not taken for that to the next question.
		if _, n, err := dump(c); err != nil || n != flows {
			t.Errorf("%d flows, %v", n, err)
		}
	})
	t.Run("buckets change", func(t *testing.T) {
		k, c := filled(t, flows)
		k.DuringDump(3, func(s *fake.Sysctls) { s.Buckets = 64 })
		_, n, err := dump(c)
		incomplete(t, n, err)
	})
}

// The kernel's own hash table is resized in the middle of a dump.
func TestReliabilityResizeUnderDump(t *testing.T) {
	const file = "/proc/sys/net/netfilter/nf_conntrack_buckets"
	if !reliability.Full() {
		t.Skip("changes the hash table of the whole machine: with CTSH_FULL=1 only")
	}
	self, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	old, err := os.ReadFile(file)
	if err != nil {
		t.Skip(err)
	}
	buckets, err := strconv.Atoi(strings.TrimSpace(string(old)))
	if err != nil {
		t.Fatal(err)
	}
	set := func(n int) error { return os.WriteFile(file, []byte(strconv.Itoa(n)), 0) }
	if err := set(buckets); err != nil {
		t.Skipf("needs to write %s: %v", file, err)
	}
	defer func() {
		if err := set(buckets); err != nil {
			t.Error(err)
		}
	}()
	ctx := context.Background()
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	const flows = 50_000
	if _, err := (reliability.Churn{Kernel: k, Live: flows}).Run(ctx, flows); err != nil {
		t.Fatal(err)
	}
	n := 0
	_, err = k.Dump(ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(*wire.View) error {
		if n++; n == flows/4 {
			return set(buckets / 2)
		}
		return nil
	})
	var inc *conntrack.IncompleteError
	if !errors.As(err, &inc) {
		t.Errorf("%d of %d flows and %v, want an IncompleteError", n, flows, err)
	}
	t.Log(err)
}
