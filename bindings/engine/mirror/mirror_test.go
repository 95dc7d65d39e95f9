package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/mirror"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

func create(n int) *wire.Create {
	c := &wire.Create{}
	c.Entry.Orig = wire.Tuple{
		Src: wire.AddrFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})),
		Dst: wire.AddrFrom(netip.MustParseAddr("192.0.2.1")), SrcPort: 1, DstPort: 2,
		Family: wire.FamilyIPv4, Proto: wire.ProtoUDP,
	}
	c.Entry.Timeout, c.Entry.Present = 600, wire.HasTimeout
	return c
}

// run starts a mirror and returns it with a function that waits until it
// equals the fake's table.
func run(t *testing.T, k *fake.Kernel, opt mirror.Options) (*mirror.Mirror, func()) {
	t.Helper()
	client := k.Client()
	m := mirror.New(client, opt)
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- m.Run(ctx, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-end; !errors.Is(err, context.Canceled) {
			t.Errorf("mirror ended: %v", err)
		}
		_ = client.Close()
	})
	return m, func() {
		t.Helper()
		var diff string
		for range 2000 {
			if diff = compare(m, k); diff == "" && !m.Stats().Synced.IsZero() {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("mirror differs for 20 seconds: %s; %+v", diff, m.Stats())
	}
}

func compare(m *mirror.Mirror, k *fake.Kernel) string {
	table := k.Flows()
	if n := m.Stats().Flows; n != len(table) {
		return fmt.Sprintf("%d flows of %d", n, len(table))
	}
	for i := range table {
		e := &table[i]
		f, ok := m.Get(e.Orig)
		if !ok || f.Mark != e.Mark || f.Status != e.Status || f.Reply != e.Reply {
			return fmt.Sprintf("got %+v, %v; want %+v", f, ok, e.Flow)
		}
	}
	return ""
}

func do(t *testing.T, k conntrack.Kernel, req wire.Request) {
	t.Helper()
	if err := k.Do(context.Background(), req); err != nil {
		t.Fatal(err)
	}
}

func TestMirrorFollows(t *testing.T) {
	k := fake.New(fake.Options{})
	client := k.Client()
	defer client.Close()
	for i := range 100 {
		do(t, client, create(i)) // older than the listener
	}
	m, equal := run(t, k, mirror.Options{})
	equal()
	for i := 100; i < 200; i++ {
		do(t, client, create(i))
	}
	for i := range 50 {
		key := wire.Key{Tuple: create(100 + i).Entry.Orig}
		do(t, client, &wire.Update{Key: key, Mark: &wire.Masked32{Value: uint32(i), Mask: 0xff}})
	}
	for i := 150; i < 170; i++ {
		d, err := wire.NewDelete(wire.Key{Tuple: create(i).Entry.Orig})
		if err != nil {
			t.Fatal(err)
		}
		do(t, client, d)
	}
	equal()
	n := 0
	m.Each(func(*wire.Flow) bool { n++; return n < 5 })
	if n != 5 {
		t.Errorf("each went on after false: %d", n)
	}
	if s := m.Stats(); s.Syncs != 1 || s.Events.Received != 170 || s.Stale != 0 {
		t.Errorf("%+v", s)
	}
}

func TestMirrorHealsLoss(t *testing.T) {
	k := fake.New(fake.Options{})
	client := k.Client()
	defer client.Close()
	m, equal := run(t, k, mirror.Options{})
	for m.Stats().Syncs == 0 { // an empty mirror equals an empty table before its first reading
		time.Sleep(time.Millisecond)
	}
	equal()
	k.LoseEveryEvent(3)
	for i := range 300 {
		do(t, client, create(i))
		if i%2 == 0 {
			d, _ := wire.NewDelete(wire.Key{Tuple: create(i).Entry.Orig})
			do(t, client, d)
		}
	}
	k.LoseEveryEvent(0)
	equal()
	// The mirror is right as soon as the reading has told the last flow, which
	// is before it is counted.
	for end := time.Now().Add(10 * time.Second); m.Stats().Syncs < 2 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	s := m.Stats()
	if s.Events.Received+s.Events.Lost != 450 || s.Events.Lost == 0 {
		t.Errorf("%+v: received and lost must be 450", s.Events)
	}
	if s.Syncs < 2 || s.Syncs > 10 {
		t.Errorf("%d readings", s.Syncs)
	}
}

// Flows without events are right after the next reading.
func TestMirrorOfSilentFlows(t *testing.T) {
	k := fake.New(fake.Options{})
	k.Configure(func(s *fake.Sysctls) { s.Events = 0 })
	client := k.Client()
	defer client.Close()
	for i := range 50 {
		do(t, client, create(i))
	}
	m, equal := run(t, k, mirror.Options{Every: 50 * time.Millisecond})
	equal()
	do(t, client, &wire.Flush{All: true})
	equal()
	if s := m.Stats(); s.Stale != 50 || s.Events.Received != 0 {
		t.Errorf("%+v", s)
	}
}

func TestMirrorErrors(t *testing.T) {
	k := fake.New(fake.Options{Unprivileged: true})
	client := k.Client()
	defer client.Close()
	var privilege *conntrack.PrivilegeError
	if err := mirror.New(client, mirror.Options{}).Run(context.Background(), nil); !errors.As(err, &privilege) {
		t.Errorf("%v, want a PrivilegeError", err)
	}
	k.SetPrivileged(true)
	do(t, client, create(1))
	mine := errors.New("mine")
	m := mirror.New(client, mirror.Options{})
	end := make(chan error)
	go func() { end <- m.Run(context.Background(), func(*conntrack.Event) error { return mine }) }()
	for i := 2; ; i++ {
		select {
		case err := <-end:
			if !errors.Is(err, mine) {
				t.Errorf("%v", err)
			}
			return
		case <-time.After(time.Millisecond):
			do(t, client, create(i))
		}
	}
}
