package conntrack

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// threadTime is the processor time of the calling thread.
func threadTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// makeEvents creates and deletes n flows, two events each, at most so many
// events a second (0 is no limit).
func makeEvents(k *Client, n, rate int) error {
	ctx := context.Background()
	b, err := k.Batch(ctx, BatchOptions{})
	if err != nil {
		return err
	}
	const block = 4096
	start := time.Now()
	for first := 0; first < n; first += block {
		for i := first; i < min(first+block, n); i++ {
			if err := b.Add(udp(i)); err != nil {
				return err
			}
		}
		for i := first; i < min(first+block, n); i++ {
			d, err := wire.NewDelete(wire.Key{Tuple: tuple(wire.ProtoUDP, i)})
			if err != nil {
				return err
			}
			if err := b.Add(d); err != nil {
				return err
			}
		}
		if rate > 0 {
			time.Sleep(time.Duration(2*(first+block))*time.Second/time.Duration(rate) - time.Since(start))
		}
	}
	res, err := b.Close()
	if err == nil && res.Applied != 2*n {
		err = fmt.Errorf("%+v", res)
	}
	return err
}

// sendPackets makes n flows, one event each, by a UDP packet to an address of
// its own on the loopback.
func sendPackets(ns *netns.NS, n int) error {
	return ns.Do(func() error {
		sink, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(sink)
		if err := unix.Bind(sink, &unix.SockaddrInet4{Port: 9}); err != nil {
			return err
		}
		from, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(from)
		to := unix.SockaddrInet4{Port: 9}
		for i := 1; i <= n; i++ {
			to.Addr = [4]byte{127, byte(i >> 16), byte(i >> 8), byte(i)}
			if err := unix.Sendto(from, []byte("x"), 0, &to); err != nil {
				return err
			}
		}
		return nil
	})
}

// listenCost measures the processor time an event takes from the kernel's
// queue to a handler that reads the flow. The listener has a thread of its
// own, whose time is counted.
func listenCost(b *testing.B, k *Client, opt EventOptions, events int, generate func() error) (perEvent time.Duration, s EventStats) {
	b.Helper()
	l, err := k.Listen(context.Background(), opt)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan time.Duration)
	go func() {
		runtime.LockOSThread()
		start := threadTime()
		close(ready)
		var f wire.Flow
		_ = l.Run(ctx, func(e *Event) error {
			if e.View != nil {
				e.View.Flow(&f)
			}
			return nil
		})
		done <- threadTime() - start
	}()
	<-ready
	if err := generate(); err != nil {
		b.Fatal(err)
	}
	for range 1000 {
		if s = l.Stats(); s.Received+s.Lost >= uint64(events) || opt.Filter != (EventFilter{}) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	cpu := <-done
	return cpu / time.Duration(events), s
}

// report adds the figures of a listener to a benchmark.
func report(b *testing.B, events int, cpu time.Duration, s EventStats) {
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(cpu.Nanoseconds()), "cpu-ns/event")
	b.ReportMetric(float64(s.Lost), "lost")
	b.ReportMetric(float64(s.Received)/float64(max(s.Reads, 1)), "events/read")
}

var large = EventOptions{RcvBuf: 64 << 20}

// BenchmarkEvents is the processor time of an event to a handler that decodes
// the flow: events made through netlink at several rates, by packets, and
// kept out by a program (per event made). Beside it conntrack -E on the same,
// per event that it got.
func BenchmarkEvents(b *testing.B) {
	ns := netnstest.New(b)
	k := Open(ns)
	defer k.Close()
	for _, rate := range []int{30_000, 100_000, 150_000, 0} {
		name := fmt.Sprintf("netlink/rate=%d", rate)
		if rate == 0 {
			name = "netlink/rate=max"
		}
		b.Run(name, func(b *testing.B) {
			n := max(b.N/2, 1)
			cpu, s := listenCost(b, k, large, 2*n, func() error { return makeEvents(k, n, rate) })
			report(b, 2*n, cpu, s)
		})
	}
	for _, rate := range []int{30_000, 100_000} {
		b.Run(fmt.Sprintf("netlink/conntrack-E/rate=%d", rate), func(b *testing.B) {
			n := max(b.N/2, 1)
			peerCost(b, ns, 2*n, func() error { return makeEvents(k, n, rate) })
		})
	}
	b.Run("netlink/kept-out", func(b *testing.B) {
		n := max(b.N/2, 1)
		opt := large
		opt.Filter = EventFilter{Proto: new(uint8(wire.ProtoTCP)), DstPort: new(uint16(443))}
		cpu, s := listenCost(b, k, opt, 2*n, func() error { return makeEvents(k, n, 150_000) })
		report(b, 2*n, cpu, s)
	})

	netnstest.Track(b, ns)
	clean := func(b *testing.B) {
		if err := k.Do(context.Background(), &wire.Flush{All: true}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("packets", func(b *testing.B) {
		n := min(b.N, 200_000) // what fits the table
		cpu, s := listenCost(b, k, large, n, func() error { return sendPackets(ns, n) })
		report(b, n, cpu, s)
		clean(b)
	})
	b.Run("packets/conntrack-E", func(b *testing.B) {
		n := min(b.N, 200_000)
		peerCost(b, ns, n, func() error { return sendPackets(ns, n) })
		clean(b)
	})
}

// peerCost measures conntrack -E.
func peerCost(b *testing.B, ns *netns.NS, events int, generate func() error) {
	b.Helper()
	cmd := netnstest.Command(b, "conntrack", "-E", "--buffer-size", "67108864")
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := ns.Do(cmd.Start); err != nil {
		b.Fatal(err)
	}
	lines := make(chan int, 1)
	go func() {
		total, buf := 0, make([]byte, 1<<16)
		for {
			n, err := out.Read(buf)
			total += bytes.Count(buf[:n], []byte("\n"))
			if err != nil {
				lines <- total
				return
			}
		}
	}()
	time.Sleep(300 * time.Millisecond) // until it listens; it does not say
	b.ResetTimer()
	if err := generate(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	time.Sleep(time.Second)
	_ = cmd.Process.Signal(syscall.SIGINT)
	got := <-lines
	_ = cmd.Wait()
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(max(got, 1)), "cpu-ns/event")
	b.ReportMetric(100*float64(events-got)/float64(events), "%lost")
}
