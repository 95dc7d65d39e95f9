package fake_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// fetch asks for the first n flows and counts those that came, in order.
func fetch(ctx context.Context, k conntrack.Kernel, n int, zero bool) (came int, err error) {
	keys := make([]wire.Key, n)
	for i := range keys {
		keys[i].Tuple = flow(i)
	}
	err = k.Fetch(ctx, keys, zero, func(i int, v *wire.View) error {
		var t wire.Tuple
		if i != came || v == nil || !v.Tuple(wire.Original, &t) || t != flow(i) {
			return errors.New("not the next flow")
		}
		came++
		return nil
	})
	return came, err
}

func TestFetchLosesAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(*fake.Kernel)
		zero  bool
		least int // that come; 300 is all, without an error
		is    error
	}{
		{name: "one overrun", fault: func(k *fake.Kernel) { k.LoseAnswer(200) }, least: 300},
		{name: "a cut datagram", fault: func(k *fake.Kernel) { k.CutDatagrams(1) }, least: 300},
		{name: "one overrun of a reset", fault: func(k *fake.Kernel) { k.LoseAnswer(200) }, zero: true, least: 199, is: syscall.ENOBUFS},
		{name: "a cut datagram of a reset", fault: func(k *fake.Kernel) { k.CutDatagrams(1) }, zero: true, is: conntrack.ErrTruncated},
		{name: "many cut datagrams", fault: func(k *fake.Kernel) { k.CutDatagrams(50) }, is: conntrack.ErrTruncated},
	} {
		k, client := filled(t, 300)
		c.fault(k)
		came, err := fetch(t.Context(), client, 300, c.zero)
		var incomplete *conntrack.IncompleteError
		switch {
		case came < c.least || c.least < 300 && came > c.least+128:
			t.Errorf("%s: %d flows came, want %d", c.name, came, c.least)
		case c.is == nil && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.is != nil && (!errors.As(err, &incomplete) || !errors.Is(err, c.is) || incomplete.Flows != came):
			t.Errorf("%s: %d flows, %v; want an incomplete fetch by %v", c.name, came, err, c.is)
		}
		k.CutDatagrams(0)
		if came, err := fetch(t.Context(), client, 300, false); err != nil || came != 300 {
			t.Errorf("%s: afterwards %d flows, %v", c.name, came, err)
		}
	}
}

func TestFetchWaits(t *testing.T) {
	k, c := filled(t, 300)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	k.DelayAnswers(1)
	if came, err := fetch(ctx, c, 300, false); !errors.Is(err, context.DeadlineExceeded) || came != 0 {
		t.Errorf("late answers: %d flows, %v; want the deadline", came, err)
	}
	if came, err := fetch(t.Context(), c, 300, false); err != nil || came != 300 {
		t.Errorf("afterwards: %d flows, %v", came, err)
	}
}

func TestFetchRefused(t *testing.T) {
	k, c := filled(t, 300)
	k.SetPrivileged(false)
	var denied *conntrack.PrivilegeError
	if came, err := fetch(t.Context(), c, 300, false); !errors.As(err, &denied) || came != 0 {
		t.Errorf("%d flows, %v; want a PrivilegeError", came, err)
	}
	if _, err := c.FlushEcho(t.Context(), &wire.Flush{All: true}, nil); !errors.As(err, &denied) {
		t.Errorf("flush: %v, want a PrivilegeError", err)
	}
	k.SetPrivileged(true)
	_ = c.Close()
	if _, err := fetch(t.Context(), c, 300, false); !errors.Is(err, conntrack.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	mute := fake.New(fake.Options{WithoutConntrack: true}).Client()
	defer mute.Close()
	var refused *conntrack.Error
	if _, err := fetch(t.Context(), mute, 3, false); !errors.As(err, &refused) || refused.Flow != flow(0) {
		t.Errorf("%v, want a refusal of the first flow", err)
	}
}

// told is a kernel with n flows that tell of their end.
func told(t *testing.T, n int) (*fake.Kernel, *conntrack.Client) {
	t.Helper()
	k := fake.New(fake.Options{})
	k.Configure(func(s *fake.Sysctls) { s.Events = 1 })
	c := k.Client()
	t.Cleanup(func() { _ = c.Close() })
	for i := range n {
		if err := c.Do(t.Context(), create(i, 100)); err != nil {
			t.Fatal(err)
		}
	}
	return k, c
}

func TestFlushEchoLosesAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(*fake.Kernel) // before the second flow is told
		told  int
		is    error
	}{
		{"an overrun", nil, 100, syscall.ENOBUFS},
		{"a cut datagram", func(k *fake.Kernel) { k.CutDatagrams(1) }, 299, conntrack.ErrTruncated},
	} {
		k, client := told(t, 300)
		if c.fault == nil {
			k.LoseAnswer(3 + c.told + 1) // three count the table before
		}
		calls := 0
		res, err := client.FlushEcho(t.Context(), &wire.Flush{All: true}, func(*wire.View) error {
			if calls++; calls == 1 && c.fault != nil {
				c.fault(k)
			}
			return nil
		})
		var incomplete *conntrack.IncompleteError
		if !errors.As(err, &incomplete) || !errors.Is(err, c.is) || incomplete.Flows != calls {
			t.Errorf("%s: %v, want an incomplete answer by %v", c.name, err, c.is)
		}
		if calls != c.told || res != (conntrack.FlushResult{Told: calls, Before: 300}) {
			t.Errorf("%s: %+v after %d calls, want %d", c.name, res, calls, c.told)
		}
	}
}
