package conntrack

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func sendTo(fd uintptr, b []byte) error {
	return unix.Sendto(int(fd), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func TestDropCounterWraps(t *testing.T) {
	var c dropCounter
	for _, tt := range []struct {
		now   uint32
		total uint64
	}{{0, 0}, {5, 5}, {5, 5}, {1<<32 - 1, 1<<32 - 1}, {3, 1<<32 + 3}, {2, 2<<32 + 2}} {
		if c.advance(tt.now); c.total != tt.total {
			t.Errorf("reading %d: %d lost, want %d", tt.now, c.total, tt.total)
		}
	}
}

func TestNap(t *testing.T) {
	p := nap{size: 16 << 20}
	for i, tt := range []struct {
		n    int
		want time.Duration
	}{
		{1, 0}, {8, 0}, {9, time.Millisecond}, {200, 2 * time.Millisecond}, {400, 4 * time.Millisecond},
		{400, 4 * time.Millisecond}, {5000, 2 * time.Millisecond}, {5000, time.Millisecond}, {5000, 0},
		{100, time.Millisecond}, {2, 0},
	} {
		if d := p.after(tt.n); d != tt.want {
			t.Errorf("step %d, drain of %d: nap %v, want %v", i, tt.n, d, tt.want)
		}
	}
	small := nap{size: 16 << 10}
	if d := small.after(12); d != 0 {
		t.Errorf("nap of %v with a buffer for 12", d)
	}
}
