package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// heard is what a listener in a process of its own got.
type heard struct {
	Events, Lost uint64
	CPU          float64 // seconds
}

func (h heard) each() float64 { return h.CPU * 1e6 / float64(max(h.Events, 1)) }

// listenAll is the child that decodes every event in a handler.
func listenAll(ready func(), stop <-chan struct{}) (any, error) {
	return listen(conntrack.EventOptions{RcvBuf: 64 << 20}, ready, stop)
}

// listenNone is the child whose filter no event passes.
func listenNone(ready func(), stop <-chan struct{}) (any, error) {
	opt := conntrack.EventOptions{RcvBuf: 64 << 20}
	opt.Filter = conntrack.EventFilter{Proto: new(uint8(wire.ProtoTCP)), DstPort: new(uint16(443))}
	return listen(opt, ready, stop)
}

func listen(opt conntrack.EventOptions, ready func(), stop <-chan struct{}) (h heard, err error) {
	k := conntrack.Open(nil)
	defer k.Close()
	ear, err := k.Listen(context.Background(), opt)
	if err != nil {
		return h, err
	}
	defer ear.Close()
	ctx, cancel := context.WithCancel(context.Background())
	before, _ := usage()
	ready()
	go func() {
		<-stop
		time.Sleep(200 * time.Millisecond) // for what is on its way
		cancel()
	}()
	var f wire.Flow
	_ = ear.Run(ctx, func(e *conntrack.Event) error {
		if e.View != nil {
			e.View.Flow(&f)
		}
		return nil
	})
	after, _ := usage()
	s := ear.Stats()
	return heard{s.Received, s.Lost, after - before}, nil
}

// events compares listeners on events made through netlink and by packets.
func (b *bench) events() error {
	w, err := b.newWorld(200_000)
	if err != nil {
		return err
	}
	defer w.close()
	if _, err := sysctl.Open(w.ns).SetInt("events", 1); err != nil { // also of flows older than the listener
		return err
	}
	if err := w.fast(b); err != nil {
		return err
	}
	if err := w.besidePeer(b, "netlink, 50 k/s", 0.1, func() (int, error) { return w.makeEvents(100_000, 50_000) }); err != nil {
		return err
	}
	for _, c := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"nft", "add table inet t; add chain inet t c { type filter hook output priority 0; }; add rule inet t c ct state new"},
	} {
		if _, err := w.output(c[0], c[1:]...); err != nil {
			return err
		}
	}
	return w.besidePeer(b, "packets", 0.4, func() (int, error) {
		if err := w.flush(); err != nil {
			return 0, err
		}
		time.Sleep(300 * time.Millisecond) // the events of the flush go to no measurement
		return w.sendPackets(100_000)
	})
}

// fast makes events through netlink as fast as the budget asks for.
func (w *world) fast(b *bench) error {
	const least, rate, seconds = 150_000, 155_000, 10
	var all, none heard
	made, took := 0, 0.0
	work := func() (err error) {
		start := time.Now()
		made, err = w.makeEvents(rate*seconds, rate)
		took = time.Since(start).Seconds()
		return err
	}
	if err := w.child("listen", &all, work); err != nil {
		return err
	}
	reached := float64(made) / took
	if int(all.Events+all.Lost) != made {
		return fmt.Errorf("%d events were made, %d handled and %d lost", made, all.Events, all.Lost)
	}
	if err := w.child("listen-none", &none, work); err != nil {
		return err
	}
	b.rows = append(b.rows,
		row{Name: "netlink, lost of " + fmt.Sprint(made), Ours: float64(all.Lost), Unit: "events", Note: fmt.Sprintf("%d lost at %.0f k/s", all.Lost, reached/1000)}.
			budget("0 lost at 150 k/s", all.Lost == 0 && reached >= least),
		row{Name: "netlink, CPU an event", Ours: all.each(), Unit: "us"}.budget("<= 1.5 us", all.each() <= 1.5),
		row{Name: "kept out by the socket filter, CPU of unfiltered", Ours: 100 * none.CPU / all.CPU, Unit: "%"}.
			budget("<= 5 %", none.CPU <= 0.05*all.CPU))
	return nil
}

// besidePeer makes the same events for us and for conntrack -E in turn.
func (w *world) besidePeer(b *bench, name string, share float64, generate func() (int, error)) error {
	var ours, theirs []float64
	lost, lostThere := uint64(0), 0
	for range b.runs {
		made := 0
		work := func() (err error) { made, err = generate(); return err }
		var h heard
		if err := w.child("listen", &h, work); err != nil {
			return err
		}
		lost += h.Lost
		ours = append(ours, h.each())
		got, cpu, err := w.peerEvents(work)
		if err != nil {
			return err
		}
		lostThere += max(0, made-got)
		theirs = append(theirs, cpu*1e6/float64(max(got, 1)))
	}
	r := row{Name: name + ", CPU an event", Ours: median(ours), Unit: "us", Peer: median(theirs), Versus: "conntrack -E",
		Note: fmt.Sprintf("%d lost here, %d there", lost, lostThere)}
	b.rows = append(b.rows, r.budget(fmt.Sprintf("<= %g of the peer", share), r.Ours <= share*r.Peer))
	return nil
}

// peerEvents runs conntrack -E while work makes events, and returns how many
// it printed and the processor time it took.
func (w *world) peerEvents(work func() error) (lines int, cpu float64, err error) {
	cmd := exec.CommandContext(w.ctx, "conntrack", "-E", "--buffer-size", fmt.Sprint(64<<20))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := w.ns.Do(cmd.Start); err != nil {
		return 0, 0, err
	}
	printed := make(chan int, 1)
	go func() {
		total, buf := 0, make([]byte, 1<<16)
		for {
			n, err := out.Read(buf)
			total += bytes.Count(buf[:n], []byte("\n"))
			if err != nil {
				if err != io.EOF {
					total = -1
				}
				printed <- total
				return
			}
		}
	}()
	time.Sleep(300 * time.Millisecond) // until it listens; it does not say
	err = work()
	time.Sleep(time.Second)
	_ = cmd.Process.Signal(syscall.SIGINT)
	lines = <-printed
	_ = cmd.Wait()
	return lines, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), err
}

// makeEvents makes so many events through netlink, half of them by deletes, at
// a rate, and returns their number.
func (w *world) makeEvents(events, rate int) (int, error) {
	batch, err := w.kernel.Batch(w.ctx, conntrack.BatchOptions{})
	if err != nil {
		return 0, err
	}
	const block = 2000
	start, made := time.Now(), 0
	for ; made < events; made += 2 * block {
		for i := range block {
			if err := batch.Add(udpFlow(i)); err != nil {
				return made, err
			}
		}
		for i := range block {
			d, err := wire.NewDelete(wire.Key{Tuple: udpFlow(i).Entry.Orig})
			if err != nil {
				return made, err
			}
			if err := batch.Add(d); err != nil {
				return made, err
			}
		}
		time.Sleep(time.Duration(made+2*block)*time.Second/time.Duration(rate) - time.Since(start))
	}
	res, err := batch.Close()
	return made, counted(err, res.Applied, made)
}

func udpFlow(i int) *wire.Create {
	c := newFlow(10*i + 1)
	c.Entry.Status |= wire.StatusConfirmed
	return c
}

// sendPackets makes n flows, one event each, by a UDP packet to an address of
// its own on the loopback.
func (w *world) sendPackets(n int) (int, error) {
	return n, w.ns.Do(func() error {
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
