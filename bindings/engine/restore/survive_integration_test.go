package restore_test

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/restore"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/gateway"
)

// again makes the request that brings a flow back, or none.
type again func(e *wire.Entry, age time.Duration) (*wire.Create, error)

func asRequested(e *wire.Entry, age time.Duration) (*wire.Create, error) {
	return restore.Request(e, restore.Options{Age: age})
}

// asDumped sends back what the kernel said, as a tool would that knows no better.
func asDumped(e *wire.Entry, _ time.Duration) (*wire.Create, error) {
	return &wire.Create{Entry: *e}, nil
}

func not(*wire.Entry, time.Duration) (*wire.Create, error) { return nil, nil }

// fate is what became of a stream whose flow was deleted and brought back.
type fate struct {
	gateway.Stats
	came bool // a flow had come in between
}

// interrupt deletes the flow of a running stream, brings it back after a gap and
// tells how the stream does 2 s of blocks later. A gap lasts until packets met it.
func interrupt(t *testing.T, g *gateway.Gateway, s *gateway.Stream, gap time.Duration, again again) (f fate, err error) {
	k := g.Kernel()
	var e wire.Entry
	read := time.Now()
	if found, err := k.Get(t.Context(), wire.Get{Key: wire.Key{Tuple: s.Tuple()}}, &e); err != nil || !found {
		return f, fmt.Errorf("get %s: found %v, %w", s.Tuple(), found, err)
	}
	const scaled = wire.TCPWindowScale | wire.TCPSACKPerm
	for dir, flags := range e.TCP().Flags {
		if flags&scaled != scaled || e.TCP().WScale[dir] == 0 {
			return f, fmt.Errorf("%s has no window scale and SACK: %+v", s.Tuple(), e.TCP())
		}
	}
	d, err := wire.NewDelete(e.Key())
	if err != nil {
		return f, err
	}
	if err := k.Do(t.Context(), d); err != nil {
		return f, err
	}
	if gap > 0 {
		// The second block that was begun tells that the first was sent.
		begun := s.Stats().Sent + 2
		for time.Sleep(gap); s.Stats().Sent < begun && s.Stats().End == gateway.Alive; {
			time.Sleep(time.Millisecond)
		}
	}
	c, err := again(&e, time.Since(read))
	if err != nil {
		return f, err
	}
	if c != nil {
		err = k.Do(t.Context(), c)
		if f.came = errors.Is(err, syscall.EEXIST); f.came {
			err = nil
		}
	}
	s.Await(200)
	f.Stats = s.Close()
	return f, err
}

// TestStreamSurvives deletes flows under live streams and brings them back, at
// all moments between two blocks. What lives then is checked to the last byte.
func TestStreamSurvives(t *testing.T) {
	n := 20
	if reliability.Full() {
		n = 200
	}
	const ms = time.Millisecond
	slow, fast := gateway.Talk{Rate: 100}, gateway.Talk{Rate: 100, Size: 128 << 10}
	lives := []gateway.End{gateway.Alive}
	dies := []gateway.End{gateway.Reset, gateway.Timeout}
	// A router without a firewall takes up what the client sends first and refuses
	// what the server sends first: only what comes through is checked.
	either := slices.Concat(lives, dies)
	for _, c := range []struct {
		name  string
		place gateway.Place
		talk  gateway.Talk
		n     int
		gap   time.Duration
		again again
		ends  []gateway.End
	}{
		{"strict, at once", gateway.Strict, slow, n, 0, asRequested, lives},
		{"strict, at once, fast", gateway.Strict, fast, 4, 0, asRequested, lives},
		{"strict, after 20 ms", gateway.Strict, slow, n, 20 * ms, asRequested, lives},
		{"strict, after 200 ms", gateway.Strict, slow, n, 200 * ms, asRequested, lives},
		{"strict, after 500 ms", gateway.Strict, slow, n, 500 * ms, asRequested, lives},
		{"strict, as dumped", gateway.Strict, slow, 4, 0, asDumped, dies},
		{"strict, not", gateway.Strict, slow, 4, 0, not, dies},
		{"open, at once", gateway.Open, slow, n, 0, asRequested, either},
		{"open, after 20 ms", gateway.Open, slow, n, 20 * ms, asRequested, either},
		{"open, after 200 ms", gateway.Open, slow, n, 200 * ms, asRequested, either},
		{"open, after 500 ms", gateway.Open, slow, n, 500 * ms, asRequested, either},
		{"open, not", gateway.Open, slow, n, 0, not, either},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := gateway.New(t, c.place)
			fates, errs := make([]fate, c.n), make(chan error, c.n)
			for i := range c.n {
				talk := c.talk
				talk.First, talk.IPv6 = gateway.Side(i%2), i%4 >= 2
				s, err := g.Stream(t.Context(), talk)
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					if !s.Await(20) {
						errs <- fmt.Errorf("before anything was deleted: %s", s.Stats())
						return
					}
					time.Sleep(time.Duration(i) * 10 * ms / time.Duration(c.n))
					var err error
					fates[i], err = interrupt(t, g, s, c.gap, c.again)
					errs <- err
				}()
			}
			for range c.n {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
			var ends [4]int
			came, stall := 0, time.Duration(0)
			for i, f := range fates {
				ends[f.End]++
				if f.came {
					came++
				}
				if f.End == gateway.Alive {
					stall = max(stall, f.Stall)
				}
				if !slices.Contains(c.ends, f.End) {
					t.Errorf("the %s spoke: %s", gateway.Side(i%2), f.Stats)
				}
			}
			t.Logf("%d streams: %d alive, %d reset, %d timed out, %d broken; %d flows had come in between; longest stall of the living %v",
				c.n, ends[gateway.Alive], ends[gateway.Reset], ends[gateway.Timeout], ends[gateway.Broken], came, stall.Round(ms))
		})
	}
}
