package nft

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// What was looked up in one generation is not done in another.
func TestTransactionOfAnotherGeneration(t *testing.T) {
	ctx := context.Background()
	ns, c := load(t, `table inet t { set s { type ipv4_addr; }; }`)
	s := set(t, c, "t s")
	gen, err := c.generation(ctx)
	if err != nil {
		t.Fatal(err)
	}
	send := func(gen uint32) error {
		tr, err := s.transact(ctx, gen)
		if err != nil {
			return err
		}
		defer tr.close()
		tr.put([]Entry{{Element: parse(t, s, "10.0.0.1")[0]}})
		_, err = tr.commit()
		return err
	}
	if err := send(gen + 1); !refusedFor(err, unix.ERESTART) {
		t.Errorf("%v, want ERESTART", err)
	}
	agree(t, ns, s)
	kept := c.idle
	if err := send(gen); err != nil {
		t.Error(err)
	}
	if c.idle != kept || kept == nil {
		t.Error("the socket is not kept") // the kernel lets who closes one wait
	}
	agree(t, ns, s, "10.0.0.1")
	if after, err := c.generation(ctx); err != nil || after != gen+1 || s.gen != after {
		t.Errorf("generation %d, %v, the set is of %d; it was %d", after, err, s.gen, gen)
	}
}

// A list of elements is longer than one message may be: all of it arrives.
func TestLongElements(t *testing.T) {
	ns, c := load(t, `table inet t { set s { type ifname . ifname . ifname; flags interval, timeout; }; }`)
	s := set(t, c, "t s")
	var texts []string
	for i := range BatchSize {
		texts = append(texts, fmt.Sprintf("abcdefghijk%d . abcdefghijk%d . abcdefghijk%d", i, i, i))
	}
	var entries []Entry
	for _, e := range parse(t, s, texts...) {
		entries = append(entries, Entry{Element: e, Timeout: time.Hour, Comment: strings.Repeat("x", 120)})
	}
	renewals(t, func(t *testing.T) {
		res, err := s.Put(context.Background(), entries)
		if err != nil || res.Applied != len(entries) {
			t.Errorf("%+v, %v", res, err)
		}
		agree(t, ns, s, slices.Clone(texts)...)
	})
}

// An answer that comes late is not taken for that to another question.
func TestLateAnswer(t *testing.T) {
	ctx := context.Background()
	_, c := load(t, `table inet t { set s { type ipv4_addr; elements = { 10.0.0.1 }; }; }`)
	s := set(t, c, "t s")
	sock, err := c.dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sock.askGeneration()
	sock.askGeneration()
	if err := sock.send(); err != nil {
		t.Fatal(err)
	}
	sock.settled = true // as if it had been read
	sock.close()
	if c.idle != sock {
		t.Fatal("the socket is not used again")
	}
	es := parse(t, s, "10.0.0.1", "10.0.0.2")
	list, err := s.Look(ctx, es)
	if err != nil || list[0] == nil || list[1] != nil {
		t.Errorf("%v, %v", list, err)
	}
	if got := ours(t, s); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// Where the answer to a transaction is lost, it is not said that nothing was
// done.
func TestLostAnswer(t *testing.T) {
	ns, c := load(t, `table inet t { set s { type ipv4_addr; }; }`)
	s := set(t, c, "t s")
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	tr, err := s.transact(ctx, s.gen)
	if err != nil {
		t.Fatal(err)
	}
	tr.put([]Entry{{Element: parse(t, s, "10.0.0.1")[0]}})
	if err := tr.conn.SetBPF([]bpf.RawInstruction{{Op: 0x06}}); err != nil { // return 0: nothing comes in
		t.Fatal(err)
	}
	_, err = tr.commit()
	var lost *lostError
	if !errors.As(err, &lost) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	tr.close()
	if c.idle != nil {
		t.Error("a socket to which an answer may come is kept")
	}
	agree(t, ns, s, "10.0.0.1")
}
